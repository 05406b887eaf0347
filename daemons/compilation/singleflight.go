package compilation

import (
	"context"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
)

// singleflight lets one action of a base key look up and make at a time. Other
// actions of the key wait, and then find the result in the cache. If the first one failed
// or was cancelled, the next one takes the lead.
type singleflight struct {
	mu   sync.Mutex
	busy map[cache.Digest]chan struct{}
}

func newSingleflight() *singleflight {
	return &singleflight{busy: make(map[cache.Digest]chan struct{})}
}

// try takes the lead if it is free; else it returns what to wait for. A zero key is
// never shared.
func (f *singleflight) try(base cache.Digest) (leave func(), other <-chan struct{}) {
	if base.IsZero() {
		return func() {}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.busy[base]; other != nil {
		return nil, other
	}
	mine := make(chan struct{})
	f.busy[base] = mine
	return func() {
		f.mu.Lock()
		delete(f.busy, base)
		f.mu.Unlock()
		close(mine)
	}, nil
}

// lead waits for the lead.
func (f *singleflight) lead(ctx context.Context, base cache.Digest) (leave func(), err error) {
	for {
		leave, other := f.try(base)
		if other == nil {
			return leave, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
