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
// for many at a time. Time in which a build can do nothing else is counted by [Client.Waits].
func (c *Client) Lookup(ctx context.Context, keys []Key, inline ...string) []*Value {
	found := make([]*Value, len(keys))
	if c == nil || len(keys) == 0 {
		return found
	}
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(len(keys), inFlight) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(keys)); i = next.Add(1) - 1 {
				if !c.lookup(ctx, keys[i], inline, &found[i]) {
					return
				}
			}
		})
	}
	running.Wait()
	return found
}

// lookup asks for one key. It returns false when no further key has to be asked for. When ctx ends
// the call goes on for itself, until its deadline at the latest: a server that hangs shows it in
// builds that end before as well.
func (c *Client) lookup(ctx context.Context, key Key, inline []string, into **Value) bool {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	conn := c.use(ctx)
	if conn == nil {
		<-c.slots
		return false
	}
	type outcome struct {
		value *Value
		goOn  bool
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-c.slots }()
		var o outcome
		o.value, o.goOn = c.ask(context.WithoutCancel(ctx), conn, key, inline)
		done <- o
	}()
	select {
	case o := <-done:
		*into = o.value
		return o.goOn
	case <-ctx.Done():
		return false
	}
}

// ask asks for one key on a connection. goOn is false if no further key has to be asked for.
func (c *Client) ask(ctx context.Context, conn *conn, key Key, inline []string) (value *Value, goOn bool) {
	digest := remotewire.Digest(key)
	r, body, err := c.link.call(ctx, conn, remotewire.Request{Op: remotewire.OpLookup, Timeout: c.config.Timeout, Key: &digest, Inline: inline})
	if err == nil && r.Found {
		value, err = fromWire(r, body)
	}
	c.failed(err)
	if err != nil {
		return nil, harmless(faultOf(err)) // else a server that hangs would cost two deadlines
	}
	if value != nil && largest(value.Files) > c.config.MaxBlob {
		value = nil
	}
	c.counts.lookedUp(value != nil, r.Elapsed)
	return value, true
}
