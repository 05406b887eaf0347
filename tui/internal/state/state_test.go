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
	if s.Running() || len(s.All) != 0 {
		t.Error("b2 still runs, though no snapshot tells of it")
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

// A row is dirty with its own cause while discovery says so, also if the build that
// ended last made it.
func TestRowsAreDirtyWithTheirOwnCauses(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.SetLink(LinkLive)
	s.SetPlan(&ipc.Plan{Actions: []ipc.Action{{ID: "app:a.cpp", Kind: ipc.ActionCompile, Target: "app", Source: "a.cpp"}, {ID: "app:b.cpp", Kind: ipc.ActionCompile, Target: "app", Source: "b.cpp"}, {ID: "link:app", Kind: ipc.ActionLink, Target: "app", Outputs: []string{"build/app"}}}, Targets: []ipc.Target{{Name: "app", Output: "build/app"}}})
	s.Apply(event(0, "", ipc.DirtyChanged{Known: true}))
	s.Apply(event(1, "b1", ipc.BuildStarted{}))
	s.Apply(event(1, "b1", ipc.BuildPlanned{Units: 2, Dirty: 2, Nodes: []string{"app:a.cpp", "app:b.cpp"}}))
	if row := s.All[s.units["app:a.cpp"]]; row.Status != StatusQueued {
		t.Errorf("before its turn: %+v", row)
	}
	s.Apply(event(2, "b1", ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled, Seconds: 2}))
	s.Apply(event(2, "b1", ipc.UnitFinished{File: "b.cpp", Target: "app", Status: ipc.StatusFailed, Diagnostics: "no"}))
	s.Apply(event(3, "b1", ipc.BuildFinished{Counts: ipc.Counts{Compiled: 1, Failed: 1}}))
	status := func(id string) string { return s.All[s.units[id]].Status }
	if status("app:a.cpp") != ipc.StatusCompiled || status("link:app") != StatusNotBuilt {
		t.Errorf("after the build: %s, link %s", status("app:a.cpp"), status("link:app"))
	}
	s.Apply(event(4, "", ipc.DirtyChanged{Known: true, Count: 2, Nodes: []ipc.DirtyNode{
		{ID: "app:a.cpp", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: "a.h"}, {Kind: ipc.CauseChanged, Path: "z.h"}}},
		{ID: "app:b.cpp", Causes: []ipc.Cause{{Kind: ipc.CauseUnsettled}}},
		{ID: "plan", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: "replibuild.toml"}}},
	}}))
	a := s.All[s.units["app:a.cpp"]]
	if a.Status != StatusDirty || a.Reason.Text != "a.h changed" || a.Seconds != 2 {
		t.Errorf("a.cpp: %+v", a)
	}
	if status("app:b.cpp") != ipc.StatusFailed {
		t.Error("what failed is dirty by that only, and failed is what is told")
	}
	if name := s.All[s.units["plan"]].Name; name != "replibuild.toml" || s.DirtyRows() != 2 {
		t.Errorf("the plan is called %q, %d rows are dirty", name, s.DirtyRows())
	}
	s.Apply(event(5, "", ipc.DirtyChanged{Known: true}))
	if status("app:a.cpp") != ipc.StatusCompiled || s.DirtyRows() != 0 {
		t.Errorf("reverted: %s", status("app:a.cpp"))
	}
}

// Without contact clocks stop and nothing is called up to date; a snapshot replaces all.
func TestContactLost(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.SetLink(LinkLive)
	s.SetLast([]ipc.ExplainFact{{Build: "b0", Time: t0, UnitRecord: ipc.UnitRecord{ID: "app:a.cpp", File: "a.cpp", Status: ipc.StatusCached, Seconds: 0.01, Saved: 3}}})
	s.Apply(event(0, "", ipc.Snapshot{Dirty: ipc.DirtyChanged{Known: true}}))
	if row := s.All[0]; row.Status != StatusUpToDate || row.Seconds != 3 || row.Reason.Text != "" {
		t.Errorf("at rest: %+v", row)
	}
	s.Apply(event(0, "b1", ipc.BuildStarted{}))
	s.SetNow(t0.Add(20 * time.Second))
	s.SetLink(LinkDown)
	s.SetNow(t0.Add(time.Hour))
	if got := s.Current.Elapsed(s.Clock()); got != 20*time.Second {
		t.Errorf("the clock says %v", got)
	}
	if s.All[0].Status != StatusToCheck {
		t.Errorf("without contact: %+v", s.All[0])
	}
	s.SetLink(LinkLive)
	s.Apply(event(time.Hour, "", ipc.Snapshot{
		Dirty:  ipc.DirtyChanged{Known: true},
		Recent: []ipc.BuildRecord{{Build: "b1", Started: t0, Seconds: 30, Success: true}},
	}))
	if b := s.Build(""); b == nil || b.ID != "b1" || !b.OK || s.Running() || s.DirtyRows() != 0 || s.All[0].Status != StatusUpToDate {
		t.Errorf("with contact again: %+v, %+v", b, s.All[0])
	}
}

