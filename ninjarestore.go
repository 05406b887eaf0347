package replibuild

import (
	"context"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// Restore implements [ninjabuild.Restorer]: the commands that are recognised go to the
// service in one request, which looks at each file that they read once and runs nothing.
// Results that come without an answer of the service, such as after its end, are none.
func (r *NinjaRunner) Restore(ctx context.Context, commands []ninjabuild.Command, done func(i int, result ninjabuild.Result, known bool)) {
	open := map[string]asked{} // by action: the command whose result is awaited
	defer func() {
		for _, a := range open {
			done(a.index, ninjabuild.Result{}, false)
		}
	}()
	req, service, others := r.lookUp(ctx, commands, open)
	for _, i := range others {
		done(i, ninjabuild.Result{}, false)
	}
	if service == nil {
		return
	}
	began := time.Now()
	restored := map[string]ninjabuild.Command{}
	var track ipc.Track
	_, _ = service.Run(ctx, req, func(p ipc.RunProgress) {
		r.note(p.Notices)
		for _, result := range p.Finished {
			a, awaited := open[result.ID]
			if !awaited {
				continue
			}
			delete(open, result.ID)
			if result.Status != ipc.StatusCached {
				done(a.index, ninjabuild.Result{}, false)
				continue
			}
			if a.known.Action.Kind != ipc.ActionCommand {
				restored[result.ID] = commands[a.index]
			}
			done(a.index, finished(req.Root, commands[a.index], a.known, began, result), true)
		}
		addTrack(&track, p.Track)
	})
	r.records.add(ctx, restored, track)
}

// asked is a command whose result is awaited.
type asked struct {
	index int
	known ninjabuild.Recognised
}

// lookUp makes a request for all commands that are recognised, and fills in which those are.
// The service is nil if there is nothing to ask.
func (r *NinjaRunner) lookUp(ctx context.Context, commands []ninjabuild.Command, open map[string]asked) (req ipc.RunRequest, service ipc.Compilation, others []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range commands {
		known, ok := ninjabuild.Recognise(c)
		ok = ok && r.isIn(c, known)
		if ok && len(req.Actions) == 0 {
			req = r.newRequest(ctx, c)
			req.LookUpOnly = true
		}
		if ok && r.service != nil && r.addAction(ctx, &req, c, known) {
			open[known.Action.ID] = asked{i, known}
		} else {
			others = append(others, i)
		}
	}
	if len(req.Actions) == 0 {
		return req, nil, others
	}
	return req, r.service, others
}
