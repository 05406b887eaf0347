package orchestrator

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// A name that the plan does not have is refused before it becomes a build: subscribers,
// queue and history hear nothing of it.
func TestTypingMistakesAreNoBuilds(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} {
		w := newWorld()
		s := w.service(t)
		if first {
			built(t, s)
		}
		before, err := s.History(t.Context(), ipc.HistoryRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			req  ipc.BuildRequest
			hint string
		}{
			{ipc.BuildRequest{Targets: []string{"ap"}}, "did you mean app?"},
			{ipc.BuildRequest{Targets: []string{"app", "zzzzzzzz"}}, "its targets are math, app"},
			{ipc.BuildRequest{Files: []string{"util.cpp"}}, "did you mean src/util.cpp?"},
			{ipc.BuildRequest{Files: []string{"src/utli.cpp"}}, "did you mean src/util.cpp?"},
			{ipc.BuildRequest{Files: []string{"src"}, Detach: true}, "check sources"},
		} {
			o := build1(t, s, c.req)
			equal(t, "code", ipc.CodeOf(o.err), ipc.CodeUnknownFile)
			equal(t, "events", len(o.events), 0)
			var e *ipc.Error
			if !errors.As(o.err, &e) || !strings.HasPrefix(e.Hint, c.hint) {
				t.Errorf("%+v: hint %q, want %q", c.req, e.Hint, c.hint)
			}
		}
		after, err := s.History(t.Context(), ipc.HistoryRequest{})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "builds in the history", len(after.Builds), len(before.Builds))
	}
}

func TestBuildsByTheEndOfTheirID(t *testing.T) {
	t.Parallel()
	h := &history{}
	for _, id := range []string{"20260101-010101-aabbccdd", "20260101-010102-11bbccdd"} {
		h.add(ipc.BuildRecord{Build: id, Counts: ipc.Counts{Compiled: 1}})
	}
	for id, want := range map[string]string{
		"20260101-010101-aabbccdd": "20260101-010101-aabbccdd",
		"aabbccdd":                 "20260101-010101-aabbccdd",
		"11bbccdd":                 "20260101-010102-11bbccdd",
		"bbccdd":                   "",
		"nope":                     "",
	} {
		got, err := h.find(id)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("find(%s) = %q, %v, want %q", id, got, err, want)
		}
	}
}

func TestReasonsThatAreKnownBetter(t *testing.T) {
	t.Parallel()
	never := ipc.Reason{Code: ipc.ReasonNew, Text: "never run before"}
	changed := []ipc.Cause{{Kind: ipc.CauseChanged, Path: "gen.sh"}}
	for _, c := range []struct {
		reason ipc.Reason
		causes []ipc.Cause
		seen   bool
		want   string
	}{
		{never, nil, false, "never run before"},
		{never, nil, true, "no record of the last inputs"},
		{never, changed, true, "gen.sh changed"},
		{ipc.Reason{}, nil, false, "never run before"},
		{ipc.Reason{}, nil, true, "up to date"},
		{ipc.Reason{}, changed, false, "gen.sh changed"},
		{ipc.Reason{Code: ipc.ReasonFlags, Text: "flags added: -g"}, changed, true, "flags added: -g"},
	} {
		if got := completeReason(c.reason, ipc.ActionCommand, c.causes, c.seen); got.Text != c.want {
			t.Errorf("%+v %v %v: %q, want %q", c.reason, c.causes, c.seen, got.Text, c.want)
		}
	}
}

// What the history lists was made before: also where another process made it, or where
// the plan did not have it for a while.
func TestWhatWasMadeBeforeIsNotNew(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), t.TempDir()
	keep := func(c *Config) { c.StateDir = dir }
	daemon := w.service(t, keep)
	other := w.service(t, keep) // opened while there is no history
	built(t, daemon)
	daemon.Close()
	check := func(when string, o outcome) {
		t.Helper()
		for _, b := range bodies[ipc.UnitFinished](o) {
			if !b.Seen || strings.HasPrefix(b.Reason.Text, "never ") {
				t.Errorf("%s: %s: seen %v, %s", when, b.File, b.Seen, b.Reason.Text)
			}
		}
		for _, b := range bodies[ipc.LinkFinished](o) {
			if strings.HasPrefix(b.Reason.Text, "never ") {
				t.Errorf("%s: %s: %s", when, b.Target, b.Reason.Text)
			}
		}
	}
	w.write("src/main.cpp", "new")
	o := built(t, other)
	equal(t, "made by another process", len(bodies[ipc.UnitFinished](o)) > 0, true)
	check("after a build of another process", o)

	all := w.plan
	w.newPlan(func(p *ipc.Plan) {
		p.Targets = p.Targets[:1]
		p.Actions = slices.DeleteFunc(p.Actions, func(a ipc.Action) bool { return a.Target != p.Targets[0].Name })
	})
	built(t, other)
	w.write("src/util.cpp", "new")
	w.newPlan(func(p *ipc.Plan) { p.Targets, p.Actions = all.Targets, all.Actions })
	o = built(t, other)
	equal(t, "made again", len(bodies[ipc.LinkFinished](o)) > 0, true)
	check("back in the plan", o)
}
