package compilation

import (
	"cmp"
	"context"
	"crypto/rand"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/portable"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// newWork prepares for a request. end must be called when nothing of it runs.
func (s *Service) newWork(ctx context.Context, build, root string, env []string, caller *ipc.Caller, timeout float64) (context.Context, *work, func(), error) {
	ctx, end, err := s.requests.begin(ctx, build)
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
		s: s, build: build, pin: build + "/" + rand.Text(), root: root, env: environment.ForCommands(env, root), caller: cmp.Or(caller, s.runner.Settings()),
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

// Run implements [ipc.Compilation].
func (s *Service) Run(ctx context.Context, req ipc.RunRequest, report func(ipc.RunProgress)) (ipc.RunReply, error) {
	if err := checkRun(&req); err != nil {
		return ipc.RunReply{}, err
	}
	if err := s.environments.Complete(&req); err != nil {
		return ipc.RunReply{}, err
	}
	ctx, w, end, err := s.newWork(ctx, req.Build, req.Root, req.Env, req.Caller, req.Timeout)
	if err != nil {
		return ipc.RunReply{}, err
	}
	defer end()
	if report == nil {
		report = func(ipc.RunProgress) {}
	}
	if req.Jobs > 0 && req.Jobs < s.slots.Places() {
		w.gate = s.requests.gate(req.Build, req.Jobs)
	}
	if req.LookUpOnly { // the caller runs so many of what it is not waited for
		w.ahead = process.NewGate(s.slots.Places())
	}
	if notices := s.auditor.take(); len(notices) > 0 {
		report(ipc.RunProgress{Notices: notices})
	}
	reporter := newReporter(w.view, req.Actions, report)
	w.buildDir, w.started, w.trace, w.timeTrace = req.BuildDir, reporter.start, req.Trace, req.TimeTrace
	w.distrusts = s.tiers.remoteOff() != ""
	w.farm = s.farm.of(req.Build)
	w.tiers, w.roots = s.tiers.of(req.Build, req.Sharing), rootsOf(w, req.Sharing)
	r := &run{
		work: w, req: &req, reporter: reporter,
		compilers: make([]*compiler, len(req.Commands)), turns: process.NewSequencer(len(req.Actions)),
	}
	r.all(ctx)
	if notices := s.auditor.take(); len(notices) > 0 {
		report(ipc.RunProgress{Notices: notices})
	}
	reply := ipc.RunReply{Counts: reporter.close()}
	if ctx.Err() != nil {
		return reply, cancelledError(ctx, req.Build)
	}
	return reply, nil
}

// rootsOf are the folders whose names must not matter beyond the project's cache.
func rootsOf(w *work, wish ipc.Sharing) portable.Roots {
	return portable.NewRoots(append([]string{w.root}, wish.Roots...)...).WithHome(ipc.EnvValue(w.env, "HOME"))
}

// cancelledError is what a request returns that was ended from outside.
func cancelledError(ctx context.Context, build string) error {
	if why, ok := context.Cause(ctx).(*ipc.Error); ok {
		return why
	}
	return ipc.Errorf(ipc.CodeCancelled, "build %s: %v", build, context.Cause(ctx))
}

// run is a request being served.
type run struct {
	*work
	req      *ipc.RunRequest
	reporter *reporter
	turns    *process.Sequencer // of the actions, to take their places in the line

	mu        sync.Mutex
	compilers []*compiler // by command, made when first needed
	making    sync.WaitGroup
}

// all brings all actions up to date. A few workers go through them in order and do
// what needs no process; an action that needs one takes its place in the line and leaves
// its worker. Places are taken in order, too, however long it takes to find out that a
// process is needed: the first unit, which has every shared input looked at, is the
// longest, and what starts last decides when the build ends.
func (r *run) all(ctx context.Context) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(len(r.req.Actions), 2*runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range next {
				r.one(ctx, i)
			}
		})
	}
	for i := range r.req.Actions {
		next <- i
	}
	close(next)
	workers.Wait()
	r.making.Wait()
}

// action makes the action of one command of the plan.
func (r *run) action(a *ipc.RunAction) *action {
	switch a.Kind {
	case ipc.ActionCompile:
		return r.compiler(a.Command).unit(r.work, a, r.req.NoCache)
	case ipc.ActionCommand:
		return newCommand(r.work, r.req, a)
	}
	return newLink(r.work, r.req, a)
}

func (r *run) compiler(i int) *compiler {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.compilers[i] == nil {
		r.compilers[i] = newCompiler(r.req, r.req.Commands[i])
		if len(r.tiers) > 0 {
			r.compilers[i].readSharing(r.work)
		}
	}
	return r.compilers[i]
}

