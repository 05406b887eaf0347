package tui

import (
	"io"
	"os"
	"sync"
)

// gate keeps what is typed from the dashboard while an editor has the terminal. A read
// that has begun cannot be taken back, so the reader waits for input without reading
// it, and is woken through a pipe.
type gate struct {
	wake  *os.File // a byte written here ends a wait
	woken *os.File

	mu      sync.Mutex
	changed *sync.Cond // by mu: one of the two below has changed
	isShut  bool
	reading bool // a read waits or goes on
}

// newGate makes a gate; without a pipe it cannot be shut in time, and the editor misses
// a key.
func newGate() *gate {
	g := &gate{}
	g.changed = sync.NewCond(&g.mu)
	if r, w, err := os.Pipe(); err == nil {
		g.woken, g.wake = r, w
	}
	return g
}

func (g *gate) close() {
	if g.wake != nil {
		g.wake.Close()
		g.woken.Close()
	}
}

// shut waits until no read is under way, and returns the function that opens the gate
// again.
func (g *gate) shut() (open func()) {
	if g == nil {
		return func() {}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = true
	if g.wake != nil {
		g.wake.Write([]byte{0})
	}
	for g.reading {
		g.changed.Wait()
	}
	return func() { g.set(&g.isShut, false) }
}

// enter waits until the gate is open, and keeps it so until leave.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.isShut {
		g.changed.Wait()
	}
	g.reading = true
}

func (g *gate) leave() { g.set(&g.reading, false) }

func (g *gate) set(field *bool, value bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	*field = value
	g.changed.Broadcast()
}

// reader reads from in while the gate is open.
func (g *gate) reader(in *os.File) io.Reader { return gated{g, in} }

type gated struct {
	gate *gate
	in   *os.File
}

// Read implements [io.Reader].
func (r gated) Read(p []byte) (int, error) {
	for {
		if n, err, done := r.try(p); done {
			return n, err
		}
	}
}

// try reads once; done is false if the gate was shut meanwhile.
func (r gated) try(p []byte) (n int, err error, done bool) {
	r.gate.enter()
	defer r.gate.leave()
	if !r.gate.await(r.in) {
		return 0, nil, false
	}
	n, err = r.in.Read(p)
	return n, err, true
}
