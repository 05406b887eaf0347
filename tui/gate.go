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
	mu    sync.Mutex // held while the gate is shut, and during a read
	wake  *os.File   // a byte written here ends a wait
	woken *os.File
}

// newGate makes a gate; without a pipe it cannot be shut in time, and the editor misses
// a key.
func newGate() *gate {
	g := &gate{}
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

// shut returns when no read goes on, and what opens the gate again.
func (g *gate) shut() (open func()) {
	if g == nil {
		return func() {}
	}
	if g.wake != nil {
		g.wake.Write([]byte{0})
	}
	g.mu.Lock()
	return g.mu.Unlock
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
		r.gate.mu.Lock()
		if !r.gate.await(r.in) {
			r.gate.mu.Unlock()
			continue
		}
		n, err := r.in.Read(p)
		r.gate.mu.Unlock()
		return n, err
	}
}
