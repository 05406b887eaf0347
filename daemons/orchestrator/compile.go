package orchestrator

import (
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// compile has compilation bring the units up to date and tells links of each one
// that is done. Every unit has an outcome when it returns, whatever happened.
func (b *build) compile(units []ipc.BatchUnit, links *linker) error {
	t := newBatch(b, units, links)
	if len(units) == 0 {
		return nil
	}
	b.working.Store(true)
	ctx := b.job.ctx
	err := b.compilation.call(ctx, func(c ipc.Compilation) error {
		req, report := t.attempt()
		if len(req.Units) == 0 {
			return nil // the last answer came, only the end of the stream did not
		}
		_, err := c.CompileBatch(ctx, req, report)
		return err
	})
	t.close(err)
	return err
}

// batch is the units that compilation still owes an answer for. A service that is
// given up may go on reporting: only the newest attempt is listened to.
type batch struct {
	b     *build
	links *linker

	mu       sync.Mutex
	units    []ipc.BatchUnit // in the order in which they are to be compiled
	owed     map[string]ipc.BatchUnit
	failed   []ipc.UnitResult
	attempts int
}

func newBatch(b *build, units []ipc.BatchUnit, links *linker) *batch {
	t := &batch{b: b, links: links, units: units, owed: make(map[string]ipc.BatchUnit, len(units))}
	for _, u := range units {
		t.owed[u.ID] = u
	}
	return t
}

// attempt makes the request for all that is owed, and what takes its progress.
func (t *batch) attempt() (ipc.BatchRequest, func(ipc.BatchProgress)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempts++
	mine, stream := t.attempts, &tables{}
	p := t.b.plan
	return ipc.BatchRequest{
			Build: t.b.job.id, Root: p.Root, BuildDir: p.BuildDir, Env: p.Env, Caller: t.b.job.req.Caller,
			Toolchains: p.Toolchains, Commands: p.Commands, Units: t.rest(),
			Jobs: t.b.jobs(), Timeout: t.b.s.cfg.Timeout.Seconds(), NoCache: t.b.job.req.NoCache,
			Trace: t.b.job.req.Trace, TimeTrace: t.b.job.req.TimeTrace,
		}, func(news ipc.BatchProgress) {
			t.report(mine, stream, news)
		}
}

// rest lists what is owed, in order; mu is held.
func (t *batch) rest() []ipc.BatchUnit {
	if len(t.owed) == len(t.units) {
		return t.units
	}
	rest := make([]ipc.BatchUnit, 0, len(t.owed))
	for _, u := range t.units {
		if _, owed := t.owed[u.ID]; owed {
			rest = append(rest, u)
		}
	}
	return rest
}

// report takes progress of one attempt.
func (t *batch) report(attempt int, stream *tables, news ipc.BatchProgress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if attempt != t.attempts {
		return
	}
	for _, n := range news.Notices {
		t.b.emit(n)
	}
	for _, id := range news.Started {
		if u, owed := t.owed[id]; owed {
			t.b.unitStarted(u)
		}
	}
	for _, r := range news.Finished {
		if u, owed := t.owed[r.ID]; owed {
			delete(t.owed, r.ID)
			t.b.unitFinished(u, r)
			t.links.unitDone(u, r)
		}
		if r.Status == ipc.StatusFailed {
			t.failed = append(t.failed, r)
		}
	}
	t.b.recorder.addTo(stream.join(unsettleFailed(news.Track, t.failed...)))
}

// close gives what is still owed an outcome: err is why there is none.
func (t *batch) close(err error) {
	t.mu.Lock()
	t.attempts++ // nobody is listened to any more
	rest := t.rest()
	clear(t.owed)
	t.mu.Unlock()
	if err != nil || t.b.job.ctx.Err() != nil {
		t.b.skip(rest, t.links, t.b.stopReason(err))
		return
	}
	t.b.end(rest, t.links, ipc.StatusFailed,
		ipc.Reason{Code: ipc.ReasonError, Text: "compilation did not say what became of it"})
}

// unitStarted tells that a compiler runs.
func (b *build) unitStarted(u ipc.BatchUnit) {
	seen := b.seen(u.ID)
	b.job.begins(ipc.RunningJob{ID: u.ID, File: u.Source, Target: u.Target, Expected: u.Expected * b.correction})
	b.emit(ipc.UnitStarted{File: u.Source, Target: u.Target, Seen: seen, Expected: u.Expected * b.correction})
}

// skip ends units that are not tried.
func (b *build) skip(units []ipc.BatchUnit, links *linker, why ipc.Reason) {
	b.end(units, links, ipc.StatusSkipped, why)
}

// end gives units an outcome that compilation has no part in.
func (b *build) end(units []ipc.BatchUnit, links *linker, status string, why ipc.Reason) {
	for _, u := range units {
		r := ipc.UnitResult{ID: u.ID, Status: status, Reason: why}
		b.unitFinished(u, r)
		links.unitDone(u, r)
	}
}

// unsettleFailed keeps discovery from taking the nodes of failed results for clean:
// they were not made. Their inputs stay known, so that whoever mends one of them
// starts an automatic build.
func unsettleFailed(t ipc.Track, results ...ipc.UnitResult) ipc.Track {
	failed := map[string]bool{}
	for _, r := range results {
		failed[r.ID] = r.Status == ipc.StatusFailed
	}
	for i := range t.Nodes {
		if n := &t.Nodes[i]; failed[n.ID] && n.Unsettled == "" {
			n.Unsettled = "the last attempt failed"
		}
	}
	return t
}
