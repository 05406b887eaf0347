package compilation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// place is a place in the lines of the request and of the service.
type place struct {
	gate *process.Slot
	slot *process.Slot // nil while the gate is closed
	want func() *process.Slot
	held bool // its turn has come
}

// line takes a place for an action. Places of one rank are let in in the order in which
// they were taken.
func (w *work) line(a *action, rec *record) *place {
	expected := a.expected
	if expected == 0 && rec != nil {
		expected = rec.Peak
	}
	// The other build system keeps its own limits. With a farm, its -j counts the machines there too.
	if a.command != nil && !a.command.isOurs() && w.farm == nil {
		return &place{slot: w.s.slots.Beside(expected)}
	}
	return w.placeFor(expected, false, a.rank)
}

// placeFor takes a place as [process.Slots.Line] does.
func (w *work) placeFor(expected int64, alone bool, rank float64) *place {
	p := &place{want: func() *process.Slot { return w.s.slots.Line(expected, alone, rank) }}
	if w.ahead != nil {
		p.slot = w.ahead.Line(1, false, rank)
		return p
	}
	if w.gate != nil {
		p.gate = w.gate.Line(1, false, rank)
	} else {
		p.slot = p.want()
	}
	return p
}

// wait waits until the place is at its turn; an error gives it up.
func (p *place) wait(ctx context.Context) error {
	if p.held {
		return nil
	}
	if p.slot == nil {
		if err := p.gate.Wait(ctx); err != nil {
			return err
		}
		p.slot = p.want()
	}
	err := p.slot.Wait(ctx)
	if err != nil && p.gate != nil {
		p.gate.Release()
	}
	p.held = err == nil
	return err
}

// ready reports whether its turn has come already.
func (p *place) ready() bool {
	if p.slot == nil {
		if !p.gate.Admitted() {
			return false
		}
		p.slot = p.want()
	}
	return p.held || p.slot.Admitted()
}

// turn is closed when the place gets further, nil when its turn has come.
func (p *place) turn() <-chan struct{} {
	switch {
	case p.ready():
		return nil
	case p.slot == nil:
		return p.gate.Turn()
	}
	return p.slot.Turn()
}

// giveUp gives the place up, whether or not its turn has come.
func (p *place) giveUp() {
	if p.slot != nil {
		p.slot.Release()
	}
	if p.gate != nil {
		p.gate.Release()
	}
}

func (p *place) release() {
	p.slot.Release()
	if p.gate != nil {
		p.gate.Release()
	}
}

// product is what a process has made, before it is in its place.
type product struct {
	outcome process.Outcome
	output  string // where it lies, absolute
	seen    *observation
	since   int64
	origin  string // "" = it was made here; else where, for people
	err     error  // the process could not be run or its trace not be read
}

// execute runs the tool, then finishes what it made: delivers, records and has it stored.
func (w *work) execute(ctx context.Context, t *attempt, place *place) result {
	t.mark(ipc.SpanLookup)
	if err := place.wait(ctx); err != nil {
		return w.skipped(t, err)
	}
	t.mark(ipc.SpanWait)
	reason := w.whyMade(t)
	if t.looked {
		w.s.store.Miss(reason.Code)
	}
	out, err := w.openOutputs(ctx, t)
	if err != nil {
		place.release()
		if ctx.Err() != nil {
			return w.skipped(t, context.Cause(ctx))
		}
		return *w.failed(t, process.Outcome{Exit: -1}, err.Error()+"\n")
	}
	defer out.close()
	w.signKnown(t)
	p := w.run(ctx, t, out, place)
	t.took(ipc.SpanRun, p.outcome.Seconds)
	r := w.undone(t, p, out)
	if r == nil {
		r = w.finish(t, p, out, reason)
	}
	if r.Status != ipc.StatusCompiled {
		r.Left = out.signLeft(p.seen)
	}
	return *r
}

// undone is the result of a tool that did not succeed, nil if it did.
func (w *work) undone(t *attempt, p product, out *outputFiles) *result {
	switch {
	case p.outcome.Stopped != nil && !errors.Is(p.outcome.Stopped, process.ErrTimeout):
		return new(w.skipped(t, p.outcome.Stopped))
	case p.err != nil:
		return w.failed(t, process.Outcome{Exit: -1}, p.err.Error()+"\n")
	case !p.outcome.OK():
		p.outcome.Output = out.plainNames(p.outcome.Output)
		return w.failed(t, p.outcome, p.outcome.Output)
	}
	return nil
}

