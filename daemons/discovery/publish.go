package discovery

import (
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// coalesceQuiet is how long no further change may come before one is published:
	// an editor's save is several events within a millisecond.
	coalesceQuiet = 5 * time.Millisecond
	// coalesceLimit is the longest that a stream of changes can put that off.
	coalesceLimit = 100 * time.Millisecond
	// maxNamed is how many paths and units an event names.
	maxNamed = 100
)

// pending is what has to be published.
type pending struct {
	first, last time.Time
	paths       []string
	named       map[string]bool
	notices     []ipc.Notice
}

// note takes a change that was seen: ctime (ns) is the file's, 0 if it has none. Files
// that a node makes are never published: a build would start itself again by its own
// outputs.
func (s *Service) note(path string, ours bool, ctime int64) {
	s.newest = max(s.newest, s.changedAt(ctime))
	if ours || !s.started {
		return
	}
	s.changes.add(path)
	p := &s.pending
	p.last = time.Now()
	if p.first.IsZero() {
		p.first, p.named = p.last, map[string]bool{}
	}
	if len(p.paths) < maxNamed && !p.named[path] {
		p.named[path] = true
		p.paths = append(p.paths, path)
	}
	s.poke()
}

// changedAt is the latest moment (ns) at which a change that is seen now was made. A file
// that is gone, or that a turned link or moved folder replaced, has no time of that
// change: it may have been a moment ago.
func (s *Service) changedAt(ctime int64) int64 {
	now := time.Now().UnixNano()
	if now-ctime < int64(s.tick) {
		return ctime
	}
	return now
}

// poke makes the loop publish what is pending.
func (s *Service) poke() { pause.Wake(s.wake) }

// publishIn returns when to publish.
func (s *Service) publishIn() time.Duration {
	s.acquire()
	defer s.unlock()
	p := &s.pending
	if p.first.IsZero() {
		return 0
	}
	quiet := s.cfg.quiet
	if quiet == 0 {
		quiet = coalesceQuiet
	}
	at := p.last.Add(quiet)
	if limit := p.first.Add(coalesceLimit); limit.Before(at) {
		at = limit
	}
	return max(time.Until(at), 0)
}

// publish tells of what is pending, outside of the lock.
func (s *Service) publish() {
	s.acquire()
	s.noticeRefusals()
	p := s.pending
	s.pending = pending{}
	var body *ipc.FilesChanged
	if len(p.paths) > 0 {
		s.finishScan()
		body = &ipc.FilesChanged{Generation: s.changes.generation, Paths: p.paths, Dirty: len(s.graph.dirty)}
		for _, n := range s.graph.dirtyNodes() {
			if len(body.Units) < maxNamed {
				body.Units = append(body.Units, s.graph.nodes[n].id)
			}
		}
	}
	s.unlock()
	if s.cfg.Publish == nil {
		return
	}
	for _, n := range p.notices {
		s.cfg.Publish(n)
	}
	if body != nil {
		s.cfg.Publish(*body)
	}
}
