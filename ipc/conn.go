package ipc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// serverConn is one connection of a [Server]. A goroutine of its own reads, so that
// a peer that goes away ends what runs for it at once.
type serverConn struct {
	server  *Server
	nc      net.Conn
	known   bool        // the peer is the same user: plain requests are open to it
	proved  atomic.Bool // the peer knows the secret: everything is
	hello   *exchanged  // between hello and prove
	busy    bool        // a request runs; needs server.mu
	endless context.CancelCauseFunc
}

func newServerConn(s *Server, nc net.Conn) *serverConn { return &serverConn{server: s, nc: nc} }

// isUnix reports a connection over a Unix socket. Only this user can enter its
// folder. A client proves itself as over a port, and cannot make plain requests.
func isUnix(nc net.Conn) bool {
	_, is := nc.(*net.UnixConn)
	return is
}

// received is a request, or what was wrong with the bytes.
type received struct {
	text    []byte
	reading *reading
	err     *Error
}

// serve answers request after request until either side has enough.
func (c *serverConn) serve(ctx context.Context) {
	defer c.nc.Close()
	if remote, ok := c.nc.RemoteAddr().(*net.TCPAddr); !isUnix(c.nc) && (!ok || !remote.IP.IsLoopback()) {
		return
	}
	// Asked now, while the peer is surely connected: a closed one reads as root.
	c.known = c.server.sameUser(c.nc)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	requests := make(chan received)
	go c.read(ctx, cancel, requests)
	for r := range requests {
		if r.err != nil {
			r.reading.done()
			if c.known || c.proved.Load() {
				(&answer{conn: c.nc}).finish(nil, r.err)
				c.linger()
			}
			return
		}
		if !c.answer(ctx, r) {
			return
		}
	}
}

// read passes on requests, and ends ctx when the peer hangs up.
func (c *serverConn) read(ctx context.Context, cancel context.CancelCauseFunc, requests chan<- received) {
	defer close(requests)
	in := frames{r: bufio.NewReaderSize(c.nc, 16<<10)}
	c.nc.SetReadDeadline(time.Now().Add(firstRequest))
	for {
		r, err := c.next(&in)
		if err != nil && !errors.As(err, &r.err) {
			r.reading.done()
			cancel(fmt.Errorf("peer is gone: %w", err))
			return
		}
		select {
		case requests <- r:
		case <-ctx.Done():
			r.reading.done()
			return
		}
		if r.err != nil {
			return
		}
	}
}

// next reads one request. The first one must be there [firstRequest] after the
// connection, later ones that long (proved peers: [provedRequest]) after their first
// byte.
func (c *serverConn) next(in *frames) (received, error) {
	var r received
	if in.begun {
		c.nc.SetReadDeadline(time.Time{})
		if err := in.wait(); err != nil {
			return r, err
		}
		limit := firstRequest
		if c.proved.Load() {
			limit = provedRequest
			r.reading = startReading(c.nc)
		}
		c.nc.SetReadDeadline(time.Now().Add(limit))
	}
	if err := in.wait(); err != nil {
		return r, err
	}
	text, err := in.next(c.limit())
	if err == nil {
		c.nc.SetReadDeadline(time.Time{})
	}
	r.text = text
	return r, err
}

func (c *serverConn) limit() int {
	switch {
	case c.proved.Load():
		return maxProved
	case c.known:
		return maxPlain
	}
	return maxStranger
}

// linger lets the peer read the last line: closing with unread bytes resets the
// connection, and the line would be lost.
func (c *serverConn) linger() {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		tcp.CloseWrite()
		c.nc.SetReadDeadline(time.Now().Add(time.Second))
		io.CopyN(io.Discard, c.nc, maxProved)
	}
}

// answer handles one request; false means that the connection is over.
func (c *serverConn) answer(ctx context.Context, r received) bool {
	text := r.text
	e, err := openEnvelope(text)
	r.reading.done()
	a := &answer{conn: c.nc, id: e.id}
	if !c.known && !c.proved.Load() && e.action != "hello" && e.action != "prove" {
		c.server.cfg.Log.Warn("stranger refused", "peer", c.nc.RemoteAddr().String())
		return false
	}
	if err != nil {
		a.finish(nil, asError(err))
		return false
	}
	switch e.action {
	case "hello", "prove":
		return c.answerProof(e.action, text, a)
	}
	h, err := c.server.handlers.find(e.action)
	if err != nil {
		return a.finish(nil, asError(err)) == nil
	}
	if !c.proved.Load() && (!h.Plain || c.server.cfg.RequireToken) {
		a.finish(nil, Errorf(CodeUnauthorized, "%s needs a proof of identity", e.action).
			WithHint("use the replibuild command, or see docs/protocol.md, \"The proof\""))
		return false
	}
	return c.run(ctx, h, text, a)
}

// run calls the handler with a context that ends with the connection.
func (c *serverConn) run(ctx context.Context, h Handler, text []byte, a *answer) bool {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.cancel, a.stream = cancel, h.Progress != nil
	if !c.server.begin(c, h, cancel) {
		a.finish(nil, errStopping(c.server.cfg.Endpoint.Daemon))
		return false
	}
	if c.proved.Load() {
		every, _ := patience(h.Name)
		a.startHeartbeats(every)
	}
	reply, err := c.call(ctx, h, text, a.send)
	var stopping *Error
	if errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &stopping) {
		err = stopping
	}
	if err != nil {
		reply = nil
	}
	sent := a.finish(reply, asError(err))
	return c.server.end(c, h) && sent == nil
}

// call decodes the request and runs the handler; a panic is a reply like any other.
func (c *serverConn) call(ctx context.Context, h Handler, text []byte, send func(any)) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.cfg.Log.Error("panic", "action", h.Name, "panic", p, "stack", string(debug.Stack()))
			err = Errorf(CodeInternal, "%s: panic: %v", h.Name, p).WithHint("the daemon's log has the details")
		}
	}()
	req, err := h.decode(text)
	if err != nil {
		return nil, err
	}
	if h.plainCheck != nil && !c.proved.Load() {
		if err := h.plainCheck(c.server.cfg.Root, req); err != nil {
			return nil, err
		}
	}
	return h.call(ctx, req, send)
}

// asError makes what travels from what a service returned; nil stays nil.
func asError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	code := CodeInternal
	switch {
	case errors.As(err, &e):
		wrapped := *e
		wrapped.Message = err.Error()
		return &wrapped
	case errors.Is(err, ErrUnreachable):
		code = CodeUnreachable
	case errors.Is(err, context.Canceled):
		code = CodeCancelled
	case errors.Is(err, context.DeadlineExceeded):
		code = CodeTimeout
	}
	return Errorf(code, "%v", err)
}
