package orchestrator

import (
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// request is the actions that compilation has not answered for yet. If the daemon is
// gone, the service that takes over is asked for the rest. Only the newest attempt
// counts, because a service that was given up may still report.
type request struct {
	s *scheduler
	b *build

	mu       sync.Mutex
	actions  []planned // in the order in which they are to be made
	owed     map[string]planned
	failed   []ipc.ActionResult
	attempts int
}

func newRequest(s *scheduler, actions []planned) *request {
	r := &request{s: s, b: s.b, actions: actions, owed: make(map[string]planned, len(actions))}
	for _, a := range actions {
		r.owed[a.ID] = a
	}
	return r
}

// run asks compilation, and posts the end of the request.
func (r *request) run() {
	ctx := r.b.job.ctx
	err := r.b.compilation.call(ctx, func(c ipc.Compilation) error {
		req, report := r.attempt()
		if len(req.Actions) == 0 {
			return nil // the last answer came, only the end of the stream did not
		}
		_, err := c.Run(ctx, req, report)
		return err
	})
	rest := r.close()
	r.s.events <- func() { r.s.requestDone(rest, err) }
}

// attempt makes the request for all that is owed, and what takes its progress.
func (r *request) attempt() (ipc.RunRequest, func(ipc.RunProgress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++
	mine, stream := r.attempts, &tables{}
	p, req := r.b.plan, r.b.job.req
	out := ipc.RunRequest{
		Build: r.b.job.id, Root: p.Root, BuildDir: p.BuildDir, Env: req.Env, Caller: req.Caller,
		Jobs: r.b.jobs(), Timeout: r.b.s.cfg.Timeout.Seconds(), NoCache: req.NoCache,
		Trace: req.Trace, TimeTrace: req.TimeTrace, Sharing: p.Sharing,
	}
	for _, a := range r.rest() {
		out.Actions = append(out.Actions, a.RunAction)
	}
	addCommands(&out, p)
	return out, func(news ipc.RunProgress) { r.report(mine, stream, news) }
}

// addCommands adds the commands and toolchains that the actions of a request use.
func addCommands(req *ipc.RunRequest, p *ipc.Plan) {
	commands, toolchains := map[int]int{}, map[int]int{}
	for i := range req.Actions {
		a := &req.Actions[i]
		if a.Kind == ipc.ActionCommand {
			continue
		}
		n, known := commands[a.Command]
		if !known {
			c := p.Commands[a.Command]
			t, there := toolchains[c.Toolchain]
			if !there {
				t = len(req.Toolchains)
				toolchains[c.Toolchain] = t
				req.Toolchains = append(req.Toolchains, p.Toolchains[c.Toolchain])
			}
			c.Toolchain = t
			n = len(req.Commands)
			commands[a.Command] = n
			req.Commands = append(req.Commands, c)
		}
		a.Command = n
	}
}

// rest lists what is owed, in order; mu is held.
func (r *request) rest() []planned {
	return slices.DeleteFunc(slices.Clone(r.actions), func(a planned) bool {
		_, owed := r.owed[a.ID]
		return !owed
	})
}

// report takes progress of one attempt. The records go to discovery at once; what became
// of actions goes to the scheduler.
func (r *request) report(attempt int, stream *tables, news ipc.RunProgress) {
	r.mu.Lock()
	if attempt != r.attempts {
		r.mu.Unlock()
		return
	}
	var started, finished []planned
	var results []ipc.ActionResult
	for _, id := range news.Started {
		if a, owed := r.owed[id]; owed {
			started = append(started, a)
		}
	}
	for _, result := range news.Finished {
		if a, owed := r.owed[result.ID]; owed {
			delete(r.owed, result.ID)
			finished, results = append(finished, a), append(results, result)
		}
		if result.Status == ipc.StatusFailed {
			r.failed = append(r.failed, result)
		}
	}
	r.b.recorder.addTo(stream.join(unsettleFailed(news.Track, r.failed...)))
	r.mu.Unlock()
	for _, n := range news.Notices {
		r.b.emit(n)
	}
	if len(started)+len(finished) == 0 {
		return
	}
	r.s.events <- func() {
		for _, a := range started {
			r.b.actionStarted(a)
		}
		for i, a := range finished {
			r.s.done(a.at, results[i])
		}
	}
}

// close ends the request and returns what is still owed.
func (r *request) close() []planned {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++ // no attempt is listened to any more
	rest := r.rest()
	clear(r.owed)
	return rest
}

// unsettleFailed keeps discovery from taking the nodes of failed results for clean:
// they were not made. Their inputs stay known, so that a change of one of them starts an
// automatic build.
func unsettleFailed(t ipc.Track, results ...ipc.ActionResult) ipc.Track {
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
