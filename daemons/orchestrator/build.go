package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// build is one run of the pipeline. The goroutine that runs it owns everything but
// what mu guards; services report from goroutines of their own.
type build struct {
	s         *Service
	job       *job
	started   time.Time
	variables *environment.Variables // of the request
	lastBuild *lastBuild             // the service's, or an empty one while another process builds
	outputs   *outputLog             // nil without the build lock

	discovery   *session[ipc.Discovery]
	setup       *session[ipc.Setup]
	compilation *session[ipc.Compilation]
	recorder    *recorder

	plan       *ipc.Plan // nil until known
	graph      *actionGraph
	scope      scope
	costs      map[string]unitCost
	past       func() map[string]bool // nodes that the history knows
	expected   float64                // seconds of all rounds, by the costs of steps, units and links; 0 = unknown
	correction float64                // what estimates are multiplied with
	total      int                    // units of the request
	learned    bool                   // there is something to write down
	distrust   bool                   // the local discovery has been asked: it has no earlier records
	working    atomic.Bool            // compilation was asked for something that can be cancelled

	mu       sync.Mutex
	outcomes map[string]ipc.ActionResult // units that were not in place from the start
	made     []ipc.UnitRecord            // what history lists: all that was not in place
	failed   []string                    // files, targets and steps that failed, for Detail
	links    int                         // linkers and archivers that ran
	undone   []string                    // nodes that must be tried again whatever discovery says
	told     map[string]bool             // what the callers heard last of a node: true if it failed or was skipped
	left     map[string][]ipc.LeftFile   // what failed or cancelled commands left, by node
}

// run does the build, from BuildStarted to what is written after the callers got their
// result.
func (s *Service) run(j *job) {
	b := s.newBuild(j)
	b.begin()
	b.phase("queue", j.since)
	lock := b.lock()
	defer lock.release()
	err := b.rounds()
	b.stopWork()
	b.learn(err)
	b.waitUploads()
	b.finish(err)
	b.afterwards()
}

func (s *Service) newBuild(j *job) *build {
	b := &build{
		s: s, job: j, started: time.Now(), variables: environment.New(j.req.Env), lastBuild: s.lastBuild,
		outcomes: map[string]ipc.ActionResult{}, past: sync.OnceValue(s.history.nodes),
	}
	b.discovery = newSession(s.discovery, b.takenOver)
	b.setup = newSession(s.setup, b.takenOver)
	b.compilation = newSession(s.compilation, b.takenOver)
	b.recorder = &recorder{send: b.record}
	return b
}

// begin shows the build to those who watch.
func (b *build) begin() {
	b.s.shown.Store(b.job)
	b.emit(ipc.BuildStarted{
		Project: b.projectName(), Root: b.s.cfg.Root, Trigger: b.job.req.Trigger, Daemons: !b.s.cfg.InProcess,
		Targets: b.job.req.Targets, Files: b.job.req.Files,
	})
}

// waitUploads has compilation finish storing results beyond the project's cache, if the
// caller asked for it.
func (b *build) waitUploads() {
	ctx := b.job.ctx
	if !b.job.req.WaitUploads || ctx.Err() != nil {
		return
	}
	err := b.compilation.call(ctx, func(c ipc.Compilation) error {
		_, err := c.CacheShare(ctx, ipc.CacheShareRequest{})
		return err
	})
	if err != nil {
		b.emit(ipc.Notice{Level: "warning", Message: fmt.Sprintf("not all results were stored for others: %v", err)})
	}
}

// rounds looks for changes and works until no request has joined since the last look.
// What failed in an earlier round was tried again, so only the last one counts.
func (b *build) rounds() error {
	for {
		b.forgetFailures()
		err := b.round()
		if b.s.queue.seal(b.job) {
			if why := context.Cause(b.job.ctx); why != nil {
				return cancelled(b.job.id, why.Error())
			}
			return err
		}
	}
}

