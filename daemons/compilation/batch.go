package compilation

import (
	"cmp"
	"context"
	"crypto/rand"
	"runtime"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// newWork prepares for a request. end must be called when nothing of it runs.
func (s *Service) newWork(ctx context.Context, build, root string, env []string, caller *ipc.Caller, timeout float64) (context.Context, *work, func(), error) {
	ctx, end, err := s.builds.begin(ctx, build)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := s.lease.EndDead(ctx); err != nil {
		end()
		return nil, nil, nil, err
	}
	s.auditor.begins()
	s.preambles.begins()
	if root == "" {
		root = s.cfg.Root
	}
	w := &work{
		s: s, build: build, pin: build + "/" + rand.Text(), root: root, env: processEnv(env, root), caller: cmp.Or(caller, s.runner.Settings()),
		timeout: s.cfg.Timeout, view: snapshot.New(root, env, s.tables, s.digests),
	}
	if timeout > 0 {
		w.timeout = time.Duration(timeout * float64(time.Second))
	}
	return ctx, w, func() {
		s.store.Unpin(w.pin)
		end()
		s.auditor.ends()
		s.preambles.ends()
	}, nil
}

// CompileBatch implements [ipc.Compilation].
func (s *Service) CompileBatch(ctx context.Context, req ipc.BatchRequest, report func(ipc.BatchProgress)) (ipc.BatchReply, error) {
	if err := checkBatch(&req); err != nil {
		return ipc.BatchReply{}, err
	}
	ctx, w, end, err := s.newWork(ctx, req.Build, req.Root, req.Env, req.Caller, req.Timeout)
	if err != nil {
		return ipc.BatchReply{}, err
	}
	defer end()
	if report == nil {
		report = func(ipc.BatchProgress) {}
	}
	if req.Jobs > 0 && req.Jobs < s.slots.Places() {
		w.gate = process.NewGate(req.Jobs)
	}
	if told := s.auditor.take(); len(told) > 0 {
		report(ipc.BatchProgress{Notices: told})
	}
	reporter := newReporter(w.view, req.Units, report)
	w.started, w.trace, w.timeTrace = reporter.start, req.Trace, req.TimeTrace
	b := &batch{
		work: w, req: &req, reporter: reporter,
		compilers: make([]*compiler, len(req.Commands)), turns: process.NewSequencer(len(req.Units)),
	}
	b.run(ctx)
	reply := ipc.BatchReply{Counts: reporter.close()}
	if ctx.Err() != nil {
		return reply, cancelledError(ctx, req.Build)
	}
	return reply, nil
}

// cancelledError is what a request returns that was ended from outside.
func cancelledError(ctx context.Context, build string) error {
	if why, ok := context.Cause(ctx).(*ipc.Error); ok {
		return why
	}
	return ipc.Errorf(ipc.CodeCancelled, "build %s: %v", build, context.Cause(ctx))
}

// batch is a batch being served.
type batch struct {
	*work
	req      *ipc.BatchRequest
	reporter *reporter
	turns    *process.Sequencer // of the units, to take their places in the line

	mu        sync.Mutex
	compilers []*compiler // by command, made when first needed
	making    sync.WaitGroup
}

// run brings all units up to date. A few workers go through them in order and do
// what needs no process; a unit that needs one takes its place in the line and leaves
// its worker. Places are taken in order, too, however long it takes to find out that a
// process is needed: the first unit, which has every shared input looked at, is the
// longest, and what starts last decides when the build ends.
func (b *batch) run(ctx context.Context) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(len(b.req.Units), 2*runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range next {
				b.unit(ctx, i)
			}
		})
	}
	for i := range b.req.Units {
		next <- i
	}
	close(next)
	workers.Wait()
	b.making.Wait()
}

func (b *batch) compiler(i int) *compiler {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.compilers[i] == nil {
		b.compilers[i] = newCompiler(b.req, b.req.Commands[i])
	}
	return b.compilers[i]
}

// unit does what needs no process.
func (b *batch) unit(ctx context.Context, i int) {
	defer b.turns.Pass(i)
	u := b.req.Units[i]
	if ctx.Err() != nil {
		b.reporter.finish(result{UnitResult: ipc.UnitResult{
			ID: u.ID, Status: ipc.StatusSkipped, Reason: cancelledReason(context.Cause(ctx)),
		}})
		return
	}
	a := b.compiler(u.Command).unit(b.work, u, b.req.NoCache)
	rec := b.s.records.get(a.id)
	if b.inPlace(ctx, a, rec) {
		b.reporter.finish(whenInPlace(a, rec))
		return
	}
	t := b.newAttempt(a, rec)
	if r := b.begin(ctx, t); r != nil {
		t.leave()
		b.reporter.finish(b.timed(t, *r, ipc.SpanLookup))
		return
	}
	var at *place
	if t.leave != nil {
		b.turns.Await(i)
		at = b.line(a, rec)
	}
	b.making.Go(func() { b.reporter.finish(b.timed(t, b.finish(ctx, t, at), ipc.SpanStore)) })
}
