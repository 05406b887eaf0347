package orchestrator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// watched gives the world's discovery the place of a daemon.
func watched(w *world) func(*Config) {
	return func(c *Config) {
		c.Discovery = Backend[ipc.Discovery]{Name: ipc.NameDiscovery, Remote: w.discovery, HasRemote: true, Local: c.Discovery.Local}
		c.Supervisor = &fakeSupervisor{}
	}
}

// Subscribers hear what is dirty, with each node's own causes: in the snapshot, after
// an edit, before a build says that it has finished, and when it is not known.
func TestDirtyIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t, watched(w))
		built(t, s)
		w.write("src/util.cpp", "new")
		a := listen(s, "snapshot", "dirty_changed", "build_finished")
		defer a.cancel()
		synctest.Wait()
		snap := a.heard().events[0].Body.(ipc.Snapshot)
		want := ipc.DirtyChanged{Known: true, Count: 1, Nodes: []ipc.DirtyNode{
			{ID: "app:src/util.cpp", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: "src/util.cpp"}}},
		}}
		equal(t, "in the snapshot", snap.Dirty, want)
		w.write("src/math.cpp", "other")
		time.Sleep(watchEvery)
		synctest.Wait()
		last := func() ipc.DirtyChanged {
			all := bodies[ipc.DirtyChanged](a.heard())
			return all[len(all)-1]
		}
		equal(t, "causes", last().Nodes[1].Causes, []ipc.Cause{{Kind: ipc.CauseChanged, Path: "src/math.cpp"}})
		built(t, s)
		synctest.Wait()
		events := a.heard().events
		if n := len(events); events[n-1].Name != "build_finished" || events[n-2].Name != "dirty_changed" {
			t.Errorf("the build ended before it was told what is dirty: %v, %v", events[n-2].Name, events[n-1].Name)
		}
		equal(t, "after the build", last(), ipc.DirtyChanged{Known: true})
		w.mu.Lock()
		w.discovery.down = ipc.ErrUnreachable
		w.mu.Unlock()
		time.Sleep(2 * watchEvery)
		synctest.Wait()
		equal(t, "without discovery", last(), ipc.DirtyChanged{})
	})
}

// A request for what does not exist is no build: neither history, nor the snapshot, nor
// automatic builds know of it.
func TestRefusedRequestIsNoBuild(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	good := built(t, s)
	for _, req := range []ipc.BuildRequest{{Targets: []string{"typo"}}, {Files: []string{"README.md"}}} {
		_, err := s.Build(t.Context(), req, func(e ipc.Event) { t.Errorf("an event: %+v", e) })
		equal(t, "code", ipc.CodeOf(err), ipc.CodeUnknownFile)
	}
	history, err := s.History(t.Context(), ipc.HistoryRequest{})
	if err != nil || len(history.Builds) != 1 {
		t.Errorf("history: %+v, %v", history, err)
	}
	snap := s.snapshot(t.Context()).Body.(ipc.Snapshot)
	equal(t, "shown", snap.Build[0].Build, good.Build)
	equal(t, "what an automatic build repeats", s.last.Load().Targets, nil)
	equal(t, "lastFailed", s.lastFailed.Load(), false)
}

// A snapshot tells the build that runs by its events, without those that later ones
// make superfluous.
func TestSnapshotTellsTheBuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		built(t, s)
		release := w.held()
		w.write("src/util.cpp", "new")
		c := call(s, ipc.BuildRequest{})
		synctest.Wait()
		running := s.snapshot(t.Context()).Body.(ipc.Snapshot)
		release()
		o := c.wait()
		synctest.Wait()
		over := s.snapshot(t.Context()).Body.(ipc.Snapshot)
		names := func(s ipc.Snapshot) (names []string) {
			for _, e := range s.Build {
				names = append(names, e.Name)
			}
			return names
		}
		equal(t, "while it runs", names(running), []string{"build_started", "build_planned", "units_cached", "unit_started"})
		equal(t, "afterwards", names(over), []string{"build_started", "build_planned", "units_cached", "unit_finished", "link_finished", "build_finished"})
		equal(t, "number of the last", over.Build[len(over.Build)-1].Number, len(o.events))
	})
}

func TestCancelledIsAResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		release := w.held()
		running := call(s, ipc.BuildRequest{})
		synctest.Wait()
		waiting := call(s, ipc.BuildRequest{Targets: []string{"math"}})
		synctest.Wait()
		q, _ := s.Queue(t.Context(), ipc.QueueRequest{})
		s.Cancel(t.Context(), ipc.CancelRequest{Build: q.Waiting[0].Build})
		o := waiting.wait()
		if end := bodies[ipc.BuildFinished](o); len(end) != 1 || !end[0].Cancelled || end[0].OK {
			t.Errorf("of the one that waited: %+v", end)
		}
		go s.Cancel(t.Context(), ipc.CancelRequest{Build: q.Running.Build})
		synctest.Wait()
		release()
		o = running.wait()
		if end := bodies[ipc.BuildFinished](o); len(end) != 1 || !end[0].Cancelled || end[0].OK {
			t.Errorf("of the one that ran: %+v", end)
		}
		history, _ := s.History(t.Context(), ipc.HistoryRequest{})
		if len(history.Builds) != 1 || !history.Builds[0].Cancelled {
			t.Errorf("history: %+v", history)
		}
	})
}

// Another process writes to the history while the orchestrator is away, or does not
// answer.
func TestHistoryOfOthersIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld()
	s := w.service(t, func(c *Config) { c.StateDir = dir })
	mine := built(t, s)
	waitIdle(s)
	if err := s.history.flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "history.jsonl")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("there is no history on disk")
	}
	other := jsonlFile{path: path, root: s.history.file.root, ours: true}
	if err := other.append([]byte(`{"build":"other","started":"2026-01-02T03:04:05Z","success":true,"compiled":1}` + "\n")); err != nil {
		t.Fatal(err)
	}
	reply, err := s.History(t.Context(), ipc.HistoryRequest{Last: true})
	if err != nil || len(reply.Builds) != 2 || reply.Builds[0].Build != "other" || reply.Builds[1].Build != mine.Build {
		t.Errorf("history: %+v, %v", reply.Builds, err)
	}
	if len(reply.Last) != 5 || reply.Last[0].ID != "app:src/main.cpp" || reply.Last[0].Build != mine.Build {
		t.Errorf("last: %+v", reply.Last)
	}
	if s.history.reload() {
		t.Error("what was read is read again")
	}
}
