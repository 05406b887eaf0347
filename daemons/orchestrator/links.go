package orchestrator

import (
	"cmp"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxCauses bounds the causes that a link is asked for with: a target of a thousand
// objects that all changed needs no thousand reasons.
const maxCauses = 8

// linker makes the targets of a build, each as soon as all that goes into it is
// there. Compilation decides by content whether a linker has to run. It is not
// asked about a target whose inputs were not touched.
type linker struct {
	b       *build
	objects map[string][]string // by target, in plan order
	limit   int                 // calls at a time: each has a connection of its own

	mu      sync.Mutex
	links   map[string]*link // by target
	ready   []*link
	running int
	wg      sync.WaitGroup // links that are not done
}

// link is one target on its way.
type link struct {
	target  ipc.Target
	tail    float64 // expected seconds from its start to the end of the build
	waits   int     // units and needed targets that are not done
	users   []*link // targets that need this one's output
	needed  bool    // it may not be up to date
	changed bool    // something that goes in has other content for certain
	known   bool    // it was made before: what changed since is a reason
	causes  []ipc.Cause
	broken  *ipc.Reason // why it cannot be made
}

// newLinker prepares the links of the scope; units are those that will be reported
// with unitDone.
func newLinker(b *build, units []ipc.BatchUnit, seen changes) *linker {
	l := &linker{b: b, limit: max(1, b.slots()), links: make(map[string]*link, len(b.scope.targets))}
	if len(b.scope.targets) == 0 {
		return l
	}
	l.objects = objectsByTarget(b.plan)
	tails := newSchedule(b.plan, b.costs).tails
	byOutput := make(map[string]*link, len(b.scope.targets))
	for _, t := range b.scope.targets {
		k := &link{target: t, tail: tails[t.Name], causes: seen.dirty[linkNode(t.Name)]}
		k.known = b.memory.recorded[linkNode(t.Name)]
		k.needed = len(k.causes) > 0 || !k.known || b.job.req.NoCache
		k.changed = len(k.causes) > 0
		for _, in := range needs(t) {
			if dep := byOutput[in]; dep != nil {
				dep.users = append(dep.users, k)
				k.waits++
			}
		}
		l.links[t.Name], byOutput[t.Output] = k, k
	}
	for _, u := range units {
		if k := l.links[u.Target]; k != nil {
			k.waits++
		}
	}
	l.wg.Add(len(l.links))
	return l
}

// needs are the outputs that must be there before the target is made. An archive
// takes objects only.
func needs(t ipc.Target) []string {
	if t.Kind == ipc.KindStatic {
		return nil
	}
	return t.LinkInputs
}

// start begins with the links that wait for nothing.
func (l *linker) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first []*link
	for _, t := range l.b.scope.targets {
		if k := l.links[t.Name]; k.waits == 0 {
			first = append(first, k)
		}
	}
	for _, k := range first {
		l.settle(k)
	}
	l.pump()
}

// stop keeps every link from being made.
func (l *linker) stop(why ipc.Reason) {
	l.mu.Lock()
	for _, k := range l.links {
		k.breaks(why)
	}
	l.mu.Unlock()
	l.start()
}

// wait returns when every link is done.
func (l *linker) wait() { l.wg.Wait() }

// unitDone tells of a unit's outcome.
func (l *linker) unitDone(u ipc.BatchUnit, r ipc.UnitResult) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.links[u.Target]; k != nil {
		l.inputDone(k, u.Source, u.Object, r)
		l.pump()
	}
}

// inputDone notes that name, which makes path, is done; mu is held.
func (l *linker) inputDone(k *link, name, path string, r ipc.UnitResult) {
	switch {
	case r.Status == ipc.StatusFailed:
		k.breaks(words.NeededFailed(name))
	case r.Status == ipc.StatusSkipped:
		k.breaks(r.Reason)
	case !r.InPlace:
		// Also when the content is the same: the file may be a new one, and then its
		// signature in discovery's record of the link has to be renewed.
		k.needed = true
		if r.Changed {
			k.changed = true
			k.cause(path)
		}
	}
	k.waits--
	if k.waits == 0 {
		l.settle(k)
	}
}

// breaks keeps the first reason for which k cannot be made.
func (k *link) breaks(why ipc.Reason) {
	if k.broken == nil {
		k.broken = &why
	}
}

