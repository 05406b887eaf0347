package remotecache

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// Lookup returns the value of each key, nil where the server has none, cannot be asked, or
// has one with a blob above Config.MaxBlob. Files of a value with a name in inline have their
// Contents, as far as they fit some megabytes together; the others have to be fetched.
//
// All keys are asked for in one wave, so that it costs little more than one round trip: ask
// for many at a time, before a slot is taken.
func (c *Client) Lookup(ctx context.Context, keys []Key, inline ...string) []*Value {
	found := make([]*Value, len(keys))
	if c == nil || len(keys) == 0 {
		return found
	}
	end := c.budget.begin()
	var hits, next atomic.Int64
	defer func() { end(hits.Load() > 0) }()
	var running sync.WaitGroup
	for range min(len(keys), inFlight) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(keys)); i = next.Add(1) - 1 {
				if !c.lookup(ctx, keys[i], inline, &found[i]) {
					return
				}
				if found[i] != nil {
					hits.Add(1)
				}
			}
		})
	}
	running.Wait()
	return found
}

// lookup asks for one key. It returns false when no further key has to be asked for.
func (c *Client) lookup(ctx context.Context, key Key, inline []string, into **Value) bool {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-c.slots }()
	conn := c.use(ctx)
	if conn == nil {
		return false
	}
	digest := remotewire.Digest(key)
	r, body, err := c.link.call(ctx, conn, remotewire.Request{Op: remotewire.OpLookup, Timeout: c.config.Timeout, Key: &digest, Inline: inline})
	if ctx.Err() != nil {
		return false
	}
	if err == nil && r.Found {
		*into, err = fromWire(r, body)
	}
	c.failed(err)
	if err != nil {
		*into = nil
		return harmless(faultOf(err)) // else a server that hangs would cost two deadlines
	}
	if *into != nil && largest((*into).Files) > c.config.MaxBlob {
		*into = nil
	}
	c.counts.lookedUp(*into != nil, r.Elapsed)
	return true
}
