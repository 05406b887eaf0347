package orchestrator

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// watchEvery is how often the daemons are looked at while somebody watches: a row of
// the dashboard must turn to "crashed" within a second.
const watchEvery = 400 * time.Millisecond

// statusTimeout bounds what a status asks of other processes.
const statusTimeout = 300 * time.Millisecond

// recentBuilds is how many builds a snapshot holds, without their units.
const recentBuilds = 20

// rssStep is how much a daemon's memory must change before subscribers are told: 3 %.
const rssStep = 0.03

// subscribers counts the subscribers. The daemons are watched only while there is one.
type subscribers struct {
	mu      sync.Mutex
	count   int
	arrived chan struct{} // holds a token after the first one came
}

func newSubscribers() *subscribers { return &subscribers{arrived: make(chan struct{}, 1)} }

func (v *subscribers) enter() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	pause.Wake(v.arrived)
}

func (v *subscribers) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count--
}

func (v *subscribers) any() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count > 0
}

// Subscribe implements [ipc.Orchestrator].
func (s *Service) Subscribe(ctx context.Context, req ipc.SubscribeRequest, fn func(ipc.Event)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(s.ctx, func() { cancel(errClosed) })
	defer stop()
	s.viewers.enter()
	defer s.viewers.leave()
	err := s.cfg.Hub.Subscribe(ctx, func() ipc.Event { return s.snapshot(ctx) }, req.Events, fn)
	if context.Cause(ctx) == errClosed {
		return ipc.Errorf(ipc.CodeStopping, "subscribe: %v", errClosed)
	}
	return err
}

// snapshot is what a new subscriber has to know.
func (s *Service) snapshot(ctx context.Context) ipc.Event {
	s.history.reload()
	s.tellDirty(ctx)
	return ipc.NewEvent("", ipc.Snapshot{
		Status: s.setStatus(ctx),
		Queue:  s.queue.reply(),
		Recent: s.history.builds(ipc.HistoryRequest{Limit: recentBuilds}),
		Dirty:  s.dirty.last(),
		Build:  s.shownEvents(),
	})
}

// shownEvents are the events of the build that runs, or ran last.
func (s *Service) shownEvents() []ipc.Event {
	j := s.shown.Load()
	if j == nil {
		return nil
	}
	return j.events.condensed()
}

// SetStatus implements [ipc.Orchestrator].
func (s *Service) SetStatus(ctx context.Context, _ ipc.SetStatusRequest) (ipc.SetStatus, error) {
	return s.setStatus(ctx), nil
}

// setStatus never fails: a daemon or number that cannot be had is left out.
func (s *Service) setStatus(ctx context.Context) ipc.SetStatus {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	status := ipc.SetStatus{Schema: ipc.Schema, Project: s.cfg.Root}
	if s.cfg.Supervisor != nil {
		status = s.cfg.Supervisor.Status(ctx)
	} else {
		for _, name := range ipc.DaemonNames() {
			status.Daemons = append(status.Daemons, ipc.DaemonStatus{Name: name, State: ipc.StateStopped})
		}
	}
	if numbers, ok := s.cacheNumbers(ctx, s.compilation.current); ok {
		status.Cache = numbers.Summary()
	} else if known := s.cache.Load(); known != nil {
		status.Cache = *known
	}
	return status
}

// cacheNumbers asks compilation for the cache's numbers.
func (s *Service) cacheNumbers(ctx context.Context, service func() (ipc.Compilation, error)) (ipc.CacheStatsReply, bool) {
	c, err := service()
	if err != nil {
		return ipc.CacheStatsReply{}, false
	}
	numbers, err := c.CacheStats(ctx, ipc.CacheStatsRequest{})
	if err != nil {
		return numbers, false
	}
	known := numbers.Summary()
	s.cache.Store(&known)
	return numbers, true
}

// publishCache tells subscribers what a build did to the cache.
func (b *build) publishCache() {
	ctx, cancel := context.WithTimeout(b.s.ctx, statusTimeout)
	defer cancel()
	numbers, ok := b.s.cacheNumbers(ctx, func() (ipc.Compilation, error) {
		c, _, err := b.compilation.service()
		return c, err
	})
	if ok {
		b.s.publish(ipc.NewEvent(b.job.id, ipc.CacheChanged{CacheStatsReply: numbers}))
	}
}

// watchDaemons tells subscribers when a daemon's state changes.
func (s *Service) watchDaemons() {
	for {
		select {
		case <-s.viewers.arrived:
		case <-s.ctx.Done():
			return
		}
		told := map[string]ipc.DaemonStatus{}
		for s.viewers.any() {
			s.tellDaemons(told)
			s.tellDirty(s.ctx)
			if s.history.reload() { // a command built without this daemon
				s.publish(s.snapshot(s.ctx))
			}
			if pause.For(s.ctx, watchEvery) != nil {
				return
			}
		}
	}
}

// tellDaemons publishes what differs from what was told. The first look is not published:
// it is part of the subscriber's snapshot.
func (s *Service) tellDaemons(told map[string]ipc.DaemonStatus) {
	ctx, cancel := context.WithTimeout(s.ctx, statusTimeout)
	defer cancel()
	for _, now := range s.cfg.Supervisor.Status(ctx).Daemons {
		before, known := told[now.Name]
		if known && sameState(before, now) {
			continue
		}
		told[now.Name] = now
		if known {
			s.publish(ipc.NewEvent("", ipc.DaemonChanged{DaemonStatus: now}))
		}
	}
}

// sameState leaves out what changes with every look.
func sameState(a, b ipc.DaemonStatus) bool {
	return a.State == b.State && a.PID == b.PID && a.Port == b.Port && a.Restarts == b.Restarts &&
		a.LastError == b.LastError && near(a.RSS, b.RSS)
}

func near(a, b int64) bool {
	return float64(max(a, b)-min(a, b)) <= rssStep*float64(max(a, b))
}

// Restart implements [ipc.Orchestrator]. A build that runs meanwhile goes on with
// services of this process.
func (s *Service) Restart(ctx context.Context, req ipc.RestartRequest) (ipc.RestartReply, error) {
	if s.cfg.Supervisor == nil {
		return ipc.RestartReply{}, ipc.Errorf(ipc.CodeUnavailable, "restart: there are no daemons, everything runs in one process").
			WithHint("`replibuild start` starts them")
	}
	names, err := restartable(req.Daemons)
	if err != nil {
		return ipc.RestartReply{}, err
	}
	daemons, err := s.cfg.Supervisor.Restart(ctx, names)
	for _, d := range daemons {
		s.publish(ipc.NewEvent("", ipc.DaemonChanged{DaemonStatus: d}))
	}
	return ipc.RestartReply{Daemons: daemons}, err
}

// restartable checks names. No names means all daemons but the orchestrator, which cannot
// end itself and still answer.
func restartable(names []string) ([]string, error) {
	all := ipc.DaemonNames()
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(n string) bool { return n == ipc.NameOrchestrator }), nil
	}
	for _, n := range names {
		if n == ipc.NameOrchestrator {
			return nil, ipc.Errorf(ipc.CodeUnavailable, "restart: the orchestrator cannot restart itself").
				WithHint("`replibuild restart orchestrator` does it from outside")
		}
		if !slices.Contains(all, n) {
			return nil, ipc.Errorf(ipc.CodeBadRequest, "restart: there is no daemon %q", n).
				WithHint("the daemons are: %s", list(all, len(all)))
		}
	}
	return names, nil
}
