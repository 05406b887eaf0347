package remotecache

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// link keeps the connection to the server: it starts the program, connects, turns the server
// off when it fails and tries it again. Trying happens in the background: no build waits for
// it.
type link struct {
	start   func() (io.ReadWriteCloser, error)
	now     func() time.Time
	config  *remotewire.Config
	timeout time.Duration // of one look-up

	background sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	conn       *conn         // nil: the program does not run
	connecting chan struct{} // closed when the attempt under way has ended; nil: none is
	waited     bool          // a look-up has waited for that attempt in vain
	ready      bool          // connected, and the server fits
	able       remotewire.Capabilities
	reads      breaker
	starts     int // of the program in this build
}

// maxStarts is how often the program is started in one build: once, and once more if it
// dies.
const maxStarts = 2

// connectTimeout bounds an attempt to connect: name, connection, TLS and the first call are
// some five round trips.
func (l *link) connectTimeout() time.Duration { return max(5*l.timeout, time.Second) }

// beginBuild allows another start of the program.
func (l *link) beginBuild() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts = 0
	l.forgetGone()
	if l.conn != nil {
		l.starts = 1
	}
	if f := l.reads.fault; f != nil && (f.Cause == remotewire.CauseHelper || f.Cause == remotewire.CauseConfig) {
		l.reads = breaker{} // a file of this machine may have been corrected
	}
	l.connect(false)
}

// use returns the connection if the server can be asked now; else why not, nil if it is just
// not known yet. It waits for an attempt under way as long as for a look-up.
func (l *link) use(ctx context.Context) (*conn, *remotewire.Fault) {
	conn, attempt, fault := l.current()
	if conn != nil || attempt == nil {
		return conn, fault
	}
	patience := time.NewTimer(l.timeout)
	defer patience.Stop()
	select {
	case <-attempt:
	case <-ctx.Done():
	case <-patience.C:
		l.mu.Lock()
		l.waited = true
		l.mu.Unlock()
	}
	conn, _, fault = l.current()
	return conn, fault
}

// current is the connection, or the attempt that is worth waiting for, or why neither.
func (l *link) current() (*conn, <-chan struct{}, *remotewire.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	off, due := l.reads.off(l.now())
	l.forgetGone()
	switch {
	case l.closed:
		return nil, nil, nil
	case off && due:
		l.connect(true)
		return nil, nil, l.reads.fault
	case off:
		return nil, nil, l.reads.fault
	case l.ready:
		return l.conn, nil, nil
	}
	l.connect(false)
	if l.waited {
		return nil, nil, nil
	}
	return nil, l.connecting, nil
}

// connect begins an attempt unless one is under way. With trial the server was off: it must
// answer a look-up too before it is used again. l.mu is held.
func (l *link) connect(trial bool) {
	if l.closed || l.connecting != nil || l.ready {
		return
	}
	if off, due := l.reads.off(l.now()); off && !due {
		return
	}
	l.connecting, l.waited = make(chan struct{}), false
	l.background.Go(func() {
		able, err := l.attempt(trial)
		l.mu.Lock()
		defer l.mu.Unlock()
		close(l.connecting)
		l.connecting = nil
		var f *remotewire.Fault
		switch {
		case l.closed:
		case errors.As(err, &f):
			l.reads = breaker{failures: threshold, until: l.now().Add(pause), fault: f}
		default:
			l.ready, l.able = true, able
			if trial {
				l.reads.tryAgain()
			}
		}
	})
}

// attempt connects. The error is a *remotewire.Fault.
func (l *link) attempt(trial bool) (remotewire.Capabilities, error) {
	conn, err := l.program()
	if err != nil {
		return remotewire.Capabilities{}, err
	}
	r, _, err := l.call(context.Background(), conn, remotewire.Request{Op: remotewire.OpOpen, Timeout: l.connectTimeout(), Version: remotewire.Version, Config: l.config})
	if err != nil {
		return remotewire.Capabilities{}, err
	}
	if trial {
		_, _, err = l.call(context.Background(), conn, remotewire.Request{Op: remotewire.OpLookup, Timeout: l.timeout, Key: &remotewire.Digest{}})
	}
	return *r.Capabilities, err
}

// program returns the running program, and starts it if need be.
func (l *link) program() (*conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetGone()
	if l.conn != nil {
		return l.conn, nil
	}
	if l.closed || l.starts >= maxStarts {
		return nil, helperFault("replibuild-remote ended twice")
	}
	l.starts++
	pipe, err := l.start()
	if err != nil {
		return nil, helperFault("%v", err)
	}
	l.conn = newConn(pipe)
	return l.conn, nil
}

// forgetGone notes that the program has ended, if it has. l.mu is held.
func (l *link) forgetGone() {
	if l.conn == nil {
		return
	}
	select {
	case <-l.conn.gone:
		l.conn, l.ready = nil, false
	default:
	}
}

// hung is how much longer than the server the program itself may take to answer.
const hung = 2 * time.Second

// call asks the program. A program that does not answer in time is ended. The error is a
// *remotewire.Fault, or that of ctx.
func (l *link) call(ctx context.Context, c *conn, q remotewire.Request) (remotewire.Reply, []byte, error) {
	fault := helperFault("replibuild-remote does not answer")
	patience, cancel := context.WithTimeoutCause(ctx, l.longest(q)+hung, fault)
	defer cancel()
	r, body, err := c.call(patience, q)
	if err == error(fault) {
		c.end(fault)
	}
	return r, body, err
}

// longest is the longest that the program may take for a request: all of its calls to the
// server after each other.
func (l *link) longest(q remotewire.Request) time.Duration {
	const rate = 1 << 20 // bytes a second; the program gives up below the double
	calls := time.Duration(len(q.Files) + 4)
	var bytes int64
	for _, f := range q.Files {
		bytes += f.Size
	}
	if q.Job != nil { // twice, if the server has lost a blob
		for _, f := range q.Job.Inputs {
			bytes += f.Size
		}
		return 2 * (time.Duration(len(q.Job.Inputs)+8)*q.Timeout + q.Job.Limit + time.Duration(bytes/rate)*time.Second)
	}
	return calls*q.Timeout + time.Duration(bytes/rate)*time.Second
}

// answered notes how a call that reads went, and returns a fault that turned the server off.
func (l *link) answered(err error) (off *remotewire.Fault) {
	var f *remotewire.Fault
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil || errors.As(err, &f) && f.Cause == remotewire.CauseMissing:
		if wasOff, _ := l.reads.off(l.now()); !wasOff {
			l.reads.succeeded()
		}
	case f == nil || harmless(f):
	case f.Cause == remotewire.CauseHelper:
		// The next look-up starts the program again, or learns that it may not.
	default:
		if l.reads.failed(f, l.now()) {
			l.ready = false
			return f
		}
	}
	return nil
}

func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	c := l.conn
	l.mu.Unlock()
	if c != nil {
		c.end(helperFault("the client is closed"))
	}
	l.background.Wait()
}
