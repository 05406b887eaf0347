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
	s.writeback.drain(ctx)
	reply := ipc.CacheVerifyReply{Damaged: []string{}}
	checked, err := s.store.Verify(ctx, req.Sample, func(action cache.Digest, problem string) {
		reply.Damaged = append(reply.Damaged, action.String()+": "+problem)
	})
	reply.Checked = checked
	if err != nil || req.Plan == nil {
		return reply, err
	}
	return reply, s.recomputePlan(ctx, &req, &reply)
}

// recomputePlan makes again what the cache has for the actions of a plan, and takes out of
// use what differs. What the cache has for other states of the sources cannot be made again.
func (s *Service) recomputePlan(ctx context.Context, asked *ipc.CacheVerifyRequest, reply *ipc.CacheVerifyReply) error {
	p, sample, env := asked.Plan, asked.Sample, asked.Env
	if len(env) == 0 {
		env = p.Env
	}
	req := newPlainRequest(p, env)
	req.Build, req.Commands = "verify-"+rand.Text(), p.Commands
	for i := range p.Actions {
		if p.Actions[i].Kind != ipc.ActionPhony {
			req.Actions = append(req.Actions, ipc.RunAction{Action: p.Actions[i]})
		}
	}
	if err := checkRun(&req); err != nil {
		return err
	}
	ctx, w, end, err := s.newWork(ctx, req.Build, p.Root, env, nil, 0)
	if err != nil {
		return err
	}
	defer end()
	w.buildDir = p.BuildDir
	r := &run{work: w, req: &req, compilers: make([]*compiler, len(req.Commands))}
	suspects := r.stored(reply)
	if sample > 0 && sample < len(suspects) {
		mathrand.Shuffle(len(suspects), func(i, j int) { suspects[i], suspects[j] = suspects[j], suspects[i] })
		suspects = suspects[:sample]
	}
	w.recomputeAll(ctx, suspects, reply)
	if ctx.Err() != nil {
		return cancelledError(ctx, req.Build)
	}
	return nil
}

// stored finds what the cache has for the actions as they are now.
func (r *run) stored(reply *ipc.CacheVerifyReply) (found []suspect) {
	for i := range r.req.Actions {
		x, ok := r.suspect(r.action(&r.req.Actions[i]))
		if !ok {
			reply.Absent++
			continue
		}
		found = append(found, x)
	}
	return found
}

func (r *run) suspect(a *action) (suspect, bool) {
	base, err := a.base()
	if err != nil {
		return suspect{}, false
	}
	for _, base := range r.s.preambles.bases(a, base) {
		for _, set := range r.s.store.InputSets(base) {
			known := snapshot.FromCache(set)
			if r.view.CompareSet(known) != nil {
				continue
			}
			r.s.store.Pin(r.pin, set.Action)
			if e, _ := r.s.store.Get(set.Action); e != nil {
				x := r.suspectOf(a, e, known)
				return x, x.underName == nil || len(x.outputs) > 0
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
	how := w.s.recompute
	if x.underName != nil {
		how = w.recomputeUnderName
	}
	v, detail := how(ctx, x)
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
