package orchestrator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// runSteps runs the [[generate]] steps that are not up to date, in the plan's order,
// which is that of need. It returns the steps whose outputs are not to be had, and
// what discovery says now if anything ran: only it knows who reads what was made.
func (b *build) runSteps(seen changes) (broken []ipc.Step, now changes, err error) {
	r := stepRun{b: b, changed: map[string]bool{}, missing: map[string]string{}}
	for _, step := range b.plan.Steps {
		if err := b.job.ctx.Err(); err != nil {
			return nil, seen, err
		}
		if err := r.visit(step, seen.dirty[step.ID]); err != nil {
			return nil, seen, err
		}
	}
	if !r.ran {
		return r.broken, seen, nil
	}
	now, err = b.look()
	return r.broken, now, err
}

// stepRun is what the steps of one build have done so far.
type stepRun struct {
	b       *build
	ran     bool              // at least one did something
	started bool              // the start of the present one was told
	changed map[string]bool   // outputs with other content than before
	missing map[string]string // outputs that could not be made, with the step's name
	broken  []ipc.Step        // that failed or were skipped
}

// visit runs one step if it has to. What keeps compilation from answering fails the
// step, not the build.
func (r *stepRun) visit(step ipc.Step, causes []ipc.Cause) error {
	known, changed := r.b.memory.recorded[step.ID], false
	for _, in := range step.Inputs {
		if by, missing := r.missing[in]; missing {
			r.finished(step, ipc.UnitResult{Status: ipc.StatusSkipped, Reason: words.NeededFailed(by)})
			return nil
		}
		changed = changed || r.changed[in]
		if r.changed[in] && known { // else it has never run, and that is its reason
			causes = append(slices.Clip(causes), ipc.Cause{Kind: ipc.CauseChanged, Path: in})
		}
	}
	if len(causes) == 0 && !changed && known {
		return nil
	}
	if len(causes) > 0 || !known {
		r.b.emit(ipc.StepStarted{Step: step.ID, Expected: r.b.expectedOf(step.ID)})
		r.started = true
	}
	reply, err := r.b.generate(step, causes)
	if r.b.job.ctx.Err() != nil {
		return cmp.Or(err, r.b.job.ctx.Err())
	}
	result := reply.Result
	if err != nil {
		result = ipc.UnitResult{Status: ipc.StatusFailed, Reason: ipc.Reason{Code: ipc.ReasonError, Text: err.Error()}}
	}
	result.ID = step.ID
	seen := r.b.seen(step.ID)
	result.Reason = completeReason(result.Reason, step.ID, causes, seen)
	r.b.recorder.add(unsettleFailed(reply.Track, result))
	r.finished(step, result)
	return nil
}

// generate has compilation run the step's command.
func (b *build) generate(step ipc.Step, causes []ipc.Cause) (reply ipc.GenerateReply, err error) {
	b.working.Store(true)
	b.job.begins(ipc.RunningJob{ID: step.ID, File: stepName(step), Expected: b.expectedOf(step.ID)})
	defer b.job.ends(step.ID)
	req := ipc.GenerateRequest{
		Build: b.job.id, Root: b.plan.Root, Env: b.plan.Env, Caller: b.job.req.Caller, Step: step, Causes: causes, Timeout: b.s.cfg.Timeout.Seconds(),
	}
	err = b.compilation.call(b.job.ctx, func(c ipc.Compilation) error {
		reply, err = c.Generate(b.job.ctx, req)
		return err
	})
	return reply, err
}

// finished notes and tells what became of a step. One that was in place already is
// no news, unless its start was told.
func (r *stepRun) finished(step ipc.Step, result ipc.UnitResult) {
	result.ID = step.ID
	switch {
	case result.Status == ipc.StatusFailed || result.Status == ipc.StatusSkipped:
		r.broken = append(r.broken, step)
		for _, out := range step.Outputs {
			r.missing[out] = stepName(step)
		}
	case result.Changed:
		for _, out := range step.Outputs {
			r.changed[out] = true
		}
	}
	r.ran = r.ran || result.Status != ipc.StatusSkipped
	if result.InPlace && !r.started {
		return
	}
	r.started = false
	b := r.b
	if !result.InPlace {
		b.s.history.costs.add(result)
		b.noteWork(unitRecord(result, "", ""), stepName(step))
	}
	b.emit(ipc.StepFinished{
		Step: step.ID, Status: result.Status, Reason: result.Reason, Seconds: result.Seconds,
		Changed: result.Changed, Diagnostics: result.Diagnostics,
	})
}

// stepName is what a step is called in sentences: its first output.
func stepName(s ipc.Step) string { return strings.TrimPrefix(s.ID, "step:") }

// withoutBlocked parts the units that may be compiled from those that need what a
// broken step did not make: they read one of its outputs when they were compiled
// last, are one of them, or have never been compiled, so that nobody knows.
func (b *build) withoutBlocked(units []ipc.BatchUnit, broken []ipc.Step) (free, blocked []ipc.BatchUnit, why ipc.Reason) {
	if len(broken) == 0 {
		return units, nil, ipc.Reason{}
	}
	reads := b.readersOf(broken)
	for _, u := range units {
		if reads == nil || reads[u.ID] || reads[u.Source] || !b.memory.recorded[u.ID] {
			blocked = append(blocked, u)
		} else {
			free = append(free, u)
		}
	}
	return free, blocked, words.NeededFailed(stepName(broken[0]))
}

// readersOf names the nodes that read outputs of the steps, and the outputs; nil if
// discovery cannot tell.
func (b *build) readersOf(steps []ipc.Step) map[string]bool {
	reads := map[string]bool{}
	for _, s := range steps {
		for _, out := range s.Outputs {
			reads[out] = true
			var reply ipc.DependentsReply
			err := b.discovery.call(b.job.ctx, func(d ipc.Discovery) (err error) {
				reply, err = d.Dependents(b.job.ctx, ipc.DependentsRequest{Path: out})
				return err
			})
			if err != nil || b.discovery.replaced() { // a stand-in has no records
				return nil
			}
			for _, id := range slices.Concat(reply.Nodes, reply.Missed) {
				reads[id] = true
			}
		}
	}
	return reads
}