// round is one pass: changes, plan, and the actions that the changes need.
func (b *build) round() error {
	if err := b.job.ctx.Err(); err != nil {
		return err
	}
	b.s.queue.lookNow(b.job)
	start := time.Now()
	seen, err := b.look()
	b.phase("sync", start)
	if err != nil {
		return err
	}
	if good, ok := b.nothingToDo(seen); ok {
		b.allInPlace(good)
		return nil
	}
	b.learned = true
	start = time.Now()
	if seen, err = b.loadPlan(seen); err != nil {
		return err
	}
	b.phase("plan", start)
	if b.scope, err = newScope(b.graph, b.job.req); err != nil {
		return err
	}
	return b.work(seen)
}

// allInPlace says that there is nothing to do.
func (b *build) allInPlace(good goodness) {
	b.total = good.Units
	b.job.setUnits(good.Units, good.Units)
	b.emitCached(good.Units, good.Files)
}

// work brings the scope up to date. When it returns every action of the scope has an
// outcome, and nothing runs any more.
func (b *build) work(seen changes) error {
	b.total = len(b.scope.units)
	b.costs = b.s.history.costs.snapshot()
	defer b.updateCompileCommands()()
	b.keepScope()
	b.makeFolders()
	start := time.Now()
	s := newScheduler(b, seen)
	s.announce()
	b.job.setUnits(len(b.scope.units), 0)
	err := s.run()
	b.phase("make", start)
	b.reportInPlace()
	return err
}

// makeFolders makes the folders that commands write to, before anything runs. A compile
// notes a missing header folder as a miss. If the folder were made later, that compile
// would run again. If a folder cannot be made, the command that needs it says why.
func (b *build) makeFolders() {
	for _, i := range b.scope.actions {
		a := &b.plan.Actions[i]
		if a.Kind != ipc.ActionCommand {
			continue
		}
		for _, out := range a.Outputs {
			_ = b.job.req.Caller.MakeFolder(filepath.Join(b.plan.Root, filepath.Dir(filepath.FromSlash(out))))
		}
	}
}

// stopReason is the reason of units that are not tried because the build ends early.
func (b *build) stopReason(err error) ipc.Reason {
	if b.job.ctx.Err() != nil {
		return words.BuildCancelled()
	}
	return ipc.Reason{Code: ipc.ReasonError, Text: "the build stopped: " + err.Error()}
}

// NoticeLocked is the code of notices about another process that builds in the same
// folder. A process that takes over from a hung daemon has said so already.
const NoticeLocked = "build_locked"

// lock waits until no other process builds here. If the lock cannot be taken, it builds
// without it, and leaves the state files of the holder alone.
func (b *build) lock() *buildLock {
	if b.s.cfg.BuildLock == "" {
		return &buildLock{}
	}
	lock, err := lockBuild(b.job.ctx, b.s.cfg.BuildLock, func() {
		b.emit(ipc.Notice{Level: "info", Code: NoticeLocked, Message: "another process builds this project; waiting for it"})
	})
	if err == nil && lock.held() {
		b.outputs = newOutputLog(b.s.cfg.BuildLock, b.s.cfg.Root, b.s.root, b.s.log)
		return lock
	}
	b.lastBuild = openLastBuild("", b.s.root, b.s.log)
	switch {
	case b.job.ctx.Err() != nil:
	case err != nil:
		b.emit(ipc.Notice{
			Level: "warning", Message: fmt.Sprintf("cannot lock the build folder: %v", err),
			Hint: "building without the lock; do not build in another process meanwhile",
		})
	default:
		b.emit(ipc.Notice{
			Level: "warning", Code: NoticeLocked,
			Message: "the other process hangs in the middle of its build; building without waiting for it",
			Hint:    "`replibuild ensure` replaces a daemon that hangs",
		})
	}
	return &buildLock{}
}

// stopWork makes sure that nothing of a cancelled build runs any more.
func (b *build) stopWork() {
	if b.job.ctx.Err() == nil || !b.working.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	service, _, err := b.compilation.service()
	var reply ipc.CancelReply
	if err == nil {
		reply, err = service.Cancel(ctx, ipc.CancelRequest{Build: b.job.id})
	}
	for id, files := range reply.Left {
		b.noteLeft(ipc.ActionResult{ID: id, Left: files})
	}
	if err != nil {
		b.s.log.Warn("cancel build", "build", b.job.id, "error", err)
	}
}

