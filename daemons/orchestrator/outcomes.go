package orchestrator

import (
	"maps"

	"github.com/RepliBuild/replibuild/ipc"
)

// counts says how the units of the request ended so far. Those that nothing was
// done for are cached.
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

// reportClean tells of the units that are in place already.
func (b *build) reportClean(todo []ipc.BatchUnit) {
	dirty := make(map[string]bool, len(todo))
	for _, u := range todo {
		dirty[u.ID] = true
	}
	clean := make([]ipc.Unit, 0, len(b.scope.units)-len(todo))
	for _, u := range b.scope.units {
		if !dirty[u.ID] {
			clean = append(clean, u)
		}
	}
	b.job.setUnits(len(b.scope.units), len(clean))
	b.emitCached(len(clean), firstSources(clean))
}

// reportInPlace tells of the units that compilation found to be in place.
func (b *build) reportInPlace(todo []ipc.BatchUnit) {
	var inPlace []ipc.Unit
	b.mu.Lock()
	for _, u := range todo {
		if b.outcomes[u.ID].InPlace {
			inPlace = append(inPlace, u.Unit)
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

// unitFinished takes the result of a unit, once. Units that were in place are only
// counted.
func (b *build) unitFinished(u ipc.BatchUnit, r ipc.UnitResult) {
	seen := b.seen(u.ID)
	r.Reason = completeReason(r.Reason, u.ID, u.Causes, seen)
	b.mu.Lock()
	if before, again := b.outcomes[u.ID]; !again || !r.InPlace || before.Status == ipc.StatusFailed {
		b.outcomes[u.ID] = r
	}
	if !r.InPlace {
		b.made = append(b.made, unitRecord(r, u.Source, u.Target))
	}
	b.noteFailure(r.ID, r.Status, u.Source)
	b.mu.Unlock()
	b.s.history.costs.add(r)
	b.job.unitDone(u.ID)
	if r.InPlace {
		return
	}
	b.emit(ipc.UnitFinished{
		File: u.Source, Target: u.Target, Status: r.Status, Reason: r.Reason, Seconds: r.Seconds, Seen: seen,
		CPU: r.CPU, Peak: r.Peak, Bytes: r.Bytes, Saved: r.Saved, Diagnostics: r.Diagnostics, Exit: r.Exit, Command: r.Command,
		Spans: r.Spans,
	})
}

func unitRecord(r ipc.UnitResult, file, target string) ipc.UnitRecord {
	return ipc.UnitRecord{
		ID: r.ID, File: file, Target: target, Status: r.Status, Reason: r.Reason,
		Seconds: r.Seconds, CPU: r.CPU, Peak: r.Peak, Bytes: r.Bytes, Saved: r.Saved,
	}
}

// noteWork lists a step or link in the history; name is what failed in Detail.
func (b *build) noteWork(record ipc.UnitRecord, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made = append(b.made, record)
	b.noteFailure(record.ID, record.Status, name)
	if _, isLink := linkedTarget(record.ID); isLink && (record.Status == ipc.StatusCompiled || record.Status == ipc.StatusFailed) {
		b.links++
	}
}

// noteFailure notes a node that failed, with its name for Detail; mu is held.
func (b *build) noteFailure(id, status, name string) {
	if status == ipc.StatusFailed {
		b.failed = append(b.failed, name)
	}
	if status == ipc.StatusFailed || status == ipc.StatusSkipped {
		b.undone = append(b.undone, id)
	}
}

// keepScope drops the outcomes of units that an earlier round had and this one has
// not: their source is gone.
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
	maps.DeleteFunc(b.outcomes, func(id string, _ ipc.UnitResult) bool { return !in[id] })
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
	return r
}

// planID is the ID of the plan that the build rests on, "" if it got none.
func (b *build) planID() string {
	if b.plan != nil {
		return b.plan.ID
	}
	return b.memory.planID
}
