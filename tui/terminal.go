package tui

import (
	"os"
	"sync"

	"github.com/charmbracelet/x/term"
)

// terminal is the terminal's modes: raw while the dashboard has it.
type terminal struct {
	in, out *os.File

	mu     sync.Mutex
	before *term.State // nil = not raw
}

// openTerminal puts the terminal into raw mode.
func openTerminal(in, out *os.File) (*terminal, error) {
	t := &terminal{in: in, out: out}
	if err := prepareOutput(out); err != nil {
		return nil, err
	}
	return t, t.raw()
}

func (t *terminal) raw() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before != nil {
		return nil
	}
	before, err := term.MakeRaw(t.in.Fd())
	if err == nil {
		t.before = before
	}
	return err
}

// restore gives the terminal its modes back; doing it twice does no harm.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before != nil {
		_ = term.Restore(t.in.Fd(), t.before) // a terminal that is gone needs nothing
		t.before = nil
	}
}

// size is the terminal's size. One that does not know its own is taken for 80x24.
func (t *terminal) size() (w, h int, err error) {
	w, h, err = term.GetSize(t.out.Fd())
	if err == nil && (w <= 0 || h <= 0) {
		w, h = normalWidth, normalHeight
	}
	return w, h, err
}
