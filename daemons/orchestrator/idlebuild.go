package orchestrator

import (
	"context"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// idleLimit bounds the question to discovery. A build that is made in the usual way waits for longer.
const idleLimit = 2 * time.Second

// BuildIdle makes a build that has nothing to do: its events and its place in the history are
// those of [Service.Build]. ok is false if there is something to do, if that cannot be said by one
// question to the daemon of discovery, if another build runs, or if may, which is called while
// discovery is asked, returns false. Then nothing has happened, and no event was sent.
func (s *Service) BuildIdle(ctx context.Context, req ipc.BuildRequest, may func() bool) (events []ipc.Event, reply ipc.BuildReply, ok bool) {
	req = s.completed(req)
	if s.cfg.Foreign != nil || s.cfg.BuildLock == "" || !s.discovery.HasRemote {
		return nil, reply, false
	}
	j := s.queue.lend(ctx, req)
	if j == nil {
		return nil, reply, false
	}
	defer s.returnTurn()
	b := s.newBuild(j)
	lock := tryLockBuild(s.cfg.BuildLock)
	if lock == nil {
		return nil, reply, false
	}
	defer lock.release()
	good, ok := b.isIdle(ctx, may)
	if !ok || j.ctx.Err() != nil {
		return nil, reply, false
	}
	b.begin()
	b.allInPlace(good)
	b.learn(nil)
	b.finish(nil)
	b.afterwards()
	events, _, _ = j.events.reader().rest()
	return events, j.reply, true
}

// returnTurn goes on with the builds that wait.
func (s *Service) returnTurn() {
	if next := s.queue.next(); next != nil {
		s.startWorking(next)
	}
}

// isIdle asks discovery what has changed, as [build.look] does, and forgets nothing.
func (b *build) isIdle(ctx context.Context, may func() bool) (goodness, bool) {
	ctx, cancel := context.WithTimeout(ctx, idleLimit)
	defer cancel()
	allowed := make(chan bool, 1)
	go func() { allowed <- may() }()
	reply, err := b.s.discovery.Remote.Sync(ctx, ipc.SyncRequest{})
	if !<-allowed || err != nil || !b.lastBuild.isTrue(reply.Token) || len(reply.Dirty) > 0 {
		return goodness{}, false
	}
	return b.nothingToDo(changes{variables: b.lastBuild.asked.Changed(b.variables)})
}
