package ipc

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network in memory with one listener. In a synctest bubble its deadlines
// follow the bubble's clock, so a test can say exactly how long something takes.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes {
	return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// pipeEnd is one end of a connection; to the server it looks like one over loopback.
type pipeEnd struct{ net.Conn }

var pipeAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

func (pipeEnd) LocalAddr() net.Addr  { return pipeAddr }
func (pipeEnd) RemoteAddr() net.Addr { return pipeAddr }

func (p *pipes) Addr() net.Addr { return pipeAddr }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.closed); return nil }

// connect is the [connector] of this network. The other end accepts or nobody does.
func (p *pipes) connect(ctx context.Context, _ string, until time.Time) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.incoming <- pipeEnd{far}:
		return pipeEnd{near}, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dialer returns a Dialer over this network.
func (p *pipes) dialer(ep Endpoint) Dialer {
	return func(ctx context.Context) (*Conn, error) { return dialVia(ctx, ep, p.connect) }
}

// silent makes a peer that takes every connection, reads everything, and never answers.
func silent(t *testing.T) *pipes {
	p := newPipes()
	t.Cleanup(func() { p.Close() })
	go func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			go swallow(c)
		}
	}()
	return p
}

// swallow reads until the connection ends.
func swallow(c net.Conn) {
	defer c.Close()
	var b [4096]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

// inBubble runs a test with a server on a network in memory and a clock of its own.
func inBubble(t *testing.T, cfg ServerConfig, h Handlers, test func(*testing.T, *harness, *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		test(t, serveOn(t, p, cfg, h), p)
	})
}

// bubbleClient returns a client over network that the test's end closes.
func bubbleClient(t *testing.T, network *pipes, ep Endpoint) *CompilationClient {
	c := NewCompilationClient(network.dialer(ep))
	t.Cleanup(func() { c.Close() })
	return c
}
