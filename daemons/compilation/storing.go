package compilation

import (
	"os"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
)

// maxStoring is how many outputs wait at most to be copied into the cache, each with a
// file open. Who comes when there are as many copies his own before he goes on.
const maxStoring = 32

// storing copies what was made into the cache behind the build's back: the link that waits
// for an object need not wait for its copy, and nobody waits for a program's. Who looks for
// the same does, so that nothing is made twice.
type storing struct {
	mu     sync.Mutex
	copies map[cache.Digest]chan struct{} // by base key, closed when it is done
}

func newStoring() *storing { return &storing{copies: make(map[cache.Digest]chan struct{})} }

// later has an output copied that was made for a base key.
func (s *storing) later(base cache.Digest, copy func()) {
	s.await(base)
	s.mu.Lock()
	if len(s.copies) >= maxStoring {
		s.mu.Unlock()
		copy()
		return
	}
	done := make(chan struct{})
	s.copies[base] = done
	s.mu.Unlock()
	go func() {
		copy()
		s.mu.Lock()
		delete(s.copies, base)
		s.mu.Unlock()
		close(done)
	}()
}

// await waits until what was made for a base key is in the cache.
func (s *storing) await(base cache.Digest) {
	s.mu.Lock()
	done := s.copies[base]
	s.mu.Unlock()
	if done != nil {
		<-done
	}
}

// settle waits until all that was made so far is in the cache.
func (s *storing) settle() {
	s.mu.Lock()
	var all []chan struct{}
	for _, done := range s.copies {
		all = append(all, done)
	}
	s.mu.Unlock()
	for _, done := range all {
		<-done
	}
}

// storeLater stores the output at a path, which may have another name by then. One that
// was changed since its content was looked at is not stored.
func (w *work) storeLater(t *attempt, path string, set inputSet, e *cache.Entry) {
	file, err := os.Open(path)
	if err != nil {
		w.s.log.Warn("an output is not stored", "id", t.id, "error", err)
		return
	}
	base := t.use.base(t.base)
	w.s.store.Pin(w.pin, e.Action)
	w.s.storing.later(t.base, func() {
		defer file.Close()
		if err := w.s.store.Put(e, map[string]*os.File{"output": file}); err != nil {
			w.s.log.Debug("an output is not stored", "id", t.id, "error", err)
			return
		}
		// Without the set the entry is not found again, and costs nothing but its room.
		_ = w.s.store.AddInputSet(base, set.toCache(e.Action))
	})
}