// signKnown looks at what is known to be read before it is.
func (w *work) signKnown(t *attempt) {
	if t.rec != nil {
		w.view.SignAll(t.rec.Set)
		return
	}
	if t.noBase != nil || t.never != "" {
		return
	}
	if sets := w.s.store.InputSets(t.base); len(sets) > 0 {
		for _, f := range sets[0].Inputs {
			w.view.Signature(f.Path)
		}
	}
}

// run runs the tool in its place in the line and gives the place back. A process that
// had to give way goes back to the head of the line, and is expected to take twice as
// much as before: so it gives way a few times at most, then it runs alone. One that the
// kernel killed, most likely for want of memory, is run once more with nothing beside it.
func (w *work) run(ctx context.Context, t *attempt, out *outputFiles, at *place) product {
	if t.runsOnce() {
		defer at.release()
		return w.runIn(ctx, t, out, at.slot)
	}
	for alone := false; ; {
		p := w.runIn(ctx, t, out, at.slot)
		at.release()
		gaveWay := errors.Is(p.outcome.Stopped, process.ErrGiveWay)
		if !gaveWay && (alone || !p.outcome.Killed) {
			return p
		}
		alone = !gaveWay
		need := 2 * max(at.slot.Need(), p.outcome.Peak)
		w.s.log.Warn("a process is run again for want of memory", "id", t.id, "alone", alone,
			"seconds", p.outcome.Seconds, "took_mb", p.outcome.Peak>>20, "expected_mb", need>>20)
		at = w.placeFor(need, alone, math.Inf(1))
		if err := at.wait(ctx); err != nil {
			p.outcome.Stopped = err
			return p
		}
	}
}

// runsOnce reports a command of another build system: it is neither ended for want of memory nor
// for its time, because to begin again may do something else.
func (t *attempt) runsOnce() bool { return t.command != nil && !t.command.isOurs() }

// runIn runs the tool in a slot, until it has not failed only because it was tracked.
func (w *work) runIn(ctx context.Context, t *attempt, out *outputFiles, slot *process.Slot) product {
	if !t.runsOnce() {
		within, done := slot.Within(ctx)
		defer done()
		ctx = within
	}
	for {
		p, again := w.runOnce(ctx, t, out, slot)
		if !again {
			if p.outcome.OK() {
				slot.Took(p.outcome.Peak)
			}
			return p
		}
	}
}

// runOnce runs the tool. again says that it has to run again in another way.
func (w *work) runOnce(ctx context.Context, t *attempt, out *outputFiles, slot *process.Slot) (p product, again bool) {
	tool := t.tool(out.given)
	w.withPreamble(t, &tool)
	directly := w.linkDirectly(ctx, t, &tool, out.given)
	job := process.Task{Args: tool.args, Dir: w.root, Env: w.env, Caller: w.caller, Timeout: w.timeout, Resident: tool.resident}
	if t.runsOnce() {
		job.Timeout, job.Leave = 0, true
	}
	if err := w.untilPast(ctx, tool.also); err != nil {
		return product{outcome: process.Outcome{Stopped: err}}, false
	}
	p = product{output: out.path, since: stamps.Now()}
	tool.subject.view, tool.subject.since, tool.subject.env = w.view, p.since, w.env
	tool.subject.output, tool.subject.asIs = out.path, t.writing != privately
	tracked, err := tool.tracker.track(ctx, &job, &tool.subject)
	if ctx.Err() != nil && err != nil {
		return product{outcome: process.Outcome{Stopped: context.Cause(ctx)}}, false
	}
	if err != nil {
		return product{err: err}, false
	}
	defer tracked.close()
	job.Args = append(job.Args, w.timeTraceFlag(t, &tool.subject)...)
	response, err := shorten(&job)
	if err != nil {
		return product{err: err}, false
	}
	defer response.remove()
	tool.subject.made = append(tool.subject.made, response.path)
	if w.started != nil {
		w.started(t.id)
	}
	p.outcome, p.err = w.s.spawner.Run(ctx, job, slot.Runs)
	again = w.addSeen(ctx, t, &p, tracked, directly)
	if p.seen != nil && p.outcome.Left {
		p.seen.uncacheable = cmp.Or(p.seen.uncacheable, "it left a process running")
	}
	if p.seen != nil {
		p.seen.files = append(p.seen.files, tool.also...)
		p.seen.misses = append(p.seen.misses, tool.missed...)
	} else {
		out.clearAfter(p.outcome, tracked)
	}
	return p, again
}

