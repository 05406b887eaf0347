package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

var t0 = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func event(after time.Duration, build string, body ipc.EventBody) ipc.Event {
	return ipc.Event{Schema: 1, Name: body.EventName(), Time: t0.Add(after), Build: build, Body: body}
}

func TestBuildFromItsEvents(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.Apply(event(0, "b1", ipc.BuildQueued{Position: 1}))
	if len(s.Queue.Waiting) != 1 {
		t.Fatal("the request does not wait")
	}
	s.Apply(event(time.Second, "b1", ipc.BuildStarted{Project: "app", Root: "/src", Trigger: "watch"}))
	if len(s.Queue.Waiting) != 0 || !s.Running() {
		t.Fatal("the build that started still waits")
	}
	s.Apply(event(time.Second, "b1", ipc.BuildPlanned{Units: 5, Dirty: 3, Expected: 6}))
	s.Apply(event(time.Second, "b1", ipc.UnitsCached{Count: 2}))
	s.Apply(event(time.Second, "b1", ipc.UnitStarted{File: "a.cpp", Target: "app", Expected: 2}))
	s.Apply(event(time.Second, "b1", ipc.UnitStarted{File: "b.cpp", Target: "app"}))
	s.Apply(event(3*time.Second, "b1", ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled, Seconds: 2}))
	c := s.Current
	if done, of := c.Progress(); done != 1 || of != 3 {
		t.Errorf("progress %d of %d", done, of)
	}
	if jobs := c.Jobs(); len(jobs) != 1 || jobs[0].Name != "b.cpp" {
		t.Errorf("jobs %v", jobs)
	}
	if left := c.Left(t0.Add(3 * time.Second)); left != 4*time.Second {
		t.Errorf("%v left", left)
	}
	s.Apply(event(5*time.Second, "b1", ipc.BuildFinished{OK: true, Seconds: 4, Counts: ipc.Counts{Cached: 2, Compiled: 1, Skipped: 2}}))
	if s.Running() || c.Elapsed(t0.Add(time.Hour)) != 4*time.Second || c.Units[1].Status != ipc.StatusSkipped {
		t.Errorf("after the end: %+v, %+v", c, c.Units[1])
	}
	if len(s.History) != 1 || s.History[0].Compiled != 1 || len(s.Samples("app:a.cpp")) != 1 {
		t.Errorf("history %+v", s.History)
	}
}

// A snapshot after a loss of events ends what does not run any more, with what the
// history says of it, and begins what does.
func TestSnapshotReconciles(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.Apply(event(0, "b1", ipc.BuildStarted{}))
	s.Apply(event(0, "b1", ipc.UnitStarted{File: "a.cpp", Target: "app"}))
	record := ipc.BuildRecord{Build: "b1", Started: t0, Seconds: 3, Success: false, Detail: "a.cpp failed", Counts: ipc.Counts{Failed: 1}}
	s.Apply(event(time.Minute, "", ipc.Snapshot{Recent: []ipc.BuildRecord{record}, Queue: ipc.QueueReply{Running: &ipc.BuildInfo{
		Build: "b2", Since: t0.Add(time.Minute), Units: 4, Done: 1, Jobs: []ipc.RunningJob{{ID: "app:c.cpp", File: "c.cpp", Since: t0.Add(time.Minute)}},
	}}}))
	if s.Current.ID != "b2" || len(s.Current.Jobs()) != 1 {
		t.Errorf("current: %+v", s.Current)
	}
	if b := s.Build("b1"); b == nil || b.OK || b.Detail != "a.cpp failed" || !b.Finished {
		t.Errorf("b1: %+v", b)
	}
	s.Apply(event(2*time.Minute, "", ipc.Snapshot{}))
	if s.Running() || s.Current.OK {
		t.Error("b2 still runs, or ended well, though nobody knows")
	}
	if s.All[0].Status == StatusRunning || len(s.Current.Jobs()) != 0 {
		t.Error("a unit of an ended build still runs")
	}
}

// A late word on another build is not mixed into the one that runs.
func TestLateEventsOfAnotherBuild(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.Apply(event(0, "b2", ipc.BuildStarted{}))
	s.Apply(event(0, "b1", ipc.UnitFinished{File: "a.cpp", Status: ipc.StatusFailed}))
	s.Apply(event(0, "b1", ipc.BuildFinished{}))
	if s.Current.ID != "b2" || s.Current.Finished || len(s.Current.Units) != 0 {
		t.Errorf("current: %+v", s.Current)
	}
}

