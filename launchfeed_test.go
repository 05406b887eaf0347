package replibuild

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestLaunchFeed has a daemon tell of launched commands, and looks at the builds that come of it.
func TestLaunchFeed(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p, err := OpenUser(Options{Env: []string{"HOME=" + home, "REPLIBUILD_HOME=" + home}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	record := func(seconds float64, result, file string) ipc.LaunchRecord {
		return ipc.LaunchRecord{Time: at(seconds), Dir: "/w/" + file[:1], Args: []string{"gcc", "-c", file, "-o", "x.o"}, Result: result}
	}
	failed, linked, changed := record(1.5, ipc.LaunchedNotStored, "b.c"), record(0, ipc.LaunchedAlone, "link"), record(9, ipc.LaunchedMiss, "a.c")
	failed.Failed, changed.Why = true, "a.h changed"
	feed := p.LaunchFeed()
	var got []string
	tell := func(e ipc.Event) {
		switch b := e.Body.(type) {
		case ipc.BuildStarted:
			got = append(got, "started by "+b.Trigger)
		case ipc.UnitStarted:
			got = append(got, "compiling "+b.File)
		case ipc.UnitFinished:
			got = append(got, fmt.Sprintf("%s %s in %s: %s", b.File, b.Status, b.Target, b.Reason.Text))
		case ipc.BuildFinished:
			got = append(got, fmt.Sprintf("finished %v in %.1fs, %+v, %s", b.OK, b.Seconds, b.Counts, b.Detail))
		}
	}
	for _, step := range []struct {
		now   float64
		reply ipc.LaunchesReply
	}{
		{1, ipc.LaunchesReply{Noted: 3, Running: 1, Last: []ipc.LaunchRecord{linked, record(0.5, ipc.LaunchedHit, "a.c"), record(1, ipc.LaunchedMiss, "b.c")}}},
		{5, ipc.LaunchesReply{Noted: 3, Running: 1}}, // a compile that takes long
		{6, ipc.LaunchesReply{Noted: 4, Last: []ipc.LaunchRecord{failed}}},
		{9, ipc.LaunchesReply{Noted: 6, Last: []ipc.LaunchRecord{changed, record(9.5, ipc.LaunchedStored, "a.c")}}},
		{20, ipc.LaunchesReply{Noted: 6}},
		{21, ipc.LaunchesReply{Noted: 1, Last: []ipc.LaunchRecord{record(21, ipc.LaunchedHit, "c.c")}}}, // of another daemon
		{21, ipc.LaunchesReply{Noted: 1, Last: []ipc.LaunchRecord{record(21, ipc.LaunchedHit, "c.c")}}}, // asked from the beginning
		{30, ipc.LaunchesReply{Noted: 1}},
		{31, ipc.LaunchesReply{Noted: 3, Running: 2, Last: []ipc.LaunchRecord{record(31, ipc.LaunchedMiss, "d.c"), record(31, ipc.LaunchedMiss, "e.c")}}},
		{36, ipc.LaunchesReply{Noted: 4, Running: 1, Last: []ipc.LaunchRecord{record(36, ipc.LaunchedStored, "d.c")}}}, // the same build
		{41, ipc.LaunchesReply{Noted: 5, Last: []ipc.LaunchRecord{record(41, ipc.LaunchedStored, "e.c")}}},
		{50, ipc.LaunchesReply{Noted: 5}},
	} {
		feed.take(t.Context(), step.reply, at(step.now), tell)
	}
	want := []string{
		"started by launcher",
		"/w/a/a.c cached in /w/a: found in the cache",
		"compiling /w/b/b.c",
		"/w/b/b.c failed in /w/b: not in the cache",
		"finished false in 1.0s, {Cached:1 Compiled:0 Failed:1 Skipped:0}, 2.0 commands a second",
		"started by launcher",
		"compiling /w/a/a.c",
		"/w/a/a.c compiled in /w/a: a.h changed",
		"finished true in 0.5s, {Cached:0 Compiled:1 Failed:0 Skipped:0}, 2.0 commands a second",
		"started by launcher",
		"/w/c/c.c cached in /w/c: found in the cache",
		"finished true in 0.0s, {Cached:1 Compiled:0 Failed:0 Skipped:0}, ",
		"started by launcher",
		"compiling /w/d/d.c",
		"compiling /w/e/e.c",
		"/w/d/d.c compiled in /w/d: not in the cache",
		"/w/e/e.c compiled in /w/e: not in the cache",
		"finished true in 10.0s, {Cached:0 Compiled:2 Failed:0 Skipped:0}, 0.2 commands a second",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
	history, _ := feed.History(t.Context(), ipc.HistoryRequest{})
	explained, _ := feed.Explain(t.Context(), ipc.ExplainRequest{Subject: "/w/a/a.c"})
	if len(history.Builds) != 4 || len(explained.Records) != 2 || explained.Records[0].Reason.Text != "a.h changed" {
		t.Errorf("%d builds, %+v", len(history.Builds), explained.Records)
	}
	if _, err := feed.Build(context.Background(), ipc.BuildRequest{}, nil); ipc.CodeOf(err) != ipc.CodeUnavailable {
		t.Errorf("a build: %v", err)
	}
}
