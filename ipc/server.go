package ipc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ServerConfig is what a [Server] needs to know of its daemon. Endpoint (Daemon,
// Secret) and Self are required.
type ServerConfig struct {
	Endpoint     Endpoint
	RequireToken bool   // no plain requests, also not from the same user
	Root         string // the project, for plain requests; "" = Endpoint.Root
	// Self reports on the daemon, for "ping" and "status". The server fills in
	// Requests.
	Self func() DaemonStatus
	// Stats returns any struct or map, for "stats"; nil = nothing to tell.
	Stats func(context.Context) (any, error)
	// Shutdown asks the daemon to stop, for "shutdown"; it must not wait for
	// [Server.Serve]. nil = [Server.Close].
	Shutdown func()
	// Hub serves "subscribe" unless the handlers do; nil = there are no events.
	Hub *Hub
	// Snapshot is what a subscriber of Hub gets first; nil = nothing.
	Snapshot func() Event
	Log      *slog.Logger  // nil = none
	Drain    time.Duration // how long running requests may go on after the end; 0 = 10 s
}

// Server offers a service on a port: it tells friend from stranger, holds the
// limits, and runs one request at a time on each connection.
type Server struct {
	cfg      ServerConfig
	handlers Handlers
	sameUser func(net.Conn) bool
	requests atomic.Uint64
	stop     chan struct{}
	stopOnce sync.Once

	mu       sync.Mutex
	conns    map[*serverConn]struct{}
	stopping bool
	running  int       // requests that count as activity
	active   time.Time // when the last of them ended
}

// NewServer makes a server for handlers; it adds the actions that all daemons have.
func NewServer(cfg ServerConfig, handlers Handlers) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Root == "" {
		cfg.Root = cfg.Endpoint.Root
	}
	if cfg.Drain == 0 {
		cfg.Drain = drainDefault
	}
	s := &Server{
		cfg: cfg, stop: make(chan struct{}), conns: make(map[*serverConn]struct{}), active: time.Now(),
	}
	s.handlers = bindAll(commonMethods(), s)
	for key, h := range handlers {
		s.handlers[key] = h
	}
	return s
}

// Serve answers on all listeners until ctx ends or Close is called. Then it closes
// them, lets running requests finish within the Drain time, cancels the rest, and
// returns nil. It may be called once.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	s.sameUser = func(net.Conn) bool { return false }
	if check, err := newPeerCheck(); err == nil {
		defer check.close()
		s.sameUser = check.sameUser
	} else {
		s.cfg.Log.Warn("plain requests are refused", "reason", err)
	}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var accepting, serving sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { s.accept(work, l, &serving) })
	}
	select {
	case <-ctx.Done():
	case <-s.stop:
	}
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()
	s.drain(&serving, cancel)
	return nil
}

// Close makes Serve return, as the end of its context does. It does not wait.
func (s *Server) Close() { s.stopOnce.Do(func() { close(s.stop) }) }

// Requests returns how many requests were answered or are running.
func (s *Server) Requests() uint64 { return s.requests.Load() }

// Idle returns how long nothing has been asked, 0 while a request or stream runs.
// Health checks and reads of numbers (ping, status, stats, queue, history) are no
// activity.
func (s *Server) Idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running > 0 {
		return 0
	}
	return time.Since(s.active)
}

// Active counts something as a running request, until end is called.
func (s *Server) Active() (end func()) {
	s.mu.Lock()
	s.running++
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.running--
		s.active = time.Now()
		s.mu.Unlock()
	}
}

// accept starts a goroutine for every connection.
func (s *Server) accept(ctx context.Context, l net.Listener, serving *sync.WaitGroup) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely: some will be given back
			s.cfg.Log.Warn("accept", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		c := newServerConn(s, nc)
		if !s.add(c) {
			nc.Close()
			continue
		}
		serving.Go(func() {
			defer s.remove(c)
			c.serve(ctx)
		})
	}
}

func (s *Server) add(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || len(s.conns) >= maxConnections {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) remove(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// drain ends connections: idle ones and endless streams at once, running requests
// when they are done or the time is over.
func (s *Server) drain(serving *sync.WaitGroup, cancel context.CancelCauseFunc) {
	s.mu.Lock()
	s.stopping = true
	for c := range s.conns {
		c.wind()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { serving.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-time.After(s.cfg.Drain):
	}
	cancel(errStopping(s.cfg.Endpoint.Daemon))
	select {
	case <-done:
	case <-time.After(time.Second):
		s.cfg.Log.Warn("requests do not end", "daemon", s.cfg.Endpoint.Daemon)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.nc.Close()
	}
}

func errStopping(daemon string) *Error {
	return Errorf(CodeStopping, "the %s daemon is shutting down", daemon)
}

// begin counts a request in; false means that the server does not take it any more.
func (s *Server) begin(c *serverConn, h Handler, cancel context.CancelCauseFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	c.busy = true
	if h.Endless {
		c.endless = cancel
	}
	if !h.Idle {
		s.running++
	}
	s.requests.Add(1)
	return true
}

// end counts it out; false means that the connection is to be closed.
func (s *Server) end(c *serverConn, h Handler) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy, c.endless = false, nil
	if !h.Idle {
		s.running--
		s.active = time.Now()
	}
	return !s.stopping
}

// wind tells a connection that the server stops. It needs the server's mu.
func (c *serverConn) wind() {
	switch {
	case !c.busy:
		c.nc.Close()
	case c.endless != nil:
		c.endless(errStopping(c.server.cfg.Endpoint.Daemon))
	}
}
