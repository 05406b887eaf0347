package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// errGone is what a client says of a daemon that was killed.
var errGone = fmt.Errorf("read: connection reset: %w", ipc.ErrUnreachable)

// remotes makes the world's services daemons; the stand-ins are fresh services on
// the same files.
func (w *world) remotes(c *Config) (standIns *world) {
	standIns = &world{}
	c.InProcess = false
	c.Discovery.Remote, c.Discovery.HasRemote = w.discovery, true
	c.Setup.Remote, c.Setup.HasRemote = w.setup, true
	c.Compilation.Remote, c.Compilation.HasRemote = w.compilation, true
	c.Discovery.Local = func() (ipc.Discovery, func() error, error) {
		standIns.discovery = &fakeDiscovery{w: w, nodes: map[string]node{}}
		return standIns.discovery, func() error { return nil }, nil
	}
	c.Setup.Local = func() (ipc.Setup, func() error, error) {
		standIns.setup = &fakeSetup{w: w}
		return standIns.setup, func() error { return nil }, nil
	}
	c.Compilation.Local = func() (ipc.Compilation, func() error, error) {
		standIns.compilation = &fakeCompilation{w: w, made: w.compilation.made, calls: map[string]int{}, fails: w.compilation.fails}
		return standIns.compilation, func() error { return nil }, nil
	}
	return standIns
}

// fakeSupervisor knows one PID for each daemon and remembers what it was asked for.
type fakeSupervisor struct {
	mu        sync.Mutex
	states    map[string]string
	ensured   []string
	restarted []string
}

func (f *fakeSupervisor) Status(context.Context) ipc.SetStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := ipc.SetStatus{Schema: ipc.Schema, Project: "/demo", Set: "demo-1"}
	for i, name := range ipc.DaemonNames() {
		state := ipc.StateRunning
		if f.states[name] != "" {
			state = f.states[name]
		}
		s.Daemons = append(s.Daemons, ipc.DaemonStatus{Name: name, State: state, PID: 100 + i, Port: 9001 + i})
	}
	return s
}

func (f *fakeSupervisor) Restart(ctx context.Context, names []string) ([]ipc.DaemonStatus, error) {
	f.mu.Lock()
	f.restarted = append(f.restarted, names...)
	f.mu.Unlock()
	return f.Status(ctx).Daemons, nil
}

func (f *fakeSupervisor) Ensure(_ context.Context, names []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ensured = append(f.ensured, names...)
	return nil
}

func notices(o outcome) (texts []string) {
	for _, n := range bodies[ipc.Notice](o) {
		texts = append(texts, n.Message)
	}
	return texts
}

func TestKilledDaemons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		kill func(*world)
		told string
	}{
		{"compilation before", func(w *world) { w.compilation.breakAt, w.compilation.breakErr = "math:src/math.cpp", errGone }, "compilation daemon (PID 102) does not answer; compiling in this process"},
		{"compilation in mid-build", func(w *world) { w.compilation.breakAt, w.compilation.breakErr = "app:src/util.cpp", errGone }, "compilation daemon (PID 102) does not answer; compiling in this process"},
		{"compilation stopping", func(w *world) {
			w.compilation.breakAt, w.compilation.breakErr = "app:src/util.cpp", ipc.Errorf(ipc.CodeStopping, "bye")
		}, "compilation daemon (PID 102) does not answer; compiling in this process"},
		{"compilation at the link", func(w *world) { w.compilation.breakAt, w.compilation.breakErr = "link:app", errGone }, "compilation daemon (PID 102) does not answer; compiling in this process"},
		{"discovery", func(w *world) { w.discovery.down = errGone }, "discovery daemon (PID 100) does not answer; looking for changes in this process"},
		{"setup", func(w *world) { w.setup.down = errGone }, "setup daemon (PID 101) does not answer; reading the configuration in this process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, super := newWorld(), &fakeSupervisor{}
			s := w.service(t, func(cfg *Config) { w.remotes(cfg); cfg.Supervisor = super })
			c.kill(w)
			o := built(t, s)
			equal(t, "told", notices(o), []string{c.told})
			equal(t, "counts", o.Counts, ipc.Counts{Compiled: 3})
			equal(t, "app", w.output("build/app"), w.want("app"))
			s.Close()
			equal(t, "ensured", super.ensured, []string{strings.Fields(c.told)[0]})
		})
	}
}

// A daemon that was stopped (SIGSTOP) costs what a client waits for a sign of life.
func TestHungDaemonsCostTwoSecondsAtMost(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(*world){
		"discovery": func(w *world) { w.discovery.hang = true },
		"compilation": func(w *world) {
			w.compilation.breakAt, w.compilation.breakErr = "app:src/util.cpp", errGone
			w.compilation.parallel = 3
			w.compilation.during = func(_ context.Context, id string) {
				if _, isLink := linkedTarget(id); !isLink { // a daemon that hangs reports no unit, so no link begins
					time.Sleep(clientPatience)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				s := w.service(t, func(cfg *Config) { w.remotes(cfg); cfg.Supervisor = &fakeSupervisor{} })
				hang(w)
				began := time.Now()
				o := built(t, s)
				if late := time.Since(began); late < clientPatience || late > 2*time.Second {
					t.Errorf("%v late", late)
				}
				equal(t, "notices", len(notices(o)), 1)
				equal(t, "app", w.output("build/app"), w.want("app"))
			})
		})
	}
}

