package orchestrator

import (
	"context"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// A build folder of CMake, Meson or a build.ninja is built by a process of its own, by the same
// command that a user types: it has the caller's environment, umask and limits, and announces
// itself with the ID of the build ([Service.Announce]).

// runForeign runs a build of such a folder.
func (s *Service) runForeign(j *job) {
	started := time.Now()
	s.shown.Store(j)
	s.queue.seal(j) // a later request may come after a later change
	s.last.Store(&ipc.BuildRequest{Env: j.req.Env, Caller: j.req.Caller, Targets: j.req.Targets})
	err := s.cfg.Foreign(j.ctx, j.id, j.req)
	reply := ipc.BuildReply{Build: j.id, Success: err == nil, Seconds: time.Since(started).Seconds()}
	if err != nil {
		reply.Detail = err.Error()
	}
	if why := context.Cause(j.ctx); why != nil {
		err = cancelled(j.id, why.Error())
		reply.Cancelled, reply.Detail = true, why.Error()
	}
	if !j.events.hasStarted() { // nothing was to be done, or the process failed before
		j.events.add(j.id, ipc.BuildStarted{
			Project: filepath.Base(s.cfg.Root), Root: s.cfg.Root, Trigger: j.req.Trigger, Daemons: true, Targets: j.req.Targets, Files: j.req.Files,
		})
	}
	j.finish(reply, 0, publicError(err)) // unless the process has reported its end
	s.lastFailed.Store(!j.reply.Success)
}
