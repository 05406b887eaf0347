package compilation

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// maxWriteback is how many outputs wait at most to be copied into the cache, each with a
// file open. At the limit the caller copies synchronously.
const maxWriteback = 32

// writeback copies outputs into the cache asynchronously: a link that needs an object does
// not wait for the object's copy. A lookup of the same key waits for it, so that nothing is
// made twice.
type writeback struct {
	mu     sync.Mutex
	copies map[cache.Digest]chan struct{} // by base key, closed when it is done
}

func newWriteback() *writeback { return &writeback{copies: make(map[cache.Digest]chan struct{})} }

// later stores an output that was made for a base key. Only the leader of the key may call
// it (singleflight). A copy for the same key can still be under way if the caller was asked
// not to look anything up.
func (s *writeback) later(base cache.Digest, store func()) {
	s.mu.Lock()
	before := s.copies[base]
	if len(s.copies) >= maxWriteback || before != nil {
		s.mu.Unlock()
		if before != nil {
			<-before
		}
		store()
		return
	}
	done := make(chan struct{})
	s.copies[base] = done
	s.mu.Unlock()
	go func() {
		store()
		s.mu.Lock()
		delete(s.copies, base)
		s.mu.Unlock()
		close(done)
	}()
}

// expect makes lookups of a base key wait until release is called: what is made for it is
// about to be stored.
func (s *writeback) expect(base cache.Digest) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copies[base] != nil {
		return func() {} // they wait for another one
	}
	done := make(chan struct{})
	s.copies[base] = done
	return sync.OnceFunc(func() {
		s.mu.Lock()
		delete(s.copies, base)
		s.mu.Unlock()
		close(done)
	})
}

// await waits until what was made for a base key is in the cache, or ctx ends.
func (s *writeback) await(ctx context.Context, base cache.Digest) {
	s.mu.Lock()
	done := s.copies[base]
	s.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// drain waits until all that was made so far is in the cache, or ctx ends.
func (s *writeback) drain(ctx context.Context) {
	s.mu.Lock()
	bases := slices.Collect(maps.Keys(s.copies))
	s.mu.Unlock()
	for _, base := range bases {
		s.await(ctx, base)
	}
}

// storeLater stores the outputs, which may have other names by then, and closes them. If
// one was changed since its content was looked at, none is stored.
func (w *work) storeLater(t *attempt, made []madeFile, set snapshot.InputSet, e *cache.Entry) {
	files := make(map[string]*os.File, len(made))
	for i, m := range made {
		name := declaredName(i)
		if i >= len(t.outputs) {
			name = besidePrefix + m.path
		}
		files[name] = m.file
		e.Outputs = append(e.Outputs, cache.Output{Name: name, Blob: m.digest, Mode: w.permissionsToKeep(t.action, m.info.Mode())})
	}
	base := t.use.base(t.base)
	w.s.store.Pin(w.pin, e.Action)
	w.s.writeback.later(t.base, func() {
		defer closeAll(made)
		if err := w.s.store.Put(e, files); err != nil {
			w.s.log.Debug("an output is not stored", "id", t.id, "error", err)
			return
		}
		// Without the set the entry is not found again, and costs nothing but its room.
		_ = w.s.store.AddInputSet(base, set.ToCache(e.Action))
		w.offer(t, e, set)
		if e.Remote {
			w.mayAudit(t, e, w.s.tables.Pack(set))
		}
	})
}
