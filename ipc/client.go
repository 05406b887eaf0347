package ipc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Dialer makes a proved connection to one daemon, usually by reading its endpoint
// file and calling [Dial]. It is asked again after a daemon was restarted.
type Dialer func(ctx context.Context) (*Conn, error)

// maxIdle is how many proved connections a client keeps for later.
const maxIdle = 4

// Client is what the clients of all four services have in common: a small pool of
// proved connections, and the actions that every daemon answers. It is safe for
// concurrent use. Its methods return what the daemon answered, the context's error
// if that ended first, else an error that matches [ErrUnreachable].
type Client struct {
	dial Dialer

	mu     sync.Mutex
	idle   []*Conn
	closed bool
}

func newClient(dial Dialer) *Client { return &Client{dial: dial} }

// Connect makes a proved connection for the next request, if none is kept. It costs one
// exchange less than [Client.Ping], and tells as well whether a daemon is there.
func (c *Client) Connect(ctx context.Context) error {
	conn := c.take()
	if conn == nil {
		var err error
		if conn, err = c.dial(ctx); err != nil {
			return dialError(ctx, err)
		}
	}
	c.keep(conn)
	return nil
}

// Ping returns nil if the daemon answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.Self(ctx)
	return err
}

// Self returns the daemon's report on itself.
func (c *Client) Self(ctx context.Context) (DaemonStatus, error) {
	return call[DaemonStatus](ctx, c, "ping", struct{}{})
}

// Stats decodes the daemon's own numbers into the value that into points to.
func (c *Client) Stats(ctx context.Context, into any) error {
	text, err := call[json.RawMessage](ctx, c, "stats", struct{}{})
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// Shutdown asks the daemon to stop and does not wait for it.
func (c *Client) Shutdown(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, "shutdown", struct{}{})
	return err
}

// Subscribe calls fn with the daemon's events until ctx ends or the daemon does.
func (c *Client) Subscribe(ctx context.Context, req SubscribeRequest, fn func(Event)) error {
	_, err := stream[Event, struct{}](ctx, c, "subscribe", req, fn)
	return err
}

// Close closes the kept connections; running calls go on. It returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.dropIdle()
	return nil
}

// call does an action with one reply.
func call[Rep any](ctx context.Context, c *Client, action string, req any) (Rep, error) {
	return stream[struct{}, Rep](ctx, c, action, req, func(struct{}) {})
}

// stream does an action that reports while it runs.
func stream[P, Rep any](ctx context.Context, c *Client, action string, req any, fn func(P)) (Rep, error) {
	var rep Rep
	line, r, err := c.exchange(ctx, action, req, func(line []byte) error {
		var p P
		if err := json.Unmarshal(line, &p); err != nil {
			return fmt.Errorf("decode an event: %w", err)
		}
		fn(p)
		return nil
	})
	if err != nil {
		return rep, err
	}
	_, mayFail := any(rep).(interface{ failure() *Error })
	if !r.OK && !(mayFail && r.Keys > 0) {
		return rep, answered(r.Error)
	}
	if err := json.Unmarshal(line, &rep); err != nil {
		return rep, Errorf(CodeInternal, "decode the reply to %s: %v", action, err)
	}
	return rep, nil
}

// answered returns a service's error. A daemon that is shutting down is as good as
// gone: the caller may do the work itself.
func answered(e *Error) error {
	if e.Code == CodeStopping {
		return Errorf(CodeUnreachable, "%s", e.Message)
	}
	return e
}

// exchange sends a request over a kept connection or a new one. A kept one may have
// died since it was used last (the daemon was restarted): then once more, over a new
// one.
func (c *Client) exchange(ctx context.Context, action string, req any, onEvent func([]byte) error) ([]byte, reply, error) {
	if conn := c.take(); conn != nil {
		line, r, err := c.over(ctx, conn, action, req, onEvent)
		if !errors.Is(err, errDead) {
			return line, r, err
		}
		c.forget()
	}
	if err := ctx.Err(); err != nil {
		return nil, reply{}, err
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, reply{}, dialError(ctx, err)
	}
	return c.over(ctx, conn, action, req, onEvent)
}

// over does the exchange on conn and keeps conn if it can be used again.
func (c *Client) over(ctx context.Context, conn *Conn, action string, req any, onEvent func([]byte) error) ([]byte, reply, error) {
	if conn.protocol != Protocol && action != "ping" && action != "shutdown" {
		conn.Close()
		return nil, reply{}, Errorf(CodeUnreachable, "the %s daemon speaks protocol %d, this program %d",
			conn.daemon, conn.protocol, Protocol).WithHint("replibuild restart")
	}
	line, r, err := conn.exchange(ctx, action, req, onEvent)
	c.keep(conn)
	return line, r, err
}

// dialError turns every failure of a dialer (no endpoint file, no process on the port)
// into an unreachable daemon.
func dialError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, ErrUnreachable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (c *Client) take() *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	last := len(c.idle) - 1
	conn := c.idle[last]
	c.idle = c.idle[:last]
	return conn
}

func (c *Client) keep(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn.broken || c.closed || len(c.idle) == maxIdle {
		conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
}

// forget drops all kept connections: what killed one killed the others.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropIdle()
}

// dropIdle needs c.mu.
func (c *Client) dropIdle() {
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle = nil
}
