package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/ipc"
)

// world is an orchestrator as the dashboard hears it: what is so, and the events that
// tell of each change. A snapshot is made from what is so.
type world struct {
	t       *rapid.T
	now     time.Time
	n       int // builds
	shown   []ipc.Event
	running string
	todo    []string // units that the running build has not come to
	jobs    []string
	made    []ipc.UnitRecord
	started time.Time
	queue   []ipc.BuildInfo
	dirty   map[string]string // node → path of its cause
	history []ipc.BuildRecord
	last    map[string]ipc.ExplainFact
	heard   func(ipc.Event) // nil: no listener
	up      bool
}

func newWorldOf(t *rapid.T) *world {
	return &world{t: t, now: sampleNow, dirty: map[string]string{}, last: map[string]ipc.ExplainFact{}, up: true}
}

func (w *world) tell(build string, body ipc.EventBody) {
	w.now = w.now.Add(time.Second)
	e := ipc.Event{Schema: 1, Name: body.EventName(), Time: w.now, Build: build, Body: body}
	if build != "" && build == w.running {
		e.Number = len(w.shown) + 1
		w.shown = append(w.shown, e)
	}
	if w.heard != nil && w.up {
		w.heard(e)
	}
}

func (w *world) tellDirty() { w.tell("", w.dirtyNow()) }

func (w *world) dirtyNow() ipc.DirtyChanged {
	d := ipc.DirtyChanged{Known: true, Count: len(w.dirty)}
	for _, id := range sortedKeys(w.dirty) {
		d.Nodes = append(d.Nodes, ipc.DirtyNode{ID: id, Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: w.dirty[id]}}})
	}
	return d
}

func (w *world) snapshot() ipc.Event {
	s := ipc.Snapshot{Queue: ipc.QueueReply{Waiting: slices.Clone(w.queue)}, Dirty: w.dirtyNow(), Build: slices.Clone(w.shown)}
	for i, name := range ipc.DaemonNames() {
		s.Status.Daemons = append(s.Status.Daemons, ipc.DaemonStatus{Name: name, State: ipc.StateRunning, PID: 100 + i, Port: 9001 + i, Uptime: w.now.Sub(sampleNow).Seconds() + 90})
	}
	s.Status.Project, s.Status.Set = "/home/ada/src/app", "app-1"
	for _, r := range slices.Backward(w.history) {
		r.Units = nil
		s.Recent = append(s.Recent, r)
	}
	return ipc.Event{Schema: 1, Name: "snapshot", Time: w.now, Body: s}
}

// facts are the answers to what a dashboard asks when it has contact.
func (w *world) facts() (ipc.HistoryReply, ipc.QueueReply) {
	var reply ipc.HistoryReply
	for _, r := range slices.Backward(w.history) {
		reply.Builds = append(reply.Builds, r)
	}
	for _, id := range sortedKeys(w.last) {
		reply.Last = append(reply.Last, w.last[id])
	}
	return reply, ipc.QueueReply{Waiting: slices.Clone(w.queue)}
}

func (w *world) start(id string) {
	w.running, w.shown, w.made, w.jobs, w.started = id, nil, nil, nil, w.now
	w.todo = sortedKeys(w.dirty)
	w.tell(id, ipc.BuildStarted{Project: "app", Root: "/home/ada/src/app", Trigger: ipc.TriggerCommand})
	w.tell(id, ipc.BuildPlanned{Units: len(sampleFiles), Dirty: len(w.todo), Nodes: slices.Clone(w.todo)})
}

func (w *world) finishJob(i int, status string) {
	id := w.jobs[i]
	w.jobs = slices.Delete(w.jobs, i, i+1)
	target, file := splitUnit(id)
	u := ipc.UnitRecord{ID: id, File: file, Target: target, Status: status, Reason: ipc.Reason{Code: ipc.ReasonInput, Text: "x changed", Path: "x"}, Seconds: 2}
	w.made = append(w.made, u)
	w.tell(w.running, ipc.UnitFinished{File: file, Target: target, Status: status, Reason: u.Reason, Seconds: 2})
	if status != ipc.StatusSkipped {
		delete(w.dirty, id)
		w.last[id] = ipc.ExplainFact{Build: w.running, Time: w.started, UnitRecord: u}
	}
}

func (w *world) finish(cancelled bool) {
	for len(w.jobs) > 0 {
		w.finishJob(0, ipc.StatusSkipped)
	}
	c := ipc.Counts{}
	for _, u := range w.made {
		switch u.Status {
		case ipc.StatusCompiled:
			c.Compiled++
		case ipc.StatusFailed:
			c.Failed++
		case ipc.StatusSkipped:
			c.Skipped++
		}
	}
	ok := !cancelled && c.Failed == 0
	seconds := w.now.Sub(w.started).Seconds()
	w.tellDirty()
	first := w.shown[0].Time
	w.history = append(w.history, ipc.BuildRecord{
		Build: w.running, Started: first, Seconds: seconds, Trigger: ipc.TriggerCommand, Success: ok, Cancelled: cancelled, Counts: c, Units: w.made,
	})
	w.tell(w.running, ipc.BuildFinished{OK: ok, Cancelled: cancelled, Counts: c, Seconds: seconds})
	w.running = ""
	if len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		for i, q := range w.queue {
			w.tell(q.Build, ipc.BuildQueued{Position: i + 1, Trigger: q.Trigger, Targets: q.Targets})
		}
		w.start(next.Build)
	}
}

