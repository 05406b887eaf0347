package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// audience is a subscriber that keeps what it hears.
type audience struct {
	mu     sync.Mutex
	events []ipc.Event
	cancel context.CancelFunc
}

func listen(s *Service, kinds ...string) *audience {
	ctx, cancel := context.WithCancel(context.Background())
	a := &audience{cancel: cancel}
	go s.Subscribe(ctx, ipc.SubscribeRequest{Events: kinds}, func(e ipc.Event) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.events = append(a.events, e)
	})
	return a
}

func (a *audience) heard() outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	return outcome{events: append([]ipc.Event(nil), a.events...)}
}

func TestSubscriberGetsSnapshotFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		built(t, s)
		release := w.held()
		w.write("src/util.cpp", "new")
		c := call(s, ipc.BuildRequest{})
		synctest.Wait()
		a := listen(s)
		synctest.Wait()
		release()
		c.wait()
		synctest.Wait()
		a.cancel()
		o := a.heard()
		snap, ok := o.events[0].Body.(ipc.Snapshot)
		if !ok || snap.Queue.Running == nil || len(snap.Recent) != 1 || len(snap.Status.Daemons) != 4 || snap.Status.Cache.Hits != 7 {
			t.Errorf("first: %+v", o.events[0])
		}
		if len(bodies[ipc.BuildFinished](o)) != 1 || len(bodies[ipc.CacheChanged](o)) != 1 {
			t.Errorf("then: %+v", o.events)
		}
	})
}

func TestDaemonsAreWatchedWhileSomebodyLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		super := &fakeSupervisor{states: map[string]string{}}
		set := func(state string) {
			super.mu.Lock()
			defer super.mu.Unlock()
			super.states[ipc.NameSetup] = state
		}
		s := newWorld().service(t, func(c *Config) { c.Supervisor = super })
		a := listen(s, "daemon_changed")
		synctest.Wait()
		time.Sleep(time.Second)
		equal(t, "at first", len(a.heard().events), 1) // the snapshot
		set(ipc.StateCrashed)
		time.Sleep(time.Second)
		changed := bodies[ipc.DaemonChanged](a.heard())
		if len(changed) != 1 || changed[0].Name != ipc.NameSetup || changed[0].State != ipc.StateCrashed {
			t.Errorf("changed: %+v", changed)
		}
		a.cancel()
		time.Sleep(time.Second)
		set("")
		b := listen(s)
		time.Sleep(time.Second)
		b.cancel()
		equal(t, "events for the next one", len(b.heard().events), 1)
	})
}

func TestRestart(t *testing.T) {
	t.Parallel()
	super := &fakeSupervisor{}
	s := newWorld().service(t, func(c *Config) { c.Supervisor = super })
	if _, err := s.Restart(t.Context(), ipc.RestartRequest{}); err != nil {
		t.Fatal(err)
	}
	equal(t, "restarted", super.restarted, []string{"discovery", "setup", "compilation"})
	for name, code := range map[string]string{"orchestrator": ipc.CodeUnavailable, "nobody": ipc.CodeBadRequest} {
		_, err := s.Restart(t.Context(), ipc.RestartRequest{Daemons: []string{name}})
		equal(t, name, ipc.CodeOf(err), code)
	}
	_, err := newWorld().service(t).Restart(t.Context(), ipc.RestartRequest{})
	equal(t, "in one process", ipc.CodeOf(err), ipc.CodeUnavailable)
	status, _ := s.SetStatus(t.Context(), ipc.SetStatusRequest{})
	equal(t, "set", status.Set, "demo-1")
}

