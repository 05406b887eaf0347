package compilation

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// CacheVerify implements [ipc.Compilation].
func (s *Service) CacheVerify(ctx context.Context, req ipc.CacheVerifyRequest) (ipc.CacheVerifyReply, error) {
	s.storing.drain(ctx)
	reply := ipc.CacheVerifyReply{Damaged: []string{}}
	checked, err := s.store.Verify(ctx, req.Sample, func(action cache.Digest, problem string) {
		reply.Damaged = append(reply.Damaged, action.String()+": "+problem)
	})
	reply.Checked = checked
	if err != nil || req.Plan == nil {
		return reply, err
	}
	return reply, s.recomputePlan(ctx, req.Plan, req.Sample, &reply)
}

// recomputePlan compiles the objects again that the cache has for the units of a plan,
// and takes out of use what differs. What the cache has for other states of the
// sources cannot be made again.
func (s *Service) recomputePlan(ctx context.Context, p *ipc.Plan, sample int, reply *ipc.CacheVerifyReply) error {
	batch := ipc.BatchRequest{
		Build: "verify-" + rand.Text(), Root: p.Root, BuildDir: p.BuildDir, Env: p.Env, Toolchains: p.Toolchains, Commands: p.Commands,
	}
	for _, u := range p.Units {
		batch.Units = append(batch.Units, ipc.BatchUnit{Unit: u})
	}
	if err := checkBatch(&batch); err != nil {
		return err
	}
	ctx, w, end, err := s.newWork(ctx, batch.Build, p.Root, p.Env, nil, 0)
	if err != nil {
		return err
	}
	defer end()
	b := &batchFinder{work: w, req: &batch, compilers: make([]*compiler, len(batch.Commands))}
	suspects := b.find(reply)
	if sample > 0 && sample < len(suspects) {
		mathrand.Shuffle(len(suspects), func(i, j int) { suspects[i], suspects[j] = suspects[j], suspects[i] })
		suspects = suspects[:sample]
	}
	w.recomputeAll(ctx, suspects, reply)
	if ctx.Err() != nil {
		return cancelledError(ctx, batch.Build)
	}
	return nil
}

// batchFinder finds what the cache has for units as they are now.
type batchFinder struct {
	*work
	req       *ipc.BatchRequest
	compilers []*compiler
}

func (b *batchFinder) find(reply *ipc.CacheVerifyReply) (found []suspect) {
	for _, u := range b.req.Units {
		if b.compilers[u.Command] == nil {
			b.compilers[u.Command] = newCompiler(b.req, b.req.Commands[u.Command])
		}
		x, ok := b.suspect(b.compilers[u.Command].unit(b.work, u, false))
		if !ok {
			reply.Absent++
			continue
		}
		found = append(found, x)
	}
	return found
}

func (b *batchFinder) suspect(a *action) (suspect, bool) {
	base, err := a.base()
	if err != nil {
		return suspect{}, false
	}
	for _, base := range b.s.preambles.bases(a, base) {
		for _, set := range b.s.store.InputSets(base) {
			known := snapshot.FromCache(set)
			if b.view.CompareSet(known) != nil {
				continue
			}
			b.s.store.Pin(b.pin, set.Action)
			if e, _ := b.s.store.Get(set.Action); e != nil && len(e.Outputs) == 1 {
				return b.suspectOf(a, e, known), true
			}
		}
	}
	return suspect{}, false
}

// recomputeAll does as many at a time as slots and memory allow.
func (w *work) recomputeAll(ctx context.Context, suspects []suspect, reply *ipc.CacheVerifyReply) {
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan suspect)
	for range min(len(suspects), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for x := range next {
				v, detail := w.recomputeInLine(ctx, x)
				mu.Lock()
				note(reply, x, v, detail)
				mu.Unlock()
			}
		})
	}
	for _, x := range suspects {
		next <- x
	}
	close(next)
	workers.Wait()
	slices.Sort(reply.Different)
	slices.Sort(reply.Unsteady)
}

func (w *work) recomputeInLine(ctx context.Context, x suspect) (verdict, string) {
	slot, err := w.s.slots.Acquire(ctx, 0, false)
	if err != nil {
		return void, err.Error()
	}
	defer slot.Release()
	v, detail := w.s.recompute(ctx, x)
	if v == different {
		w.s.condemn(x, detail)
	}
	return v, detail
}

// note counts a verdict.
func note(reply *ipc.CacheVerifyReply, x suspect, v verdict, detail string) {
	text := fmt.Sprintf("%s: %s", x.id, detail)
	switch v {
	case different:
		reply.Different = append(reply.Different, text)
	case unsteady:
		reply.Unsteady = append(reply.Unsteady, text)
	case void:
		reply.Absent++
		return
	}
	reply.Recomputed++
}