// The end of a request that waited takes it off the queue.
func TestQueueFollowsItsEvents(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.Apply(event(0, "b1", ipc.BuildStarted{}))
	s.Apply(event(1, "b2", ipc.BuildQueued{Position: 1, Targets: []string{"lib"}}))
	s.Apply(event(1, "b3", ipc.BuildQueued{Position: 2, Files: []string{"a.cpp"}}))
	if q := s.Queue.Waiting; len(q) != 2 || q[0].Targets[0] != "lib" || q[1].Files[0] != "a.cpp" {
		t.Errorf("waiting: %+v", q)
	}
	s.Apply(event(2, "b2", ipc.BuildFinished{Cancelled: true}))
	s.Apply(event(2, "b3", ipc.BuildQueued{Position: 1}))
	if q := s.Queue.Waiting; len(q) != 1 || q[0].Build != "b3" || q[0].Files[0] != "a.cpp" || s.Current.ID != "b1" || len(s.History) != 0 {
		t.Errorf("after the cancellation: %+v, %+v", q, s.Current)
	}
}

// Events that a snapshot tells may come again.
func TestEventsThatComeTwice(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	all := []ipc.Event{
		event(0, "b1", ipc.BuildStarted{}), event(0, "b1", ipc.UnitsCached{Count: 3}), event(0, "b1", ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled}),
	}
	for i := range all {
		all[i].Number = i + 1
	}
	s.Apply(event(0, "", ipc.Snapshot{Build: all}))
	for _, e := range all {
		s.Apply(e)
	}
	if c := s.Current; c.InPlace != 3 || c.Counts != (ipc.Counts{Cached: 3, Compiled: 1}) || c.Steps != 1 {
		t.Errorf("counted twice: %+v", c)
	}
}

func TestHistoryIsSortedAndBounded(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	for i := range 3 * MaxHistory {
		n := i * 7919 % (3 * MaxHistory)
		s.AddRecord(ipc.BuildRecord{Build: fmt.Sprint("b", n), Started: t0.Add(time.Duration(n) * time.Minute), Hits: 1, Counts: ipc.Counts{Compiled: 1},
			Units: []ipc.UnitRecord{{ID: "app:a.cpp", Status: ipc.StatusCompiled, Seconds: float64(n)}}})
	}
	if len(s.History) != MaxHistory || len(s.Samples("app:a.cpp")) != maxSamples {
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
		Actions: []ipc.Action{{ID: "app:a.cpp", Kind: ipc.ActionCompile, Target: "app", Source: "a.cpp", Outputs: []string{"a.o"}}}})
	if got := fmt.Sprint(s.Command(s.All[0])); got != "[c++ -O2 -c a.cpp -o a.o]" {
		t.Error(got)
	}
	if got := s.Command(&Unit{ID: "app:a.cpp", Command: []string{"as", "it", "failed"}}); len(got) != 3 {
		t.Error(got)
	}
}

// The last known state of a unit is that of the latest build, in whatever order
// builds become known.
func TestLatestRecordCounts(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	for _, after := range []time.Duration{2, 3, 1} {
		s.AddRecord(ipc.BuildRecord{Build: fmt.Sprint("b", int(after)), Started: t0.Add(after), Units: []ipc.UnitRecord{{ID: "app:a.cpp", Status: ipc.StatusCompiled, Seconds: float64(after)}}})
	}
	s.AddRecords(nil)
	if len(s.All) != 1 || s.All[0].Seconds != 3 {
		t.Errorf("last known: %+v", s.All)
	}
}

