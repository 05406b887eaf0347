package orchestrator

import (
	"maps"

	"github.com/RepliBuild/replibuild/ipc"
)

// counts says how the units of the request ended so far. Units for which nothing was done
// count as cached.
func (b *build) counts() ipc.Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	var c ipc.Counts
	for _, r := range b.outcomes {
		switch r.Status {
		case ipc.StatusCompiled:
			c.Compiled++
		case ipc.StatusFailed:
			c.Failed++
		case ipc.StatusSkipped:
			c.Skipped++
		}
	}
	c.Cached = max(0, b.total-c.Total())
	return c
}

// reportInPlace tells of the units that compilation found to be in place.
func (b *build) reportInPlace() {
	var inPlace []*ipc.Action
	b.mu.Lock()
	for _, u := range b.scope.units {
		if b.outcomes[u.ID].InPlace {
			inPlace = append(inPlace, u)
		}
	}
	b.mu.Unlock()
	b.emitCached(len(inPlace), firstSources(inPlace))
}

func (b *build) emitCached(count int, files []string) {
	if count > 0 {
		b.emit(ipc.UnitsCached{Count: count, Files: files})
	}
}

// actionStarted tells that the process of an action runs.
func (b *build) actionStarted(a planned) {
	expected := a.Expected * b.correction
	job := ipc.RunningJob{ID: a.ID, File: a.Source, Target: a.Target, Expected: expected}
	seen := b.seen(a.ID)
	switch {
	case a.Kind == ipc.ActionCompile:
		b.emit(ipc.UnitStarted{File: a.Source, Target: a.Target, Seen: seen, Expected: expected})
	case a.Links():
		job.File = a.Output()
		b.emit(ipc.LinkStarted{Target: a.Target, Output: a.Output()})
	default:
		job.File = nameOf(&a.Action)
		b.emit(ipc.StepStarted{Step: a.ID, Expected: expected})
	}
	b.job.begins(job)
}

// actionDone takes the outcome of an action, once. Those that were in place are no news.
func (b *build) actionDone(a *ipc.Action, n *actionState, r ipc.ActionResult) {
	seen := b.seen(a.ID)
	r.Reason = completeReason(r.Reason, a.Kind, n.causes, seen)
	if a.Kind == ipc.ActionCompile {
		b.job.unitDone(a.ID)
	} else {
		b.job.ends(a.ID)
	}
	if r.InPlace && n.started && b.toldUndone(a.ID) {
		r.InPlace = false // news after all
	}
	if n.started || !r.InPlace {
		b.note(a, r)
	}
	if r.InPlace {
		return
	}
	switch {
	case a.Kind == ipc.ActionCompile:
		b.emit(ipc.UnitFinished{
			File: a.Source, Target: a.Target, Status: r.Status, Reason: r.Reason, Seconds: r.Seconds, Seen: seen,
			CPU: r.CPU, Peak: r.Peak, Bytes: r.Bytes, Saved: r.Saved, Diagnostics: r.Diagnostics, Exit: r.Exit, Command: r.Command,
			Spans: r.Spans,
		})
	case a.Links():
		b.emit(ipc.LinkFinished{
			Target: a.Target, Output: a.Output(), Status: r.Status, Reason: r.Reason,
			Seconds: r.Seconds, Bytes: r.Bytes, Diagnostics: r.Diagnostics, Command: r.Command, Spans: r.Spans,
		})
	default:
		b.emit(ipc.StepFinished{
			Step: a.ID, Status: r.Status, Reason: r.Reason, Seconds: r.Seconds, Changed: r.Changed, Diagnostics: r.Diagnostics,
		})
	}
}

// note keeps the outcome of an action for the counts, the history and the costs.
func (b *build) note(a *ipc.Action, r ipc.ActionResult) {
	b.s.history.costs.add(r)
	b.noteLeft(r)
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.Kind == ipc.ActionCompile {
		if _, again := b.outcomes[a.ID]; !again || !r.InPlace {
			b.outcomes[a.ID] = r
		}
	}
	if r.InPlace {
		return
	}
	b.made = append(b.made, unitRecord(r, fileOf(a), a.Target))
	undone := r.Status == ipc.StatusFailed || r.Status == ipc.StatusSkipped
	if r.Status == ipc.StatusFailed {
		b.failed = append(b.failed, nameOf(a))
	}
	if undone {
		b.undone = append(b.undone, a.ID)
	}
	if b.told == nil {
		b.told = map[string]bool{}
	}
	b.told[a.ID] = undone
	if a.Links() && (r.Status == ipc.StatusCompiled || r.Status == ipc.StatusFailed) {
		b.links++
	}
}

// noteLeft keeps what a command left that failed or was cancelled, until it succeeds.
func (b *build) noteLeft(r ipc.ActionResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(r.Left) > 0:
		if b.left == nil {
			b.left = map[string][]ipc.LeftFile{}
		}
		b.left[r.ID] = append(b.left[r.ID], r.Left...)
	case r.Status == ipc.StatusCompiled || r.Status == ipc.StatusCached:
		delete(b.left, r.ID)
	}
}

// toldUndone reports whether the last that the callers heard of an action is that it failed or
// was skipped, in an earlier round. If it is in place now they have to hear that, too.
func (b *build) toldUndone(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told[id]
}

// nameOf is what an action is called in sentences: a unit by its source, a link by its
// target, a command by its first output.
func nameOf(a *ipc.Action) string {
	switch {
	case a.Kind == ipc.ActionCompile:
		return a.Source
	case a.Links():
		return a.Target
	}
	return a.Output()
}

// fileOf is the file that history names for an action, "" for a command.
func fileOf(a *ipc.Action) string {
	switch {
	case a.Kind == ipc.ActionCompile:
		return a.Source
	case a.Links():
		return a.Output()
	}
	return ""
}

func unitRecord(r ipc.ActionResult, file, target string) ipc.UnitRecord {
	return ipc.UnitRecord{
		ID: r.ID, File: file, Target: target, Status: r.Status, Reason: r.Reason,
		Seconds: r.Seconds, CPU: r.CPU, Peak: r.Peak, Bytes: r.Bytes, Saved: r.Saved,
	}
}

// keepScope drops the outcomes of units of an earlier round that this round does not
// have: their source is gone.
func (b *build) keepScope() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.outcomes) == 0 {
		return
	}
	in := make(map[string]bool, len(b.scope.units))
	for _, u := range b.scope.units {
		in[u.ID] = true
	}
	maps.DeleteFunc(b.outcomes, func(id string, _ ipc.ActionResult) bool { return !in[id] })
}

// forgetFailures begins a new round.
func (b *build) forgetFailures() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = nil
}

// failures counts what failed in this round.
func (b *build) failures() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.failed)
}

// historyRecord is the build as the history remembers it.
func (b *build) historyRecord(reply ipc.BuildReply) ipc.BuildRecord {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := ipc.BuildRecord{
		Build: reply.Build, Started: b.started, Seconds: reply.Seconds, Trigger: b.job.req.Trigger,
		Success: reply.Success, Cancelled: reply.Cancelled, Detail: reply.Detail, Plan: b.planID(), Counts: reply.Counts, Units: b.made,
		Expected: b.expected,
	}
	for _, u := range b.outcomes {
		if u.Status == ipc.StatusCached && !u.InPlace {
			r.Hits++
		}
	}
	r.AddTiers()
	return r
}

// planID is the ID of the plan that the build rests on, "" if it got none.
func (b *build) planID() string {
	if b.plan != nil {
		return b.plan.ID
	}
	return b.lastBuild.planID
}
