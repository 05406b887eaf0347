package remotecache

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// conn is one run of the program: many requests at a time over one pipe.
type conn struct {
	pipe    io.ReadWriteCloser
	writing sync.Mutex
	out     *bufio.Writer

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan<- answer
	fault   *remotewire.Fault // why the program is gone
	gone    chan struct{}     // closed then
}

type answer struct {
	reply remotewire.Reply
	body  []byte
}

func newConn(pipe io.ReadWriteCloser) *conn {
	c := &conn{pipe: pipe, out: bufio.NewWriter(pipe), waiting: map[uint64]chan<- answer{}, gone: make(chan struct{})}
	go c.read()
	return c
}

// read passes replies on until the pipe ends.
func (c *conn) read() {
	r := bufio.NewReader(c.pipe)
	for {
		var a answer
		var err error
		if a.body, err = remotewire.ReadFrame(r, &a.reply); err != nil {
			c.end(helperFault("replibuild-remote ended: %v", err))
			return
		}
		c.mu.Lock()
		to := c.waiting[a.reply.ID]
		delete(c.waiting, a.reply.ID)
		c.mu.Unlock()
		if to != nil {
			to <- a // has room for one
		}
	}
}

// end closes the pipe, which ends the program. All that wait get the fault.
func (c *conn) end(f *remotewire.Fault) {
	c.mu.Lock()
	first := c.fault == nil
	if first {
		c.fault = f
		close(c.gone)
	}
	c.mu.Unlock()
	if first {
		c.pipe.Close()
	}
}

// call sends a request and waits for its reply. The error is a *remotewire.Fault, or that of
// ctx.
func (c *conn) call(ctx context.Context, q remotewire.Request) (remotewire.Reply, []byte, error) {
	reply := make(chan answer, 1)
	c.mu.Lock()
	c.last++
	q.ID = c.last
	c.waiting[q.ID] = reply
	c.mu.Unlock()
	if err := c.write(q); err != nil {
		c.end(helperFault("replibuild-remote ended: %v", err))
	}
	select {
	case a := <-reply:
		if a.reply.Fault != nil {
			return a.reply, nil, a.reply.Fault
		}
		return a.reply, a.body, nil
	case <-c.gone:
		return remotewire.Reply{}, nil, c.fault
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, q.ID)
		c.last++
		cancel := remotewire.Request{ID: c.last, Op: remotewire.OpCancel, Ends: q.ID}
		c.mu.Unlock()
		if q.Op == remotewire.OpExecute {
			_ = c.write(cancel) // a broken pipe is noticed by read
		}
		return remotewire.Reply{}, nil, context.Cause(ctx)
	}
}

func (c *conn) write(q remotewire.Request) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return remotewire.WriteFrame(c.out, q, nil)
}

func helperFault(format string, args ...any) *remotewire.Fault {
	return &remotewire.Fault{Cause: remotewire.CauseHelper, Text: fmt.Sprintf(format, args...)}
}