// A discovery that dies between two looks of one build leaves a stand-in that knows
// only what was recorded since: nothing may be taken for clean because of it.
func TestStandInOfDiscoveryIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld()
	withSteps(w)
	s := w.service(t, func(cfg *Config) { w.remotes(cfg) })
	built(t, s)
	w.write("api.json", "two")
	w.compilation.during = func(_ context.Context, id string) {
		if id == "step:build/gen/a.txt" {
			w.mu.Lock()
			w.discovery.down = errGone
			w.mu.Unlock()
		}
	}
	built(t, s)
	equal(t, "app", w.output("build/app"), w.want("app"))
	w.mu.Lock()
	w.discovery.down = nil
	w.mu.Unlock()
	w.compilation.during = nil
	for range 2 {
		w.write("include/util.h", fmt.Sprint(time.Now()))
		built(t, s)
		equal(t, "app", w.output("build/app"), w.want("app"))
	}
}

// What discovery answers badly costs a look at everything, never a build.
func TestDiscoveryThatCannotSay(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	built(t, s)
	w.write("src/util.cpp", "new")
	w.discovery.down = ipc.Errorf(ipc.CodeInternal, "no watch")
	o := built(t, s)
	equal(t, "counts", o.Counts, ipc.Counts{Cached: 2, Compiled: 1})
	equal(t, "told", notices(o), []string{"cannot find out what has changed, checking every file: no watch"})
	w.discovery.down = nil
	w.write("src/main.cpp", "new")
	equal(t, "counts", built(t, s).Counts, ipc.Counts{Cached: 2, Compiled: 1})
	equal(t, "counts", built(t, s).Counts, ipc.Counts{Cached: 3})
	equal(t, "app", w.output("build/app"), w.want("app"))
}

// A daemon that was given up is asked again by the next build.
func TestNextBuildTriesTheDaemonAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var standIns *world
	s := w.service(t, func(cfg *Config) { standIns = w.remotes(cfg) })
	w.compilation.breakAt, w.compilation.breakErr = "app:src/main.cpp", errGone
	built(t, s)
	w.compilation.breakAt = ""
	w.compilation.taken()
	standIns.compilation = nil
	w.write("src/main.cpp", "new")
	built(t, s)
	equal(t, "made by the daemon", w.compilation.taken(), []string{"app:src/main.cpp", "link:app"})
	if standIns.compilation != nil {
		t.Error("there is a stand-in again")
	}
}

// A unit whose record is lost is asked for again: of what discovery does not know it
// cannot say that it changed.
func TestLostRecord(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t, func(cfg *Config) { w.remotes(cfg) })
	w.compilation.unrecorded, w.compilation.breakErr = "app:src/util.cpp", errGone
	built(t, s)
	w.compilation.unrecorded = ""
	w.compilation.taken()
	w.write("src/util.cpp", "new")
	built(t, s)
	if got, want := w.output("build/app"), w.want("app"); got != want {
		t.Errorf("the program is stale:\n got %s\nwant %s", got, want)
	}
	w.write("src/util.cpp", "newer")
	built(t, s)
	equal(t, "made", w.compilation.taken(), []string{"app:src/util.cpp", "app:src/util.cpp", "link:app", "link:app"})
}

func TestNoStandInEndsTheBuildWithItsCause(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t, func(cfg *Config) {
		w.remotes(cfg)
		cfg.Compilation.Local = func() (ipc.Compilation, func() error, error) { return nil, nil, errors.New("no memory") }
	})
	w.compilation.breakAt, w.compilation.breakErr = "app:src/util.cpp", errGone
	w.compilation.parallel = 1
	o := build1(t, s, ipc.BuildRequest{})
	if o.err == nil || !strings.Contains(o.err.Error(), "no memory") || o.Success || o.Total() != 3 || o.Cached != 0 || o.Skipped == 0 {
		t.Errorf("%+v %v", o.BuildReply, o.err)
	}
}

func TestLateNewsOfAServiceThatWasGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	b := &build{s: s, job: newJob(ipc.BuildRequest{}, "", func(ipc.Event) {}), outcomes: map[string]ipc.ActionResult{}, lastBuild: s.lastBuild, past: s.history.nodes}
	g, err := newActionGraph(&w.plan)
	if err != nil {
		t.Fatal(err)
	}
	b.setPlan(g)
	if b.scope, err = newScope(g, ipc.BuildRequest{}); err != nil {
		t.Fatal(err)
	}
	b.recorder = &recorder{}
	sched := newScheduler(b, changes{})
	var units []planned
	for u := range w.plan.Units() {
		units = append(units, planned{RunAction: ipc.RunAction{Action: *u}, at: g.at[u.ID]})
	}
	asked := newRequest(sched, units[:2])
	_, old := asked.attempt()
	done := ipc.ActionResult{ID: units[0].ID, Status: ipc.StatusCompiled}
	old(ipc.RunProgress{Finished: []ipc.ActionResult{done, done}})
	req, _ := asked.attempt()
	old(ipc.RunProgress{Started: []string{units[1].ID}, Finished: []ipc.ActionResult{{ID: units[1].ID, Status: ipc.StatusFailed}}})
	equal(t, "asked again for", len(req.Actions), 1)
	sched.drain()
	equal(t, "outcomes", len(b.outcomes), 1)
}
