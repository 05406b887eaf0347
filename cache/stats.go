package cache

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"time"
)

// flushEvery is how often changed statistics are written: a kill loses so much.
const flushEvery = time.Second

// maxGone bounds how many removed entries are remembered.
const maxGone = 1 << 15

// counters is what the store counts, in the file and since the last write.
type counters struct {
	Hits, Misses, Stored, Evicted, Damaged int64
	Saved                                  float64
	Reasons                                map[string]int64
}

func (c *counters) add(d counters) {
	c.Hits += d.Hits
	c.Misses += d.Misses
	c.Stored += d.Stored
	c.Evicted += d.Evicted
	c.Damaged += d.Damaged
	c.Saved += d.Saved
	for r, n := range d.Reasons {
		if c.Reasons == nil {
			c.Reasons = make(map[string]int64)
		}
		c.Reasons[r] += n
	}
}

// Hit counts a look-up that was answered, and the seconds it saved.
func (s *Store) Hit(saved float64) {
	s.count(func(c *counters) { c.Hits++; c.Saved += saved })
}

// Miss counts a look-up without a hit by its reason: a MissReason, or a more exact word
// of the caller ("input", "flags", …).
func (s *Store) Miss(reason string) {
	s.count(func(c *counters) { c.add(counters{Misses: 1, Reasons: map[string]int64{reason: 1}}) })
}

func (s *Store) count(change func(*counters)) {
	s.mu.Lock()
	change(&s.counters)
	s.mu.Unlock()
	s.changed()
}

// changed sees to it that the statistics are written soon.
func (s *Store) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flusher == nil && !s.closed {
		s.flusher = time.AfterFunc(flushEvery, func() {
			s.mu.Lock()
			s.flusher = nil
			s.mu.Unlock()
			s.flush()
		})
	}
}

// flush adds what was counted to the file. Two processes that do so at the same moment
// may lose a count; counts are only displayed.
func (s *Store) flush() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	delta := s.counters
	s.counters = counters{}
	gone := maps.Clone(s.gone)
	s.mu.Unlock()
	if delta.Hits+delta.Misses+delta.Stored+delta.Evicted+delta.Damaged == 0 {
		return nil
	}
	total := s.readCounters()
	s.refresh(total)
	total.add(delta)
	data, err := json.Marshal(total)
	if err == nil {
		err = s.replace("stats", data)
	}
	if err == nil {
		s.setSeen(s.mark(total))
		err = s.replace("gone", encodeGone(gone))
	}
	if err != nil { // keep counting in memory
		s.mu.Lock()
		s.counters.add(delta)
		s.mu.Unlock()
	}
	return err
}

// replace writes a small file of the store's folder by temporary file and rename.
func (s *Store) replace(name string, data []byte) error {
	tmp, err := s.temp(s.dir)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.path(name))
}

func (s *Store) readCounters() counters {
	var c counters
	data, err := os.ReadFile(s.path("stats"))
	if err != nil || json.Unmarshal(data, &c) != nil {
		return counters{}
	}
	return c
}

// Stats returns the store's numbers; the first call waits until the folder has
// been read.
func (s *Store) Stats() Stats {
	s.flushing.Lock() // what is counted is in the file or in memory, not between
	defer s.flushing.Unlock()
	total := s.readCounters()
	s.refresh(total)
	x := s.loaded()
	defer s.mu.Unlock()
	if _, err := os.Lstat(s.path("entries")); os.IsNotExist(err) && len(x.entries) > 0 {
		for d := range x.entries { // rm -rf
			s.remember(d, Cleared)
		}
		x = newIndex()
		s.index = x
	}
	total.add(s.counters)
	if total.Reasons == nil {
		total.Reasons = map[string]int64{}
	}
	return Stats{
		Bytes: x.bytes, MaxBytes: s.options.MaxBytes, Entries: int64(len(x.entries)),
		Hits: total.Hits, Misses: total.Misses, MissReasons: total.Reasons,
		Stored: total.Stored, Evicted: total.Evicted, Damaged: total.Damaged, SavedSeconds: total.Saved,
		Oldest: x.oldest(), ReadOnly: s.blocked,
	}
}

// remember notes why an entry is gone, so that the next miss can say so; it needs
// the lock.
func (s *Store) remember(action Digest, why MissReason) {
	if len(s.gone) >= maxGone {
		for d := range s.gone { // any one: remembering them only improves messages
			delete(s.gone, d)
			break
		}
	}
	s.gone[action] = why
}

// reasonGone says why there is no entry.
func (s *Store) reasonGone(action Digest) MissReason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why, ok := s.gone[action]; ok {
		return why
	}
	if s.index != nil && s.index.entries[action] != nil {
		return Cleared // it was there, and the folder was deleted
	}
	return New
}

// encodeGone writes a byte for the reason and the digest, for each.
func encodeGone(gone map[Digest]MissReason) []byte {
	var b bytes.Buffer
	for d, why := range gone {
		b.WriteByte(goneByte(why))
		b.Write(d[:])
	}
	return b.Bytes()
}

func readGone(path string) map[Digest]MissReason {
	words := map[byte]MissReason{}
	for _, w := range []MissReason{Evicted, Expired, Damaged, Cleared} {
		words[goneByte(w)] = w
	}
	gone := make(map[Digest]MissReason)
	data, _ := os.ReadFile(path)
	for len(data) >= 1+sha256Size {
		if w, ok := words[data[0]]; ok {
			gone[Digest(data[1:1+sha256Size])] = w
		}
		data = data[1+sha256Size:]
	}
	return gone
}

// goneByte is the reason's byte in the file: the second letter, which all differ in.
func goneByte(why MissReason) byte { return why[1] }
