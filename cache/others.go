package cache

import "os"

// mark tells whether other processes have changed the folder since it was read: what they
// counted in the statistics file, and whether its entries lie in the same folder.
type mark struct {
	stored, evicted int64
	entries         os.FileInfo // nil if there is none
}

func (s *Store) mark(c counters) mark {
	m := mark{stored: c.Stored, evicted: c.Evicted}
	if info, err := os.Stat(s.path("entries")); err == nil {
		m.entries = info
	}
	return m
}

func (m mark) same(other mark) bool {
	switch {
	case m.stored != other.stored || m.evicted != other.evicted:
		return false
	case m.entries == nil || other.entries == nil:
		return m.entries == nil && other.entries == nil
	}
	return os.SameFile(m.entries, other.entries)
}

// refresh reads the folder again if other processes have changed it: a local service may
// have stored entries after a daemon was killed, which the next daemon has not seen. The
// caller holds flushing, and c is what the statistics file says.
func (s *Store) refresh(c counters) {
	<-s.loading
	now := s.mark(c)
	s.mu.Lock()
	same := s.seen.same(now)
	s.seen = now
	s.mu.Unlock()
	if !same {
		s.adopt(scan(s.dir, s.now()))
	}
}

func (s *Store) setSeen(m mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = m
}