// addSeen adds what a tool read to its product, if it succeeded. It returns true if the
// tool has to run again in another way: without a preamble, by the driver, untraced.
func (w *work) addSeen(ctx context.Context, t *attempt, p *product, tracked tracking, directly *linkLine) (again bool) {
	switch {
	case p.err != nil: // nothing ran
	case w.preambleFailed(t, *p):
		return true
	case directly != nil && !p.outcome.OK() && p.outcome.Stopped == nil:
		t.byDriver = true // which says it in its own words
		return true
	case p.outcome.Stopped == nil && tracked.rejected(p.outcome):
		return true
	case !p.outcome.OK():
		return false
	default:
		p.seen, p.err = tracked.collect(ctx)
		if p.err != nil && ctx.Err() != nil {
			p.outcome.Stopped, p.err = context.Cause(ctx), nil
		}
	}
	if directly != nil && p.outcome.OK() && !directly.verify(p.seen) {
		t.byDriver = true
		return true
	}
	return false
}

// untilPast waits until the stamps of files that were changed just now are in the
// past, some milliseconds, so that what is made from them can be trusted.
func (w *work) untilPast(ctx context.Context, files []string) error {
	newest := int64(0)
	for _, f := range files {
		newest = max(newest, w.view.Signature(f).Ctime)
	}
	return stamps.Await(ctx, newest)
}

// failed records a failure. The record keeps what was read the last time, so that
// discovery knows which change may help.
func (w *work) failed(t *attempt, o process.Outcome, diagnostics string) *result {
	reason := failureReason(t.action, o, diagnostics, w.timeout)
	rec := &record{Recipe: t.recipeID, Base: t.base, Failed: true, Unsettled: words.FailedBefore().Text, Peak: o.Peak}
	var set snapshot.InputSet
	if t.rec != nil {
		set = w.s.tables.Unpack(t.rec.Set)
		rec.Outputs, rec.Beside = t.rec.Outputs, t.rec.Beside
	}
	rec.Set = w.s.tables.Pack(w.refresh(set, t.tool("").also))
	w.remember(t, rec)
	return &result{rec: rec, ActionResult: ipc.ActionResult{
		ID: t.id, Status: ipc.StatusFailed, Reason: reason, Seconds: o.Seconds, CPU: o.CPU, Peak: o.Peak,
		Diagnostics: diagnostics, Exit: o.Exit, Command: t.line,
	}}
}

// refresh brings the files of a set, and more files, to what they are in the view.
func (w *work) refresh(set snapshot.InputSet, more []string) snapshot.InputSet {
	fresh := snapshot.InputSet{Misses: set.Misses, Listings: set.Listings}
	for _, f := range set.Files {
		more = append(more, f.Path)
	}
	for _, path := range more {
		if sum, err := w.view.DigestOf(path); err == nil {
			fresh.Files = append(fresh.Files, cache.Input{Path: path, Digest: sum})
		} else if !w.view.Signature(path).Exists() {
			fresh.Misses = append(fresh.Misses, path)
		}
	}
	return fresh
}

// failureReason says how a process failed.
func failureReason(a *action, o process.Outcome, diagnostics string, timeout time.Duration) ipc.Reason {
	what := a.recipe.doer()
	switch {
	case errors.Is(o.Stopped, process.ErrTimeout):
		return words.Timeout(what, timeout)
	case o.Exit > 128 && o.Killed:
		return ipc.Reason{Code: ipc.ReasonError, Text: what + " was killed by signal 9, probably because memory ran out"}
	case o.Exit > 128:
		return ipc.Reason{Code: ipc.ReasonError, Text: fmt.Sprintf("%s was killed by signal %d (%v)", what, o.Exit-128, syscall.Signal(o.Exit-128))}
	case o.Exit < 0:
		why, _, _ := strings.Cut(diagnostics, "\n") // ours: nothing has been run
		return ipc.Reason{Code: ipc.ReasonError, Text: why}
	}
	return ipc.Reason{Code: ipc.ReasonError, Text: errorText(a, o, diagnostics)}
}

// errorText is the first error that a tool printed, or how it ended.
func errorText(a *action, o process.Outcome, diagnostics string) string {
	source := ""
	if a.block != nil {
		source = a.block.source
	}
	if d, found := words.FirstError(diagnostics); found {
		return d.Text(source)
	}
	return fmt.Sprintf("%s exited with code %d", a.recipe.doer(), o.Exit)
}
