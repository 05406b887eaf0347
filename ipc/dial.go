package ipc

import (
	"bufio"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Conn is a connection to a daemon that has proved that it is the one of the
// endpoint. It carries one request at a time.
type Conn struct {
	nc       net.Conn
	in       patientReader
	lines    *bufio.Reader
	daemon   string
	protocol int
	buildID  string
	id       uint64 // of the last request
	broken   bool   // its state is unknown, it must not be used again
}

// errDead means that the connection ended before any byte of a reply.
var errDead = fmt.Errorf("%w: the connection was closed", ErrUnreachable)

// Dial connects to the daemon of an endpoint at literal loopback addresses and
// proves identity both ways, the daemon first: a stranger on its port learns
// nothing. It fails with an error that matches [ErrUnreachable] at once if nobody
// listens or the proof is wrong, and after 0.9 s if nobody answers; with ctx's
// error if ctx ended first.
func Dial(ctx context.Context, ep Endpoint) (*Conn, error) {
	if ep.Socket != "" {
		return dialVia(ctx, ep, connectUnix)
	}
	return dialVia(ctx, ep, connectTCP)
}

// connector makes a connection to an address until a moment; tests have one in memory.
type connector func(ctx context.Context, address string, until time.Time) (net.Conn, error)

func connectTCP(ctx context.Context, address string, until time.Time) (net.Conn, error) {
	return (&net.Dialer{Deadline: until}).DialContext(ctx, "tcp", address)
}

func connectUnix(ctx context.Context, path string, until time.Time) (net.Conn, error) {
	return (&net.Dialer{Deadline: until}).DialContext(ctx, "unix", path)
}

func dialVia(ctx context.Context, ep Endpoint, connect connector) (*Conn, error) {
	if ep.Socket != "" {
		conn, err := dialOnce(ctx, connect, ep.Socket, ep, handshakeRetry)
		if err != nil && ctx.Err() == nil {
			err = Errorf(CodeUnreachable, "the %s daemon does not answer: %v", ep.Daemon, err).WithHint("replibuild ensure")
		}
		return conn, err
	}
	hosts := []string{"127.0.0.1"}
	if ep.IPv6 {
		hosts = append(hosts, "::1")
	}
	var err error
	for _, host := range hosts {
		var conn *Conn
		address := net.JoinHostPort(host, strconv.Itoa(ep.Port))
		if conn, err = dialOnce(ctx, connect, address, ep, handshakeTry); isTimeout(err) {
			conn, err = dialOnce(ctx, connect, address, ep, handshakeRetry)
		}
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if isTimeout(err) {
			break // it hangs, behind whichever address
		}
	}
	return nil, Errorf(CodeUnreachable, "the %s daemon does not answer: %v", ep.Daemon, err).
		WithHint("replibuild ensure")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// dialOnce connects and does the proof within limit.
func dialOnce(ctx context.Context, connect connector, address string, ep Endpoint, limit time.Duration) (*Conn, error) {
	until := time.Now().Add(limit)
	nc, err := connect(ctx, address, until)
	if err != nil {
		return nil, err
	}
	c := &Conn{nc: nc, daemon: ep.Daemon, in: patientReader{nc: nc, until: until, silence: silence}}
	c.lines = bufio.NewReaderSize(&c.in, 16<<10)
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	nc.SetWriteDeadline(until)
	if err := c.prove(ep); err != nil {
		nc.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	c.in.until = time.Time{}
	return c, nil
}

// prove plays the client's part of the proof.
func (c *Conn) prove(ep Endpoint) error {
	if len(ep.Secret) != nonceSize {
		return fmt.Errorf("the PID file holds a secret of %d bytes, want %d", len(ep.Secret), nonceSize)
	}
	x := exchanged{secret: ep.Secret, daemon: ep.Daemon, port: ep.Port, client: newNonce()}
	var hello helloReply
	if err := c.ask("hello", helloRequest{Version: Protocol, Nonce: x.client}, &hello); err != nil {
		return err
	}
	x.server = hello.Nonce
	if len(hello.Nonce) != nonceSize || !hmac.Equal(x.daemonProof(), hello.Proof) {
		return errors.New("the process that listens there does not know the daemon's secret")
	}
	var proved proveReply
	if err := c.ask("prove", proveRequest{Proof: x.clientProof()}, &proved); err != nil {
		return err
	}
	c.protocol, c.buildID = hello.Version, proved.BuildID
	return nil
}

// ask does one exchange of the proof. The other end may be anybody, so its line is
// short or not read.
func (c *Conn) ask(action string, req, rep any) error {
	request, err := requestLine(action, 0, req)
	if err != nil {
		return err
	}
	if _, err := c.nc.Write(request); err != nil {
		return err
	}
	line, err := readLine(c.lines, maxStranger)
	if err != nil {
		return err
	}
	r, err := parseReply(line)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if !r.OK {
		return fmt.Errorf("%s: %w", action, r.Error)
	}
	return json.Unmarshal(line, rep)
}

// Close closes the connection, which cancels what the daemon is doing for it.
func (c *Conn) Close() error { return c.nc.Close() }

// Protocol returns the version of the contract that the daemon speaks. With another
// one than [Protocol], only ping and shutdown are to be asked.
func (c *Conn) Protocol() int { return c.protocol }

// BuildID returns the build id of the daemon's binary.
func (c *Conn) BuildID() string { return c.buildID }

// exchange sends a request and reads up to the last line of its answer; onEvent gets
// the event lines before it, heartbeats excepted. When ctx ends, the connection is
// closed, by which the daemon knows, and the error is ctx's.
func (c *Conn) exchange(ctx context.Context, action string, req any, onEvent func(line []byte) error) ([]byte, reply, error) {
	c.id++
	request, err := requestLine(action, c.id, req)
	if err != nil {
		return nil, reply{}, Errorf(CodeInternal, "%s: %v", action, err)
	}
	_, c.in.silence = patience(action)
	stop := context.AfterFunc(ctx, func() { c.nc.Close() })
	line, r, err := c.roundTrip(request, onEvent)
	c.broken = !stop() || err != nil
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return line, r, err
}

func (c *Conn) roundTrip(request []byte, onEvent func([]byte) error) ([]byte, reply, error) {
	heard := c.in.count
	if err := c.write(request); err != nil {
		return nil, reply{}, c.lost(err, false)
	}
	for {
		line, err := readLine(c.lines, maxProved)
		if err != nil {
			return nil, reply{}, c.lost(err, c.in.count > heard)
		}
		r, err := parseReply(line)
		if err == nil && !c.isMine(r) {
			err = fmt.Errorf("an answer to request %s instead of %d", r.ID, c.id)
		}
		switch {
		case err != nil:
			return nil, reply{}, Errorf(CodeInternal, "the %s daemon sent nonsense: %v", c.daemon, err)
		case r.Event == "":
			return line, r, nil
		case r.Event == Heartbeat{}.EventName():
			continue
		}
		if err := onEvent(line); err != nil {
			return nil, reply{}, Errorf(CodeInternal, "the %s daemon sent nonsense: %v", c.daemon, err)
		}
	}
}

// write sends in pieces, each with its own deadline: a stopped daemon is noticed, and a
// large request to a busy one is not cut off.
func (c *Conn) write(request []byte) error {
	for len(request) > 0 {
		n := min(len(request), 256<<10)
		c.nc.SetWriteDeadline(time.Now().Add(silence))
		if _, err := c.nc.Write(request[:n]); err != nil {
			return err
		}
		request = request[n:]
	}
	return nil
}

// lost turns a failed read or write into an unreachable daemon.
func (c *Conn) lost(err error, heard bool) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Errorf(CodeUnreachable, "the %s daemon has not been heard of for %v", c.daemon, c.in.silence).
			WithHint("replibuild restart %s", c.daemon)
	case !heard:
		return errDead
	}
	return Errorf(CodeUnreachable, "the %s daemon went away: %v", c.daemon, err).WithHint("replibuild ensure")
}

// patientReader reads with a time limit: until a moment, or else as long as pauses
// are short enough.
type patientReader struct {
	nc      net.Conn
	until   time.Time
	silence time.Duration
	count   int64 // bytes read
}

// Read waits twice. The first deadline may have passed because this process was stopped
// (Ctrl-Z) while the clock went on; then the bytes are there.
func (p *patientReader) Read(b []byte) (n int, err error) {
	if p.until.IsZero() {
		p.nc.SetReadDeadline(time.Now().Add(p.silence * 3 / 4))
		n, err = p.nc.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			p.count += int64(n)
			return n, err
		}
		p.nc.SetReadDeadline(time.Now().Add(p.silence / 4))
	} else {
		p.nc.SetReadDeadline(p.until)
	}
	n, err = p.nc.Read(b)
	p.count += int64(n)
	return n, err
}

// patience returns how often a daemon that answers an action sends heartbeats, and after
// how long without a byte it is taken for hung.
func patience(action string) (every, forHung time.Duration) {
	if action == "subscribe" {
		return restEvery, restSilence
	}
	return heartbeatEvery, silence
}

// isMine reports whether a line answers the request that was sent last. What is
// wrong with bytes that never became a request is said without an id, and so are the
// heartbeats while a request is received.
func (c *Conn) isMine(r reply) bool {
	return r.ID == strconv.FormatUint(c.id, 10) || r.ID == "" && (r.Error != nil || r.Event == Heartbeat{}.EventName())
}
