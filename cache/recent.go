package cache

import (
	"container/list"
	"sync"
)

// Bounds of what is kept decoded in memory, counted by about its size on disk.
const (
	maxManifestBytes = 32 << 20
	maxEntryBytes    = 16 << 20
	usualEntry       = 2 << 10 // of an entry without diagnostics
)

// recent keeps the decoded files of a kind that were used last, so that a warm daemon reads
// nothing twice. A value is valid as long as its file has the signature with which it was put.
type recent[T any] struct {
	limit int // bytes on disk

	mu    sync.Mutex
	items map[Digest]*list.Element
	order list.List // of *recentItem[T], most recently used first
	bytes int
}

type recentItem[T any] struct {
	key   Digest
	sig   signature
	value T
	size  int
}

func (r *recent[T]) get(key Digest, sig signature) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el := r.items[key]
	if el == nil || el.Value.(*recentItem[T]).sig != sig {
		return value, false
	}
	r.order.MoveToFront(el)
	return el.Value.(*recentItem[T]).value, true
}

func (r *recent[T]) put(key Digest, sig signature, value T, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items == nil {
		r.items = make(map[Digest]*list.Element)
	}
	if el := r.items[key]; el != nil {
		r.drop(el)
	}
	r.items[key] = r.order.PushFront(&recentItem[T]{key, sig, value, size})
	r.bytes += size
	for r.bytes > r.limit && r.order.Len() > 1 {
		r.drop(r.order.Back())
	}
}

func (r *recent[T]) drop(el *list.Element) {
	it := el.Value.(*recentItem[T])
	r.order.Remove(el)
	delete(r.items, it.key)
	r.bytes -= it.size
}
