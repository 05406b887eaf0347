package cache

import (
	"container/list"
	"sync"
)

// maxManifestBytes bounds the decoded manifests in memory, counted by their size
// on disk.
const maxManifestBytes = 32 << 20

// manifestCache keeps decoded manifests, so that a warm daemon reads nothing
// twice. The zero value is ready.
type manifestCache struct {
	mu    sync.Mutex
	items map[Digest]*list.Element
	order list.List // of *manifestItem, most recently used first
	bytes int
}

type manifestItem struct {
	base Digest
	sig  signature
	sets []InputSet
	size int
}

func (m *manifestCache) get(base Digest, sig signature) ([]InputSet, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	el := m.items[base]
	if el == nil || el.Value.(*manifestItem).sig != sig {
		return nil, false
	}
	m.order.MoveToFront(el)
	return el.Value.(*manifestItem).sets, true
}

func (m *manifestCache) put(base Digest, sig signature, sets []InputSet, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = make(map[Digest]*list.Element)
	}
	if el := m.items[base]; el != nil {
		m.drop(el)
	}
	m.items[base] = m.order.PushFront(&manifestItem{base, sig, sets, size})
	m.bytes += size
	for m.bytes > maxManifestBytes && m.order.Len() > 1 {
		m.drop(m.order.Back())
	}
}

func (m *manifestCache) drop(el *list.Element) {
	it := el.Value.(*manifestItem)
	m.order.Remove(el)
	delete(m.items, it.base)
	m.bytes -= it.size
}
