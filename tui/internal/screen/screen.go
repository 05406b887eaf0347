// Package screen writes frames to a terminal.
//
// What it promises: [Screen.Show] never waits for the terminal; frames are written
// at most 30 times a second, the first one and the answer to a key at once; only lines
// that differ are written, so that nothing is when nothing changed, and no timer runs
// then; while it has left the terminal (suspended, streaming, ended) nothing is drawn;
// what [Screen.Enter] switched on, [Screen.Leave] switches off, however often it is
// called.
//
// Bubble Tea's own renderer looks for something to do 30 or 60 times a second: 0.7 %
// of a core for a screen on which nothing happens.
package screen

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
)

// period is the least time between two frames.
const period = time.Second / 30

// Escape sequences: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html. Line wrap is
// off, because terminals disagree about the width of some characters, and a line that is
// too long would scroll the screen. Mode 2026 asks the terminal to show a frame in one
// piece.
const (
	enter    = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[H\x1b[2J"
	leave    = "\x1b[?2004l\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l"
	mouseOn  = "\x1b[?1002h\x1b[?1006h"
	mouseOff = "\x1b[?1006l\x1b[?1002l"
	begin    = "\x1b[?2026h"
	end      = "\x1b[?2026l"
)

// Screen is the full screen of one terminal. Its methods may be called concurrently.
type Screen struct {
	out   io.Writer
	wake  chan struct{}
	hurry chan struct{}
	done  chan struct{}
	bytes atomic.Int64

	mu     sync.Mutex // held while writing
	active bool
	mouse  bool
	shown  []string // lines on the terminal, nil = unknown

	next struct {
		sync.Mutex
		frame string
		fresh bool
	}
}

// New makes a screen that has not entered the terminal yet. Close ends its goroutine.
func New(out io.Writer) *Screen {
	s := &Screen{out: out, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{})}
	go s.draw()
	return s
}

// Close leaves the terminal and draws no more.
func (s *Screen) Close() {
	s.Leave()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
}

// Written is the number of bytes written so far.
func (s *Screen) Written() int64 { return s.bytes.Load() }

// Enter takes the terminal over; with mouse its clicks are reported.
func (s *Screen) Enter(mouse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active {
		return
	}
	s.active, s.mouse, s.shown = true, mouse, nil
	text := enter
	if mouse {
		text += mouseOn
	}
	s.write(text)
	s.poke()
}

// Leave gives the terminal back as it was.
func (s *Screen) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active {
		return
	}
	s.active = false
	text := leave
	if s.mouse {
		text = mouseOff + leave
	}
	s.write(text)
}

// SetMouse switches reports of the mouse on or off.
func (s *Screen) SetMouse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active || s.mouse == on {
		return
	}
	s.mouse = on
	if on {
		s.write(mouseOn)
		return
	}
	s.write(mouseOff)
}

// Reset forgets what is on the terminal: the next frame is written as a whole.
func (s *Screen) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = nil
	s.next.Lock()
	s.next.fresh = true
	s.next.Unlock()
	s.poke()
}

// Raw writes a sequence that draws nothing, such as a copy to the clipboard.
func (s *Screen) Raw(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(text)
}

// Show makes frame, lines with "\n" between them, what is to be seen; with hurry it
// does not wait for its turn, which comes 30 times a second.
func (s *Screen) Show(frame string, hurry bool) {
	s.next.Lock()
	changed := s.next.frame != frame
	s.next.frame, s.next.fresh = frame, s.next.fresh || changed
	s.next.Unlock()
	if changed {
		s.poke()
	}
	if changed && hurry {
		pause.Wake(s.hurry)
	}
}

func (s *Screen) poke() { pause.Wake(s.wake) }

func (s *Screen) draw() {
	for {
		select {
		case <-s.wake:
		case <-s.done:
			return
		}
		select {
		case <-s.hurry: // the frame is drawn now
		default:
		}
		if !s.flush() {
			continue
		}
		select { // the pace; only after something was drawn
		case <-time.After(period):
		case <-s.hurry:
		case <-s.done:
			return
		}
	}
}

// flush reports whether it wrote.
func (s *Screen) flush() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.active {
		return false
	}
	s.next.Lock()
	frame, fresh := s.next.frame, s.next.fresh
	s.next.fresh = false
	s.next.Unlock()
	if !fresh && s.shown != nil || frame == "" {
		return false
	}
	lines := strings.Split(frame, "\n")
	text := difference(s.shown, lines)
	s.shown = lines
	if text == "" {
		return false
	}
	s.write(begin + text + end)
	return true
}

// difference is what turns the lines shown into others.
func difference(shown, lines []string) string {
	var b strings.Builder
	if len(shown) != len(lines) {
		b.WriteString("\x1b[0m\x1b[2J")
		shown = nil
	}
	for i, line := range lines {
		if shown != nil && shown[i] == line {
			continue
		}
		b.WriteString("\x1b[")
		b.WriteString(strconv.Itoa(i + 1))
		b.WriteString(";1H")
		b.WriteString(line)
	}
	return b.String()
}

// write needs mu. Errors are ignored: the reader notices a terminal that is gone.
func (s *Screen) write(text string) {
	n, _ := io.WriteString(s.out, text)
	s.bytes.Add(int64(n))
}
