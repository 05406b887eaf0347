package discovery

import (
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
)

const (
	// auditShare is how much longer the audit rests than it works: 0.1 % of a core.
	auditShare = 1000
	// pollShare is the same for polling, where nothing else finds changes.
	pollShare = 100
	// restPeriods are passed over where nothing has to be polled.
	restPeriods = 5
	// auditStep bounds how long the audit keeps a Sync waiting.
	auditStep = 2 * time.Millisecond
)

// auditor looks at everything from time to time and finds what no event told.
func (s *Service) auditor() {
	for rest := s.cfg.WatchInterval; pause.For(s.ctx, rest) == nil; {
		cost := s.audit()
		rest = max(s.cfg.WatchInterval, auditShare*cost)
	}
}

// audit looks at everything once, in steps between which others get the lock, and
// returns how long it worked.
func (s *Service) audit() (cost time.Duration) {
	s.acquire()
	begin := time.Now()
	s.retry()
	dirs := make([]*dirNode, 0, len(s.graph.dirByPath))
	for _, p := range s.graph.dirByPath {
		dirs = append(dirs, p)
	}
	for len(dirs) > 0 {
		before := s.changes.generation
		dirs = s.auditSome(dirs, time.Now().Add(auditStep))
		s.counts.late.Add(s.changes.generation - before)
		cost += time.Since(begin)
		s.unlock()
		if pause.For(s.ctx, time.Millisecond) != nil {
			return cost
		}
		s.acquire()
		begin = time.Now()
	}
	s.finishScan()
	s.unlock()
	s.counts.audits.Add(1)
	s.counts.auditNanos.Store(int64(cost))
	return cost
}

// auditSome looks at some of the folders until a time, and returns those left.
func (s *Service) auditSome(dirs []*dirNode, until time.Time) []*dirNode {
	for len(dirs) > 0 && time.Now().Before(until) {
		p := dirs[0]
		dirs = dirs[1:]
		if !p.gone {
			s.scan([]*dirNode{p})
		}
	}
	return dirs
}

// retry tries again to watch what could not be watched, and notices mounts.
func (s *Service) retry() {
	switch {
	case s.watches == nil && s.cfg.Watch && eventsTrusted:
		if s.rescan(); s.watches != nil {
			s.log.Info("files can be watched now")
		}
		return
	case s.watches == nil:
		return
	case s.remounted():
		s.rescan()
		return
	}
	s.watches.full = false
	again := map[*dirNode]bool{}
	for _, f := range s.watches.folders {
		if f.refused != nil && f.refused != errRemote {
			f.refused = nil
		}
	}
	for p := range s.looseAt {
		if p.route == nil || !p.route.sure {
			again[p] = true
		}
	}
	for p := range again {
		s.rewatchDir(p)
	}
}

// poller looks every watch_interval at files that have no events, so that their changes
// are published too.
func (s *Service) poller() {
	for rest := s.cfg.WatchInterval; pause.For(s.ctx, rest) == nil; {
		s.acquire()
		begin := time.Now()
		nothing := len(s.looseAt) == 0
		s.scanUncovered()
		s.finishScan()
		cost := time.Since(begin)
		s.unlock()
		rest = max(s.cfg.WatchInterval, pollShare*cost)
		if nothing {
			rest *= restPeriods // waking up alone costs a millisecond on some machines
		}
	}
}
