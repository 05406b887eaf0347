package remotecache

import (
	"context"
	"sync"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// The bounds of the queue. Its blobs stay in files, so it takes little memory; what is bound
// is how long a wait for its end can take.
const (
	maxQueue      = 20000
	maxQueueBytes = 8 << 30
	uploaders     = 8 // uploads at a time: enough to hide three round trips for each
)

// upload is one value on its way to the server.
type upload struct {
	key   Key
	value Value
	open  func(File) (path string)
}

// uploads is the queue of what is stored in the background.
type uploads struct {
	client  *Client
	running sync.WaitGroup
	stop    context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	queue    []upload
	bytes    int64 // of the queue and of what is under way
	workers  int
	idle     chan struct{} // closed while nothing waits or is under way
	breaker  breaker
	readOnly *remotewire.Fault // why the server takes nothing; it is not tried again
}

func newUploads(c *Client) *uploads {
	u := &uploads{client: c, idle: make(chan struct{})}
	u.stop, u.cancel = context.WithCancel(context.Background())
	close(u.idle)
	return u
}

// Store stores a value on the server in the background, if Config.Upload says so. open gives
// the path of a file with the content of a File, "" if there is none any more; it is called
// when the turn of the value comes, and the file is checked as it is read. If the queue is
// full, the value is not stored.
//
// Every write may be the one that shows that the server takes nothing from here: then nothing
// is tried again until there is another client.
func (c *Client) Store(key Key, value Value, open func(File) (path string)) {
	if c == nil || !c.config.Upload || c.invalid != nil {
		return
	}
	if largest(value.Files) > c.config.MaxBlob || len(value.Meta) > MaxMeta {
		c.counts.dropped(1)
		return
	}
	c.uploads.add(upload{key, value, open})
}

func (u *uploads) add(one upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	off, due := u.breaker.off(u.client.options.Now())
	if off && due {
		u.breaker.tryAgain()
		off = false
	}
	sum := size(one.value.Files)
	if off || u.readOnly != nil || u.stop.Err() != nil || len(u.queue) >= maxQueue || u.bytes+sum > maxQueueBytes {
		u.client.counts.dropped(1)
		return
	}
	if len(u.queue) == 0 && u.workers == 0 {
		u.idle = make(chan struct{})
	}
	u.queue, u.bytes = append(u.queue, one), u.bytes+sum
	if u.workers < uploaders {
		u.workers++
		u.running.Go(u.work)
	}
}

// work stores what is in the queue until it is empty.
func (u *uploads) work() {
	for one, ok := u.next(); ok; one, ok = u.next() {
		err := u.send(one)
		u.done(one, err)
	}
}

func (u *uploads) next() (upload, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.queue) == 0 {
		u.workers--
		if u.workers == 0 {
			close(u.idle)
		}
		return upload{}, false
	}
	one := u.queue[0]
	u.queue[0] = upload{}
	u.queue = u.queue[1:]
	return one, true
}

// send stores one value. The error is a *remotewire.Fault, or that of the end.
func (u *uploads) send(one upload) error {
	c := u.client
	files := toWire(one.value.Files)
	for i, f := range one.value.Files {
		if files[i].Path = one.open(f); files[i].Path == "" {
			return &remotewire.Fault{Cause: remotewire.CauseLocal, Text: "the file is gone"}
		}
	}
	c.link.settle(u.stop)
	conn, fault := c.link.use(u.stop)
	if conn == nil {
		if fault == nil {
			fault = &remotewire.Fault{Cause: remotewire.CauseTimeout, Text: "no answer in time"}
		}
		return fault
	}
	key := remotewire.Digest(one.key)
	// Nobody waits for an upload, so it gets more time than a look-up.
	r, _, err := c.link.call(u.stop, conn, remotewire.Request{Op: remotewire.OpStore, Timeout: 10 * c.config.Timeout, Key: &key, Files: files, Meta: one.value.Meta})
	c.counts.sent(r.Blobs, r.Bytes)
	return err
}

// done notes how an upload went. A server that fails, or that takes nothing, gets nothing of
// the queue any more.
func (u *uploads) done(one upload, err error) {
	f := faultOf(err)
	c := u.client
	u.mu.Lock()
	u.bytes -= size(one.value.Files)
	tell := false
	switch {
	case err == nil:
		u.breaker.succeeded()
	case f == nil, harmless(f), f.Cause == remotewire.CauseHelper:
	case refuses(f.Cause):
		tell = u.readOnly == nil
		u.readOnly = f
	default:
		tell = u.breaker.failed(f, c.options.Now())
	}
	if tell {
		u.drop()
	}
	u.mu.Unlock()
	c.counts.stored(err == nil)
	switch {
	case !tell:
	case refuses(f.Cause) || f.Cause == remotewire.CauseFull:
		c.say("upload "+f.Cause, uploadText(c.origin, f))
	default:
		c.tell(f) // it concerns look-ups too
	}
}

// refuses reports whether a cause says that the server takes nothing from here.
func refuses(cause string) bool {
	return cause == remotewire.CauseReadOnly || cause == remotewire.CauseDenied || cause == remotewire.CauseUnauthenticated
}

// drop gives up the queue. u.mu is held.
func (u *uploads) drop() {
	for _, one := range u.queue {
		u.bytes -= size(one.value.Files)
	}
	u.client.counts.dropped(len(u.queue))
	u.queue = nil
}

// Wait returns when the queue is empty, or with the error of ctx.
func (c *Client) Wait(ctx context.Context) error {
	if c == nil {
		return nil
	}
	c.uploads.mu.Lock()
	idle := c.uploads.idle
	c.uploads.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (u *uploads) close() {
	u.cancel()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drop()
}
