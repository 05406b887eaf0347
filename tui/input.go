package tui

import (
	"bytes"
	"io"
)

// askBackground asks the terminal for its background colour.
const askBackground = "\x1b]11;?\x1b\\"

// answerPrefix starts its answer.
const answerPrefix = "\x1b]11;"

// answers takes the answer to askBackground out of what is typed, whenever it comes:
// otherwise a late one would be read as keys, and the r of "rgb" restarts a daemon.
type answers struct {
	in     io.Reader
	answer func(string)
	held   []byte // may be the beginning of an answer
	ready  []byte // to be handed out
}

// Read implements [io.Reader].
func (a *answers) Read(p []byte) (int, error) {
	for len(a.ready) == 0 {
		buf := make([]byte, 256)
		n, err := a.in.Read(buf)
		a.held = append(a.held, buf[:n]...)
		a.split(err != nil)
		if err != nil && len(a.ready) == 0 {
			return 0, err
		}
	}
	n := copy(p, a.ready)
	a.ready = a.ready[n:]
	return n, nil
}

// split moves the bytes that are not part of a terminal's answer to ready; last says that
// no more bytes will come.
func (a *answers) split(last bool) {
	for {
		i := bytes.Index(a.held, []byte(answerPrefix))
		if i < 0 {
			keep := 0
			if !last {
				keep = overlap(a.held)
			}
			a.ready = append(a.ready, a.held[:len(a.held)-keep]...)
			a.held = append([]byte(nil), a.held[len(a.held)-keep:]...)
			return
		}
		a.ready = append(a.ready, a.held[:i]...)
		a.held = a.held[i:]
		end, after := terminator(a.held)
		if end < 0 {
			if len(a.held) > 64 || last { // no terminal answers that much: it was typed
				a.ready, a.held = append(a.ready, a.held...), nil
			}
			return
		}
		a.answer(string(a.held[len(answerPrefix):end]))
		a.held = append([]byte(nil), a.held[after:]...)
	}
}

// overlap is how many bytes at the end of b may begin an answer. A lone escape is the
// key, which must not wait.
func overlap(b []byte) int {
	for n := min(len(b), len(answerPrefix)-1); n >= 2; n-- {
		if bytes.HasSuffix(b, []byte(answerPrefix[:n])) {
			return n
		}
	}
	return 0
}

func terminator(b []byte) (end, after int) {
	bel := bytes.IndexByte(b, '\a')
	st := bytes.Index(b[1:], []byte("\x1b\\")) + 1
	switch {
	case bel > 0 && (st <= 0 || bel < st):
		return bel, bel + 1
	case st > 0:
		return st, st + 2
	}
	return -1, -1
}