// cause notes that path changed. To a target that has never been made everything is
// new, and that is its reason.
func (k *link) cause(path string) {
	if k.known && len(k.causes) < maxCauses {
		k.causes = append(slices.Clip(k.causes), ipc.Cause{Kind: ipc.CauseChanged, Path: path})
	}
}

// settle decides about a link of which all inputs are done; mu is held.
func (l *linker) settle(k *link) {
	name := k.target.Name
	switch {
	case k.broken != nil:
		l.done(k, ipc.UnitResult{ID: linkNode(name), Status: ipc.StatusSkipped, Reason: *k.broken})
	case !k.needed:
		l.done(k, ipc.UnitResult{ID: linkNode(name), Status: ipc.StatusCached, InPlace: true})
	default:
		l.ready = append(l.ready, k)
	}
}

// pump starts as many ready links as may run, those first that most waits for; mu
// is held.
func (l *linker) pump() {
	slices.SortStableFunc(l.ready, func(a, b *link) int { return cmp.Compare(b.tail, a.tail) })
	for l.running < l.limit && len(l.ready) > 0 {
		k := l.ready[0]
		l.ready = l.ready[1:]
		l.running++
		go l.run(k)
	}
}

func (l *linker) run(k *link) {
	r := l.b.link(k, l.objects[k.target.Name])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.done(k, r)
	l.pump()
}

// done tells of a link and gives its result to those that need it; mu is held.
func (l *linker) done(k *link, r ipc.UnitResult) {
	l.b.linkFinished(k, r)
	for _, user := range k.users {
		l.inputDone(user, k.target.Name, k.target.Output, r)
	}
	l.wg.Done()
}

// link has compilation make one target. What keeps it from answering fails the
// target, not the build.
func (b *build) link(k *link, objects []string) ipc.UnitResult {
	id := linkNode(k.target.Name)
	if b.job.ctx.Err() != nil {
		return ipc.UnitResult{ID: id, Status: ipc.StatusSkipped, Reason: words.BuildCancelled()}
	}
	b.working.Store(true)
	b.job.begins(ipc.RunningJob{ID: id, File: k.target.Output, Target: k.target.Name, Expected: b.expectedOf(id)})
	defer b.job.ends(id)
	if k.changed {
		b.emit(ipc.LinkStarted{Target: k.target.Name, Output: k.target.Output})
	}
	reply, err := b.askForLink(k, objects)
	reply.Result.ID = id
	switch {
	case b.job.ctx.Err() != nil && (err != nil || reply.Result.Status == ipc.StatusFailed):
		return ipc.UnitResult{ID: id, Status: ipc.StatusSkipped, Reason: words.BuildCancelled()}
	case err != nil:
		return ipc.UnitResult{ID: id, Status: ipc.StatusFailed, Reason: ipc.Reason{Code: ipc.ReasonError, Text: err.Error()}}
	}
	b.recorder.add(unsettleFailed(reply.Track, reply.Result))
	return reply.Result
}

func (b *build) askForLink(k *link, objects []string) (reply ipc.LinkReply, err error) {
	req := ipc.LinkRequest{
		Build: b.job.id, Root: b.plan.Root, BuildDir: b.plan.BuildDir, Env: b.plan.Env, Caller: b.job.req.Caller,
		Toolchain: b.plan.Toolchains[k.target.Toolchain], Target: k.target, Objects: objects,
		Causes: k.causes, Timeout: b.s.cfg.Timeout.Seconds(), NoCache: b.job.req.NoCache,
		Trace: b.job.req.Trace,
	}
	err = b.compilation.call(b.job.ctx, func(c ipc.Compilation) error {
		reply, err = c.Link(b.job.ctx, req)
		return err
	})
	return reply, err
}

// linkFinished notes and tells what became of a target. One that was in place is no
// news, unless its start was.
func (b *build) linkFinished(k *link, r ipc.UnitResult) {
	seen := b.seen(r.ID)
	r.Reason = completeReason(r.Reason, r.ID, k.causes, seen)
	if r.InPlace && !(k.needed && k.changed) {
		return
	}
	if !r.InPlace {
		b.s.history.costs.add(r)
		b.noteWork(unitRecord(r, k.target.Output, k.target.Name), k.target.Name)
	}
	b.emit(ipc.LinkFinished{
		Target: k.target.Name, Output: k.target.Output, Status: r.Status, Reason: r.Reason,
		Seconds: r.Seconds, Bytes: r.Bytes, Diagnostics: r.Diagnostics, Command: r.Command, Spans: r.Spans,
	})
}