// step does one thing that may happen.
func (w *world) step() {
	switch rapid.SampledFrom([]string{"edit", "edit", "request", "job", "job", "done", "done", "failed", "finish", "cancel", "drop"}).Draw(w.t, "what") {
	case "edit":
		f := sampleFiles[rapid.IntRange(0, len(sampleFiles)-1).Draw(w.t, "file")]
		w.dirty[f.target+":"+f.file] = f.file
		w.tell("", ipc.FilesChanged{Paths: []string{f.file}, Dirty: len(w.dirty)})
		w.tellDirty()
	case "request":
		w.n++
		id := fmt.Sprintf("20260314-%06d-%08d", w.n, w.n)
		if w.running == "" {
			w.start(id)
			return
		}
		q := ipc.BuildInfo{Build: id, Trigger: ipc.TriggerCommand, Targets: []string{"net"}, Callers: 1}
		w.now = w.now.Add(time.Second)
		q.Since = w.now.Add(time.Second)
		w.queue = append(w.queue, q)
		w.tell(id, ipc.BuildQueued{Position: len(w.queue), Trigger: q.Trigger, Targets: q.Targets})
	case "job":
		if len(w.todo) > 0 && w.running != "" {
			id := w.todo[0]
			w.todo, w.jobs = w.todo[1:], append(w.jobs, id)
			target, file := splitUnit(id)
			w.tell(w.running, ipc.UnitStarted{File: file, Target: target, Expected: 3})
		}
	case "done":
		if len(w.jobs) > 0 {
			w.finishJob(rapid.IntRange(0, len(w.jobs)-1).Draw(w.t, "job"), ipc.StatusCompiled)
		}
	case "failed":
		if len(w.jobs) > 0 {
			w.finishJob(0, ipc.StatusFailed)
		}
	case "finish", "cancel":
		if w.running != "" {
			w.finish(false)
		}
	case "drop":
		if len(w.queue) > 0 {
			gone := w.queue[len(w.queue)-1]
			w.queue = w.queue[:len(w.queue)-1]
			w.tell(gone.Build, ipc.BuildFinished{Cancelled: true})
		}
	}
}

// die ends the orchestrator: the build that runs goes on without it, and what waits is
// gone.
func (w *world) die() {
	w.up, w.queue = false, nil
	if w.running != "" {
		w.finish(false)
	}
	w.shown = nil
}

func splitUnit(id string) (target, file string) {
	for _, f := range sampleFiles {
		if f.target+":"+f.file == id {
			return f.target, f.file
		}
	}
	return "", id
}

// dashboard is a dashboard of the world.
func (w *world) dashboard() *Model {
	m, err := New(Config{
		Root: "/home/ada/src/app", Set: "app-1", Orchestrator: silentOrchestrator{}, Env: testEnv(), Location: time.UTC,
		timer: noTimers, now: func() time.Time { return w.now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	m.size(200, 60)
	return m
}

// silentOrchestrator answers nothing.
type silentOrchestrator struct{ ipc.Orchestrator }

// connect gives a dashboard what one gets when it has contact.
func (w *world) connect(m *Model) {
	m.update(linkMsg{live: true})
	m.update(eventsMsg{w.snapshot()})
	w.answer(m)
	w.heard = func(e ipc.Event) { m.update(eventsMsg{e}) }
}

func (w *world) answer(m *Model) {
	reply, queue := w.facts()
	m.update(planMsg{samplePlan()})
	m.update(historyMsg{reply: reply})
	m.update(queueMsg{reply: queue})
}

// Whatever happens, builds, edits, cancellations, lost events, deaths of the
// orchestrator and its return: a dashboard shows what one shows that starts now.
func TestShowsWhatAFreshOneShows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorldOf(t)
		old := w.dashboard()
		w.connect(old)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 12).Draw(t, "event") {
			case 0: // events are lost: a snapshot takes their place
				hear := w.heard
				w.heard = nil
				w.step()
				w.step()
				w.heard = hear
				old.update(eventsMsg{w.snapshot()})
				w.answer(old)
			case 1:
				w.die()
				old.update(linkMsg{live: false})
				if old.state.Lost.IsZero() {
					t.Fatal("contact is not lost")
				}
				w.step()
				w.up = true
				w.connect(old)
			default:
				w.step()
			}
			young := w.dashboard()
			keep := w.heard
			w.connect(young)
			w.heard = keep
			compare(t, w, old, young)
		}
	})
}

// compare fails unless two dashboards show the same in all panes but the log, which is
// what each has heard.
func compare(t *rapid.T, w *world, old, young *Model) {
	old.state.SetNow(w.now)
	young.state.SetNow(w.now)
	for _, p := range []PaneID{PaneDaemons, PaneBuild, PaneFiles} {
		a, b := paneText(old, p), paneText(young, p)
		if a != b {
			t.Fatalf("pane %v shows\n%s\na fresh one\n%s", p, a, b)
		}
	}
	if a, b := old.state.DirtyRows(), young.state.DirtyRows(); a != b {
		t.Fatalf("%d dirty, a fresh one says %d", a, b)
	}
}

// paneText is a pane as it is drawn, with the cursor at the top.
func paneText(m *Model, p PaneID) string {
	m.refresh()
	m.pane(p).Move(&m.ctx, -1<<30)
	return ansi.Strip(strings.Join(m.pane(p).Render(&m.ctx, 110, 20, false), "\n"))
}