// changing is a service with automatic builds and the way to feed it changes.
func changing(t *testing.T, w *world, auto bool) (*Service, func(ipc.FilesChanged)) {
	feed := make(chan ipc.FilesChanged)
	s := w.service(t, func(c *Config) {
		c.AutoBuild = auto
		c.Changes = func(ctx context.Context, fn func(ipc.FilesChanged)) error {
			for {
				select {
				case e := <-feed:
					if e.Generation == 0 {
						return errors.New("discovery went away")
					}
					fn(e)
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
	})
	return s, func(e ipc.FilesChanged) { feed <- e }
}

func saved(paths ...string) ipc.FilesChanged {
	return ipc.FilesChanged{Generation: 1, Paths: paths, Dirty: 1}
}

func TestAutoBuildAfterQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, feed := changing(t, w, true)
		build1(t, s, ipc.BuildRequest{Env: []string{"CC=clang"}, Targets: []string{"app"}})
		a := listen(s)
		synctest.Wait()
		for range 5 { // an editor that writes the header in pieces
			w.write("include/util.h", fmt.Sprint(time.Now()))
			feed(saved("include/util.h"))
			time.Sleep(autoQuiet - time.Millisecond)
			synctest.Wait()
			equal(t, "started while files change", len(bodies[ipc.BuildStarted](a.heard())), 0)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		o := a.heard()
		started := bodies[ipc.BuildStarted](o)
		if len(started) != 1 || started[0].Trigger != ipc.TriggerAuto || len(started[0].Targets) != 1 {
			t.Fatalf("started: %+v", started)
		}
		equal(t, "changes are told", len(bodies[ipc.FilesChanged](o)), 5)
		equal(t, "compiled", bodies[ipc.BuildFinished](o)[0].Compiled, 1)
		equal(t, "app", w.output("build/app"), w.want("app"))
		a.cancel()
	})
}

func TestAutoBuildIsNotPutOffForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, feed := changing(t, w, true)
		built(t, s)
		a := listen(s, "build_started")
		synctest.Wait()
		for range 100 {
			feed(saved("src/util.cpp"))
			time.Sleep(autoQuiet / 2)
		}
		synctest.Wait()
		if n := len(bodies[ipc.BuildStarted](a.heard())); n == 0 || n > 2 {
			t.Errorf("%d builds in a second of changes", n)
		}
		a.cancel()
	})
}

func TestWhatIsNotWorthAnAutomaticBuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s, feed := changing(t, w, true)
		built(t, s)
		a := listen(s)
		synctest.Wait()
		feed(saved("build/app", s.cfg.Root+"/build/obj/app/src/main.cpp.o")) // our own outputs
		feed(ipc.FilesChanged{Generation: 2, Paths: []string{"README"}})     // nothing reads it
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "builds", len(bodies[ipc.BuildStarted](a.heard())), 0)
		w.compilation.fails["app:src/util.cpp"] = true
		w.write("src/util.cpp", "broken")
		build1(t, s, ipc.BuildRequest{})
		w.mu.Lock()
		clear(w.compilation.fails)
		w.mu.Unlock()
		feed(ipc.FilesChanged{Generation: 3, Paths: []string{"include/new.h"}}) // what was missing, perhaps
		time.Sleep(time.Second)
		synctest.Wait()
		finished := bodies[ipc.BuildFinished](a.heard())
		if n := len(finished); n != 2 || !finished[1].OK {
			t.Errorf("after a failure: %+v", finished)
		}
		a.cancel()
	})
}

func TestChangesAreFollowedAgain(t *testing.T) {
	t.Parallel()
	for _, auto := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			s, feed := changing(t, w, auto)
			built(t, s)
			a := listen(s)
			synctest.Wait()
			feed(ipc.FilesChanged{}) // the stream breaks
			w.write("src/util.cpp", "meanwhile")
			time.Sleep(time.Second)
			synctest.Wait()
			equal(t, "built before anybody tells", len(bodies[ipc.BuildFinished](a.heard())) > 0, auto)
			feed(saved("src/util.cpp"))
			time.Sleep(time.Second)
			synctest.Wait()
			o := a.heard()
			equal(t, "told", len(bodies[ipc.FilesChanged](o)), 1)
			if n := len(bodies[ipc.BuildFinished](o)); auto != (n > 0) {
				t.Errorf("auto %v: %d builds", auto, n)
			}
			if auto && bodies[ipc.BuildFinished](o)[0].Compiled != 1 {
				t.Error("what changed without an event was not built")
			}
			a.cancel()
		})
	}
}