// one does what needs no process.
func (r *run) one(ctx context.Context, i int) {
	defer r.turns.Pass(i)
	asked := &r.req.Actions[i]
	if ctx.Err() != nil {
		r.reporter.finish(result{ActionResult: ipc.ActionResult{
			ID: asked.ID, Status: ipc.StatusSkipped, Reason: cancelledReason(context.Cause(ctx)),
		}})
		return
	}
	r.makeFolders(asked)
	a := r.action(asked)
	rec := r.renewed(a, r.s.records.get(a.id))
	if r.inPlace(ctx, a, rec) {
		r.reporter.finish(whenInPlace(a, rec))
		return
	}
	t := r.newAttempt(a, rec)
	if done := r.begin(ctx, t); done != nil {
		t.leave()
		r.made(ctx, a, r.timed(t, *done, ipc.SpanLookup))
		return
	}
	var at *place
	if t.leave != nil {
		r.turns.Await(i)
		at = r.line(a, rec)
	}
	if r.req.LookUpOnly {
		r.making.Go(func() { r.lookUpFar(ctx, t, at) })
		return
	}
	r.making.Go(func() { r.made(ctx, a, r.timed(t, r.complete(ctx, t, at), ipc.SpanStore)) })
}

// lookUpFar ends an action of a request that runs nothing.
func (r *run) lookUpFar(ctx context.Context, t *attempt, at *place) {
	res := result{ActionResult: ipc.ActionResult{ID: t.id, Status: ipc.StatusSkipped, Reason: words.NotCached()}}
	if t.leave != nil {
		defer t.leave()
		if t.asksFar(r.work) {
			found, _, late := r.askServer(ctx, t, at) // a place that is kept until the request ends: only so many are let go
			if found != nil {
				res = *found
			}
			if late {
				r.s.tiers.noteLate(r.root, t.outputs)
			}
		}
	}
	r.made(ctx, t.action, res)
}

// made reports an action that was made or taken from the cache. What is made from the
// outputs of a command at once is stored only if their stamps are past.
func (r *run) made(ctx context.Context, a *action, res result) {
	if a.command != nil && (res.Status == ipc.StatusCompiled || res.Status == ipc.StatusCached) {
		_ = r.untilPast(ctx, a.outputs)
	}
	if ctx.Err() != nil {
		r.s.requests.noteLeft(r.build, a.id, res.files())
	}
	r.reporter.finish(res)
}

// files are what the action of a result has written.
func (r *result) files() []ipc.LeftFile {
	files := slices.Clone(r.Left)
	if r.rec != nil {
		for _, o := range r.rec.made() {
			files = append(files, ipc.LeftFile{File: ipc.FileSig{Path: o.Path, Sig: o.Sig}})
		}
	}
	return files
}

// makeFolders makes the folders of a command's outputs before anything is looked at: the
// command may list the folder above.
func (r *run) makeFolders(a *ipc.RunAction) {
	if a.Kind != ipc.ActionCommand {
		return
	}
	for _, out := range a.Outputs {
		_ = r.makeFolder(filepath.Dir(r.view.Abs(out)) + "/") // an error comes again
	}
}

// checkRun finds what no plan can contain.
func checkRun(req *ipc.RunRequest) error {
	bad := func(format string, args ...any) error { return ipc.Errorf(ipc.CodeBadRequest, format, args...) }
	for i, c := range req.Commands {
		if c.Toolchain < 0 || c.Toolchain >= len(req.Toolchains) {
			return bad("command %d: there is no toolchain %d", i, c.Toolchain)
		}
	}
	for i := range req.Actions {
		a := &req.Actions[i]
		switch {
		case a.ID == "" || a.Output() == "":
			return bad("action %q: id and outputs must not be empty", a.ID)
		case slices.ContainsFunc(slices.Concat(a.Outputs, a.Inputs, a.Args, []string{a.Source}), hasNUL):
			return bad("action %q: a path or argument contains a NUL", a.ID)
		case a.Kind == ipc.ActionCommand:
			if len(a.Args) == 0 {
				return bad("action %q: args must not be empty", a.ID)
			}
			continue
		case a.Kind != ipc.ActionCompile && !a.Links():
			return bad("action %q: there is no kind %q", a.ID, a.Kind)
		case a.Command < 0 || a.Command >= len(req.Commands):
			return bad("action %q: there is no command %d", a.ID, a.Command)
		case a.Kind == ipc.ActionCompile && a.Source == "":
			return bad("action %q: source must not be empty", a.ID)
		case a.Kind == ipc.ActionArchive && req.Toolchains[req.Commands[a.Command].Toolchain].AR == "":
			return ipc.Errorf(ipc.CodeNoCompiler, "target %s: no archiver (ar) was found", a.Target).WithHint("install binutils or llvm")
		}
	}
	return nil
}

func hasNUL(s string) bool { return strings.ContainsRune(s, 0) }
