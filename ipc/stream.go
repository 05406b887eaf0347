package ipc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// answer is the way back to the peer for one request: event lines, heartbeats in
// the pauses, then exactly one last line.
type answer struct {
	conn   net.Conn
	id     string // as the peer wrote it
	stream bool   // the last line says "final"
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	done  bool
	pulse *time.Timer // nil: no heartbeats
	every time.Duration
}

// startHeartbeats sends a line whenever some time has passed, until the last line is
// sent. Only proved peers get them: the spec's client reads one line.
func (a *answer) startHeartbeats(every time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.every = every
	a.pulse = time.AfterFunc(every, a.beat)
}

func (a *answer) beat() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done {
		return
	}
	a.write(NewEvent("", Heartbeat{}))
	a.pulse.Reset(a.every)
}

// reading sends heartbeats, which have no id yet, while a request is received and cut
// into its parts: some 60 MiB take seconds on a machine that compiles on all cores. The
// nil value does nothing.
type reading struct {
	conn net.Conn

	mu    sync.Mutex
	over  bool
	pulse *time.Timer
}

// startReading begins with a request's first byte.
func startReading(conn net.Conn) *reading {
	r := &reading{conn: conn}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulse = time.AfterFunc(heartbeatEvery, r.beat)
	return r
}

func (r *reading) beat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	line, err := splice("", NewEvent("", Heartbeat{}))
	if err == nil {
		r.conn.SetWriteDeadline(time.Now().Add(writeStall))
		_, err = r.conn.Write(line)
	}
	if err == nil {
		r.pulse.Reset(heartbeatEvery)
	}
}

// done returns when no heartbeat can come any more.
func (r *reading) done() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.pulse.Stop()
}

// send writes an event line. A peer that is gone ends the request's context.
func (a *answer) send(progress any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done {
		a.write(progress)
	}
}

// write needs a.mu.
func (a *answer) write(progress any) {
	var head members
	head.add("id", a.id)
	if _, named := progress.(Event); !named {
		head.add("event", `"progress"`)
	}
	line, err := splice(head.String(), progress)
	if err == nil {
		err = a.put(line)
	}
	if err != nil {
		a.done = true
		a.cancel(fmt.Errorf("send event: %w", err))
		a.conn.Close()
	}
}

// finish writes the last line: the reply, or what went wrong.
func (a *answer) finish(reply any, failed *Error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pulse != nil {
		a.pulse.Stop()
	}
	if a.done {
		return errors.New("peer is gone")
	}
	a.done = true
	line, err := a.lastLine(reply, failed)
	if err != nil {
		line, _ = a.lastLine(nil, Errorf(CodeInternal, "%v", err))
	}
	return a.put(line)
}

func (a *answer) lastLine(reply any, failed *Error) ([]byte, error) {
	if f, ok := reply.(interface{ failure() *Error }); ok && failed == nil {
		failed = f.failure()
	}
	var head members
	head.add("id", a.id)
	head.add("ok", strconv.FormatBool(failed == nil))
	if a.stream {
		head.add("final", "true")
	}
	if failed != nil {
		text, err := json.Marshal(failed)
		if err != nil {
			return nil, fmt.Errorf("encode error: %w", err)
		}
		head.add("error", string(text))
	}
	return splice(head.String(), reply)
}

func (a *answer) put(line []byte) error {
	a.conn.SetWriteDeadline(time.Now().Add(writeStall))
	_, err := a.conn.Write(line)
	return err
}

// members is JSON text for [splice].
type members struct{ strings.Builder }

// add adds a member; value is JSON text, "" for no such member.
func (m *members) add(key, value string) {
	if value == "" {
		return
	}
	if m.Len() > 0 {
		m.WriteByte(',')
	}
	fmt.Fprintf(m, "%q:%s", key, value)
}