// learn notes what discovery has taken and what is known to be good.
func (b *build) learn(err error) {
	m, req := b.lastBuild, b.job.req
	b.flushRecords()
	if b.discovery.replaced() {
		m.token = "" // the daemon has other records than the local service
	}
	if b.plan != nil {
		b.outputs.noteLeft(b.left, b.plan)
		b.outputs.tidyBesides(b.plan)
		m.asked.OnlyOf(m.recorded)
	}
	good := err == nil && b.failures() == 0 && b.counts().Skipped == 0
	if len(req.Files) == 0 {
		m.targets, m.caller, m.env = req.Targets, req.Caller, req.Env
		b.s.last.Store(&ipc.BuildRequest{Env: req.Env, Caller: req.Caller, Targets: req.Targets})
		b.s.lastFailed.Store(!good)
	}
	switch {
	case good && b.plan == nil: // there was nothing to do
	case good && b.allRecorded():
		m.remember(scopeKey(req), b.scope.goodness())
	default:
		delete(m.good, scopeKey(req))
	}
}

// allRecorded reports whether discovery knows all nodes of the scope. Discovery does not
// report nodes that it does not know. Such a node is not up to date: a service may die
// between a result and its record.
func (b *build) allRecorded() bool {
	recorded := b.lastBuild.recorded
	all := recorded[planNode]
	for _, i := range b.scope.actions {
		a := &b.plan.Actions[i]
		all = all && (recorded[a.ID] || a.Kind == ipc.ActionPhony)
	}
	return all
}

// flushRecords waits until discovery has all records, and notes which they are. If it did
// not take one, nothing that it said before is believed.
func (b *build) flushRecords() { b.takeRecords(b.recorder.flush) }

func (b *build) takeRecords(how func(*lastBuild) error) {
	if err := how(b.lastBuild); err != nil {
		b.s.log.Warn("record what was built", "build", b.job.id, "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range b.undone {
		delete(b.lastBuild.recorded, id)
	}
	b.undone = nil
}

// finish ends the build for its callers.
func (b *build) finish(err error) {
	counts := b.counts()
	reply := ipc.BuildReply{
		Build: b.job.id, Success: err == nil && len(b.failed) == 0 && counts.Skipped == 0,
		Counts: counts, Seconds: time.Since(b.started).Seconds(),
		Cancelled: err != nil && ipc.CodeOf(err) == ipc.CodeCancelled,
	}
	switch {
	case err != nil:
		reply.Detail = err.Error()
	case len(b.failed) > 0:
		reply.Detail = list(b.failed, 3) + " failed"
	}
	b.s.history.add(b.historyRecord(reply))
	if b.s.viewers.any() {
		b.s.tellDirty(b.s.ctx)
	}
	b.job.finish(reply, b.links, publicError(err))
}

// publicError gives a failure of our own a code, so that it looks the same to
// callers in this process and in others.
func publicError(err error) error {
	var known *ipc.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return ipc.Errorf(ipc.CodeOf(err), "build: %v", err)
}

// afterwards writes down what was learned; the callers do not wait for it.
func (b *build) afterwards() {
	if b.working.Load() {
		b.publishCache()
	}
	if err := errors.Join(b.discovery.end(), b.setup.end(), b.compilation.end()); err != nil {
		b.s.log.Warn("close stand-in", "error", err)
	}
	if !b.learned {
		return
	}
	b.lastBuild.save()
	if err := b.s.history.flush(); err != nil {
		b.s.log.Warn("write down the build", "error", err)
	}
}

// phase tells of a part of the pipeline that has ended, if the build is traced.
func (b *build) phase(name string, start time.Time) {
	if b.job.req.Trace {
		b.emit(ipc.BuildPhase{Phase: name, Start: start, Seconds: time.Since(start).Seconds()})
	}
}

func (b *build) emit(body ipc.EventBody) { b.job.events.add(b.job.id, body) }

func (b *build) projectName() string {
	if b.s.lastBuild.project != "" {
		return b.s.lastBuild.project
	}
	return filepath.Base(b.s.cfg.Root)
}

// record sends one request of the recorder.
func (b *build) record(ctx context.Context, req ipc.RecordRequest) (reply ipc.RecordReply, err error) {
	err = b.discovery.call(ctx, func(d ipc.Discovery) error {
		reply, err = d.Record(ctx, req)
		return err
	})
	b.outputs.note(req.Track)
	return reply, err
}