// A build that looks for changes again counts what it made the first time among what is
// up to date; it is not counted twice.
func TestSecondLookCountsOnce(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	unit := ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled}
	s.Apply(event(0, "b1", ipc.BuildStarted{}))
	s.Apply(event(1, "b1", ipc.BuildPlanned{Units: 5, Dirty: 2}))
	s.Apply(event(1, "b1", ipc.UnitsCached{Count: 3}))
	s.Apply(event(2, "b1", unit))
	unit.File, unit.Status = "b.cpp", ipc.StatusCached
	s.Apply(event(2, "b1", unit))
	check := func(when string) {
		t.Helper()
		if c := s.Current; c.InPlace != 3 || c.Hits() != 1 || c.Counts.Cached != 4 {
			t.Errorf("%s: %d up to date, %d hits, %+v", when, c.InPlace, c.Hits(), c.Counts)
		}
	}
	check("the first look")
	s.Apply(event(3, "b1", ipc.UnitsCached{Count: 5})) // nothing to do
	check("nothing changed meanwhile")
	s.Apply(event(4, "b1", ipc.BuildPlanned{Units: 5, Dirty: 1}))
	s.Apply(event(4, "b1", ipc.UnitsCached{Count: 4}))
	check("a.cpp changed meanwhile")
	s.Apply(event(5, "b1", ipc.BuildFinished{OK: true, Counts: ipc.Counts{Cached: 4, Compiled: 1}}))
	check("the end")
	if r := s.History[0]; r.Hits != 1 {
		t.Errorf("record: %+v", r)
	}
}

// Without contact it is not known what waits and what has changed, and nothing is
// counted as up to date.
func TestNothingIsKnownWithoutContact(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	s.SetLink(LinkLive)
	dirty := ipc.DirtyChanged{Known: true, Nodes: []ipc.DirtyNode{{ID: "app:b.cpp", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: "b.cpp"}}}}}
	s.Apply(event(0, "", ipc.Snapshot{Dirty: dirty, Queue: ipc.QueueReply{Waiting: []ipc.BuildInfo{{Build: "b2"}}}}))
	s.Apply(event(0, "b1", ipc.BuildStarted{}))
	s.Apply(event(1, "b1", ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled}))
	if s.DirtyRows() != 1 || s.CleanRows() != 1 || len(s.Queue.Waiting) != 1 {
		t.Fatalf("before: %d dirty, %d clean, %d wait", s.DirtyRows(), s.CleanRows(), len(s.Queue.Waiting))
	}
	s.SetNow(t0.Add(time.Second))
	s.SetLink(LinkDown)
	if s.DirtyRows() != 0 || s.CleanRows() != 0 || len(s.Queue.Waiting) != 0 {
		t.Errorf("after: %d dirty, %d clean, %d wait", s.DirtyRows(), s.CleanRows(), len(s.Queue.Waiting))
	}

	s.EndedElsewhere()
	if !s.Running() {
		t.Error("a build without further events has ended")
	}
	s.AddRecord(ipc.BuildRecord{Build: "b9", Started: t0.Add(time.Minute), Success: true})
	s.EndedElsewhere()
	if b := s.Build(""); s.Running() || b.ID != "b9" || !b.OK {
		t.Errorf("the command that went on by itself has ended: %+v", b)
	}
}

// The dashboard knows when a daemon died if it saw it run before.
func TestWhenADaemonDied(t *testing.T) {
	t.Parallel()
	s := New("/src", "app-1")
	set := func(state string, after time.Duration) time.Time {
		s.SetDaemon(ipc.DaemonStatus{Name: ipc.NameSetup, State: state}, t0.Add(after))
		return s.Daemon(ipc.NameSetup).Died
	}
	if at := set(ipc.StateCrashed, 0); !at.IsZero() {
		t.Errorf("it had crashed before: %v", at)
	}
	set(ipc.StateRunning, 1)
	set(ipc.StateCrashed, time.Minute)
	if at := set(ipc.StateCrashed, time.Hour); !at.Equal(t0.Add(time.Minute)) {
		t.Errorf("died at %v", at)
	}
	if at := set(ipc.StateRunning, 2*time.Hour); !at.IsZero() {
		t.Errorf("it runs again: %v", at)
	}
}

// A build that was announced late takes as long as it says, in the summary as in the history.
func TestAnnouncedLate(t *testing.T) {
	t.Parallel()
	s := New("/p", "p-1")
	s.Apply(event(time.Second, "b1", ipc.BuildStarted{}))
	s.Apply(event(2*time.Second, "b1", ipc.BuildFinished{OK: true, Seconds: 1.5}))
	if took, told := s.Current.Elapsed(t0).Seconds(), s.History[0].Seconds; took != 1.5 || told != 1.5 {
		t.Errorf("%v and %v s", took, told)
	}
}
