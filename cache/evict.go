package cache

import "time"

// EvictUnused deletes the entries that were not used for a time, also those that a build
// needs: it makes them again. Uses by other processes are known to the hour.
func (s *Store) EvictUnused(unused time.Duration) ClearResult {
	x := s.loaded()
	now := s.now()
	w := weights{x: x, refs: make(map[Digest]int)}
	var old []Digest
	var r ClearResult
	for _, d := range x.byUse() {
		it := x.entries[d]
		if now.Sub(it.used) <= unused {
			break // the rest was used later
		}
		old = append(old, d)
		r.Bytes += w.take(it)
	}
	s.mu.Unlock()
	for _, d := range old {
		s.remove(d, Evicted)
	}
	r.Entries = int64(len(old))
	return r
}