func TestDaemons(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	up := ipc.DaemonStatus{Name: ipc.NameSetup, State: ipc.StateRunning, PID: 7, Uptime: 60, RSS: 1 << 20, Requests: 100}
	s.SetDaemon(up, t0)
	rev := s.Rev(Daemons)
	up.Uptime, up.Requests, up.RSS = 62, 104, 1<<20+steady/2 // two seconds later, asked by those who look
	s.SetDaemon(up, t0.Add(2*time.Second))
	if s.Rev(Daemons) != rev || s.Daemon(ipc.NameSetup).Requests != 100 {
		t.Error("a daemon on which nothing happened changed")
	}
	up.Requests = 504
	s.SetDaemon(up, t0.Add(3*time.Second))
	if s.Rev(Daemons) == rev || s.Daemon(ipc.NameSetup).Requests != 504 {
		t.Error("real requests are not counted")
	}
	for i := range 2 * maxTrend {
		up.RSS = int64(i) * steady
		s.SetDaemon(up, t0)
	}
	if n := len(s.Daemon(ipc.NameSetup).RSS); n != maxTrend {
		t.Errorf("%d samples", n)
	}
	s.SetDaemon(ipc.DaemonStatus{Name: ipc.NameSetup, State: ipc.StateCrashed}, t0)
	if d := s.Daemon(ipc.NameSetup); d.RSS != nil || !d.Since.IsZero() {
		t.Error("a crashed daemon has memory and an uptime")
	}
	if up, of := s.Up(); up != 0 || of != 4 {
		t.Errorf("%d of %d", up, of)
	}
}

func TestDirtyIsForgottenAfterAGoodBuild(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.Apply(event(0, "", ipc.FilesChanged{Paths: []string{"a.h", "b.h"}, Dirty: 3, Units: []string{"app:a.cpp", "link:app", "step:gen/x.h"}}))
	if s.DirtyCount != 3 || s.Dirty[0].Name != "a.cpp" || s.Dirty[1].Kind != KindLink || s.Dirty[2].Name != "gen/x.h" || s.Dirty[0].Reason.Text != "a.h and others changed" {
		t.Errorf("dirty: %+v", s.Dirty[0])
	}
	s.Apply(event(1, "b1", ipc.BuildStarted{}))
	s.Apply(event(2, "b1", ipc.BuildFinished{OK: true}))
	if s.DirtyCount != 0 || len(s.Dirty) != 0 {
		t.Error("still dirty")
	}
}

func TestHistoryIsSortedAndBounded(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	for i := range 3 * maxHistory {
		n := i * 7919 % (3 * maxHistory)
		s.AddRecord(ipc.BuildRecord{Build: fmt.Sprint("b", n), Started: t0.Add(time.Duration(n) * time.Minute), Hits: 1, Counts: ipc.Counts{Compiled: 1},
			Units: []ipc.UnitRecord{{ID: "app:a.cpp", Status: ipc.StatusCompiled, Seconds: float64(n)}}})
	}
	if len(s.History) != maxHistory || len(s.Samples("app:a.cpp")) != maxSamples {
		t.Errorf("%d builds, %d samples", len(s.History), len(s.Samples("app:a.cpp")))
	}
	for i := 1; i < len(s.History); i++ {
		if s.History[i].Started.After(s.History[i-1].Started) {
			t.Fatal("not sorted")
		}
	}
	newest := s.History[0]
	newest.Units = nil
	s.AddRecord(newest)
	if len(s.History[0].Units) != 1 {
		t.Error("the units were lost")
	}
	if trend := s.HitTrend(5); len(trend) != 5 || trend[0] != 0.5 {
		t.Errorf("trend %v", trend)
	}
}

func TestCommandIsThePlans(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.SetPlan(&ipc.Plan{Toolchains: []ipc.Toolchain{{CXX: "c++"}}, Commands: []ipc.Command{{Lang: "c++", Args: []string{"-O2"}}},
		Units: []ipc.Unit{{ID: "app:a.cpp", Target: "app", Source: "a.cpp", Object: "a.o"}}})
	if got := fmt.Sprint(s.Command(s.All[0])); got != "[c++ -O2 -c a.cpp -o a.o]" {
		t.Error(got)
	}
	if got := s.Command(&Unit{ID: "app:a.cpp", Command: []string{"as", "it", "failed"}}); len(got) != 3 {
		t.Error(got)
	}
}

// A good build of some files leaves the others dirty.
func TestPartialBuildLeavesDirty(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.Apply(event(0, "", ipc.FilesChanged{Paths: []string{"a.h"}, Dirty: 2, Units: []string{"app:a.cpp", "app:b.cpp"}}))
	s.Apply(event(1, "b1", ipc.BuildStarted{Files: []string{"a.cpp"}}))
	s.Apply(event(2, "b1", ipc.BuildFinished{OK: true}))
	if s.DirtyCount != 2 || s.Current.AllGood() {
		t.Errorf("%d dirty after a build of one file", s.DirtyCount)
	}
}

// The last known state of a unit is that of the latest build, in whatever order
// builds become known.
func TestLatestRecordCounts(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	for _, after := range []time.Duration{2, 3, 1} {
		s.AddRecord(ipc.BuildRecord{Build: fmt.Sprint("b", int(after)), Started: t0.Add(after), Units: []ipc.UnitRecord{{ID: "app:a.cpp", Seconds: float64(after)}}})
	}
	if len(s.All) != 1 || s.All[0].Seconds != 3 {
		t.Errorf("last known: %+v", s.All[0])
	}
}
