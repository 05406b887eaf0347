package remotecache

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// States of a remote cache.
const (
	StateNone       = "none"       // none is configured
	StateConnecting = "connecting" // not known yet
	StateOn         = "on"         // look-ups are answered
	StateOff        = "off"        // Why says why; it is tried again after a while
)

// Health is a remote cache as it is now, and what it did since the client was made.
type Health struct {
	URL      string // scheme, host and port
	Instance string
	State    string // one of the states above
	Why      string // it is off, "" if it is not
	MayRead  bool
	MayWrite bool   // as far as is known: a server can refuse the next write
	WhyNot   string // nothing is stored, "" if it is

	Zstd     bool          // large blobs travel compressed
	MaxBatch int64         // bytes of one batch of small blobs; 0 = no batches
	Latency  time.Duration // of a look-up, averaged over the last ones; 0 = none was made
	LostTime time.Duration // in this build
	PID      int           // of replibuild-remote, 0 while it does not run

	QueueLength int   // values that wait to be stored, and those under way
	QueueBytes  int64 // of their blobs

	Hits, Misses               int64 // look-ups
	FetchedBlobs, FetchedBytes int64
	Stored                     int64            // values
	StoredBlobs, StoredBytes   int64            // blobs that the server lacked
	Dropped                    int64            // values that were not stored: no room, too large, or it failed
	Failures                   map[string]int64 // failed calls by cause

	MayExecute bool          // the server executes commands
	Running    int           // commands on the server now
	Executed   int64         // commands with a result that was used
	Refused    int64         // commands without one
	Ran        time.Duration // of commands, as workers measured it
}

// Health returns the state of the remote cache. It does not ask the server.
func (c *Client) Health() Health {
	if c == nil {
		return Health{State: StateNone}
	}
	h := c.counts.health()
	h.URL, h.Instance, h.LostTime = c.origin, c.config.Instance, c.budget.total()
	c.link.describe(&h)
	if c.invalid != nil {
		h.State, h.Why = StateOff, detail(c.invalid)
	}
	h.MayRead = h.State == StateOn
	c.uploads.describe(&h)
	return h
}

func (l *link) describe(h *Health) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetGone()
	h.Zstd, h.MaxBatch = l.able.Zstd, l.able.Batch
	h.MayWrite = l.ready && l.able.Update
	h.MayExecute = l.ready && l.able.Execute
	if l.ready && !l.able.Update {
		h.WhyNot = "the server says that it takes no results"
	}
	if l.conn != nil {
		if p, ok := l.conn.pipe.(interface{ PID() int }); ok {
			h.PID = p.PID()
		}
	}
	off, _ := l.reads.off(l.now())
	switch {
	case off && l.reads.fault != nil:
		h.State, h.Why = StateOff, detail(l.reads.fault)
	case l.ready:
		h.State = StateOn
	default:
		h.State = StateConnecting
	}
}

func (u *uploads) describe(h *Health) {
	u.mu.Lock()
	defer u.mu.Unlock()
	h.QueueLength, h.QueueBytes = len(u.queue)+u.workers, u.bytes
	switch off, _ := u.breaker.off(u.client.options.Now()); {
	case !u.client.config.Upload:
		h.WhyNot = "uploads are off"
	case u.readOnly != nil:
		h.WhyNot = detail(u.readOnly)
	case off:
		h.WhyNot = detail(u.breaker.fault)
	}
	h.MayWrite = h.MayWrite && h.WhyNot == ""
}

// checkKey is the key of the value that [Client.Check] looks up and stores: always the same, so
// that checks leave one small value on a server.
var checkKey = Key(sha256.Sum256([]byte("replibuild doctor")))

// Check asks the server for what [Client.Health] says: it connects, looks up a key, and, if
// uploads are on, stores a small value. It returns when that is done or ctx ends.
func (c *Client) Check(ctx context.Context) Health {
	if c == nil || c.invalid != nil {
		return c.Health()
	}
	c.link.settle(ctx)
	c.Lookup(ctx, []Key{checkKey})
	if c.Health().MayWrite {
		c.Store(checkKey, Value{Meta: []byte("replibuild doctor")}, nil)
		_ = c.Wait(ctx) // the health says what is left
	}
	return c.Health()
}

// settle waits for the attempt to connect that is under way.
func (l *link) settle(ctx context.Context) {
	l.mu.Lock()
	l.connect(false)
	attempt := l.connecting
	l.mu.Unlock()
	if attempt == nil {
		return
	}
	select {
	case <-attempt:
	case <-ctx.Done():
	}
}

// counts is what the client did.
type counts struct {
	mu sync.Mutex
	h  Health
}

func (c *counts) change(f func(h *Health)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.h)
}

// lookedUp counts a look-up; the latency is that of the last ten or so.
func (c *counts) lookedUp(hit bool, took time.Duration) {
	c.change(func(h *Health) {
		if h.Latency == 0 {
			h.Latency = took
		}
		h.Latency += (took - h.Latency) / 10
		if hit {
			h.Hits++
		} else {
			h.Misses++
		}
	})
}

func (c *counts) fetched(blobs int, bytes int64) {
	c.change(func(h *Health) { h.FetchedBlobs, h.FetchedBytes = h.FetchedBlobs+int64(blobs), h.FetchedBytes+bytes })
}

func (c *counts) sent(blobs int, bytes int64) {
	c.change(func(h *Health) { h.StoredBlobs, h.StoredBytes = h.StoredBlobs+int64(blobs), h.StoredBytes+bytes })
}

func (c *counts) stored(ok bool) {
	c.change(func(h *Health) {
		if ok {
			h.Stored++
		} else {
			h.Dropped++
		}
	})
}

func (c *counts) dropped(n int) { c.change(func(h *Health) { h.Dropped += int64(n) }) }

func (c *counts) failed(f *remotewire.Fault) {
	c.change(func(h *Health) {
		if h.Failures == nil {
			h.Failures = map[string]int64{}
		}
		h.Failures[f.Cause]++
	})
}

func (c *counts) health() Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.h
	h.Failures = map[string]int64{}
	for cause, n := range c.h.Failures {
		h.Failures[cause] = n
	}
	return h
}
