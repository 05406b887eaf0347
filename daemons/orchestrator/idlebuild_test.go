package orchestrator

import (
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func yes() bool { return true }

// watching is a service with a daemon of discovery and a build lock. published counts its events.
func watching(t *testing.T, w *world) (s *Service, published func() int) {
	var count atomic.Int64
	lock := filepath.Join(t.TempDir(), "build.lock")
	s = w.service(t, func(c *Config) {
		c.Discovery.Remote, c.Discovery.HasRemote, c.BuildLock = w.discovery, true, lock
	})
	s.queue.publish = func(ipc.Event) { count.Add(1) } // no build has begun
	return s, func() int { return int(count.Load()) }
}

// A build with nothing to do is the same by BuildIdle and by Build.
func TestBuildIdleIsABuild(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, published := watching(t, w)
	built(t, s)
	usual := built(t, s)
	before := published()
	events, reply, ok := s.BuildIdle(t.Context(), ipc.BuildRequest{}, yes)
	if !ok || !reply.Success {
		t.Fatalf("BuildIdle: %+v, %v", reply, ok)
	}
	equal(t, "counts", reply.Counts, usual.Counts)
	equal(t, "published", published()-before, len(usual.events))
	for i, e := range events {
		equal(t, "event", e.Name, usual.events[i].Name)
	}
	last, _ := s.History(t.Context(), ipc.HistoryRequest{})
	equal(t, "history", last.Builds[0].Build, reply.Build)
	equal(t, "builds", len(last.Builds), 2) // of those with nothing to do in a row the last one stays
}

// Where there is something to do, or a build runs, BuildIdle leaves no trace.
func TestBuildIdleLeavesWork(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, published := watching(t, w)
	no := func(what string, may func() bool) {
		t.Helper()
		waitIdle(s)
		before := published()
		if _, _, ok := s.BuildIdle(t.Context(), ipc.BuildRequest{}, may); ok || published() != before {
			t.Errorf("%s: ok is %v, %d events", what, ok, published()-before)
		}
	}
	no("never built", yes)
	built(t, s)
	no("not allowed", func() bool { return false })
	w.write("src/util.cpp", "new")
	no("edited", yes)
	equal(t, "made", len(bodies[ipc.UnitFinished](built(t, s))), 1)
	w.discovery.down = ipc.ErrUnreachable
	no("no discovery", yes)
	w.discovery.down = nil
	w.discovery.token += 10
	no("another discovery", yes)
	built(t, s)
	j := s.queue.lend(t.Context(), ipc.BuildRequest{})
	j.sealed = false
	if other := s.queue.lend(t.Context(), ipc.BuildRequest{}); other != nil {
		t.Error("two builds run")
	}
	s.returnTurn()
	if _, _, ok := s.BuildIdle(t.Context(), ipc.BuildRequest{}, yes); !ok {
		t.Error("there is something to do")
	}
}
