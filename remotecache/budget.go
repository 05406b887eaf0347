package remotecache

import (
	"sync"
	"time"
)

// What a build may lose to a remote cache that brings nothing: a fixed time, and a share of
// the time that the build has taken. One second is what three failures and a slow connection
// cost.
const (
	allowance      = time.Second
	allowanceShare = 33 // one part in so many, 3 %
)

// budget counts the time in which a free slot of a build waited for the remote cache in vain
// ([Client.Waits]). What waits at the same time counts once; if one of them got what it waited for, the
// time of all is not lost.
type budget struct {
	now func() time.Time

	mu      sync.Mutex
	build   time.Time // when it began
	lost    time.Duration
	running int
	since   time.Time // when the first of the running began
	useful  bool
}

// reset begins another build.
func (b *budget) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.build, b.lost = b.now(), 0
	b.since = b.build
}

// left reports whether the build may lose more time.
func (b *budget) left() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost < allowance+b.now().Sub(b.build)/allowanceShare
}

// begin counts from now on. The function that it returns ends that.
func (b *budget) begin() (end func(useful bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == 0 {
		b.since, b.useful = b.now(), false
	}
	b.running++
	return b.end
}

func (b *budget) end(useful bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	b.useful = b.useful || useful
	if b.running == 0 && !b.useful {
		b.lost += b.now().Sub(b.since)
	}
}

func (b *budget) total() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}
