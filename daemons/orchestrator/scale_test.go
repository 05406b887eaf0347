package orchestrator

import (
	"context"
	"fmt"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// quickDiscovery answers at once, whatever the project's size.
type quickDiscovery struct {
	ipc.Discovery
	token int
	dirty []ipc.DirtyNode
}

func (d *quickDiscovery) Sync(context.Context, ipc.SyncRequest) (ipc.SyncReply, error) {
	return ipc.SyncReply{Token: fmt.Sprint(d.token), Dirty: d.dirty}, nil
}

func (d *quickDiscovery) Record(_ context.Context, r ipc.RecordRequest) (ipc.RecordReply, error) {
	d.token++
	d.dirty = nil
	return ipc.RecordReply{Token: fmt.Sprint(d.token)}, nil
}

// quickCompilation compiles in no time.
type quickCompilation struct{ ipc.Compilation }

func (quickCompilation) Run(_ context.Context, r ipc.RunRequest, fn func(ipc.RunProgress)) (ipc.RunReply, error) {
	var news ipc.RunProgress
	for _, u := range r.Actions {
		news.Finished = append(news.Finished, ipc.ActionResult{ID: u.ID, Status: ipc.StatusCompiled, Changed: true, Seconds: 1})
		news.Track.Nodes = append(news.Track.Nodes, ipc.NodeRecord{ID: u.ID})
	}
	fn(news)
	return ipc.RunReply{}, nil
}

func (quickCompilation) CacheStats(context.Context, ipc.CacheStatsRequest) (ipc.CacheStatsReply, error) {
	return ipc.CacheStatsReply{}, nil
}

// quick is a service for a project of so many units that was built once.
func quick(t testing.TB, units int) (*Service, *quickDiscovery) {
	w := newWorld()
	for i := range (units + 99) / 100 {
		w.addTarget(ipc.Target{Name: fmt.Sprintf("t%d", i), Kind: ipc.KindStatic, Output: fmt.Sprintf("build/t%d", i)})
	}
	for i := w.plan.CountUnits(); i < units; i++ {
		w.addUnit(fmt.Sprintf("t%d", i/100), fmt.Sprintf("src/%d.cpp", i))
	}
	d := &quickDiscovery{}
	s := w.service(t, func(c *Config) {
		c.StateDir = t.TempDir()
		c.Discovery = local(ipc.NameDiscovery, ipc.Discovery(d))
		c.Compilation = local(ipc.NameCompilation, ipc.Compilation(quickCompilation{}))
	})
	built(t, s)
	built(t, s)
	return s, d
}

// Nothing to do costs the same for ten files and ten thousand.
func TestNothingToDoDoesNotGrow(t *testing.T) {
	allocs := func(units int) float64 {
		s, _ := quick(t, units)
		return testing.AllocsPerRun(50, func() { built(t, s) })
	}
	small, large := allocs(10), allocs(10_000)
	if large > small+10 {
		t.Errorf("%v allocations for 10 units, %v for 10,000", small, large)
	}
}

func BenchmarkNothingToDo(b *testing.B) {
	s, _ := quick(b, 10_000)
	for b.Loop() {
		built(b, s)
	}
}

// BenchmarkOneEdit is the orchestrator's part of an edit of one file in 10,000, what
// is written down after the reply included.
func BenchmarkOneEdit(b *testing.B) {
	s, d := quick(b, 10_000)
	for b.Loop() {
		d.dirty = []ipc.DirtyNode{{ID: "t50:src/5000.cpp", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: "src/5000.cpp"}}}}
		built(b, s)
	}
}
