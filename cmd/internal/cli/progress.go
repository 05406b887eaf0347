package cli

import (
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/internal/termtext"
	"github.com/RepliBuild/replibuild/ipc"
)

// progress is the line at the bottom of a terminal while a build runs: count,
// percentage, expected time, what runs. Elsewhere it draws nothing.
type progress struct {
	app      *app
	on       bool
	drawn    bool
	total    int
	done     int
	expected float64 // seconds, 0 = unknown
	began    time.Time
	running  []string
}

func newProgress(a *app) *progress {
	return &progress{app: a, on: terminal(a.Stdout)}
}

func (p *progress) event(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.BuildPlanned:
		p.total, p.expected, p.began = b.Dirty, b.Expected, time.Now()
	case ipc.UnitStarted:
		p.running = append(p.running, b.File)
	case ipc.UnitFinished:
		p.done++
		for i, f := range p.running {
			if f == b.File {
				p.running = append(p.running[:i], p.running[i+1:]...)
				break
			}
		}
	case ipc.LinkStarted:
		p.running = []string{b.Output}
	case ipc.BuildFinished:
		p.total = 0
	}
}

// clear removes the line, so that a line that stays can be printed.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(raw(p.app.Stdout), "\r\x1b[K")
		p.drawn = false
	}
}

func (p *progress) draw() {
	if !p.on || p.total == 0 || len(p.running) == 0 {
		return
	}
	p.clear()
	fmt.Fprint(raw(p.app.Stdout), p.line(terminalWidth(raw(p.app.Stdout))))
	p.drawn = true
}

// line is the progress in less than width cells: a terminal would wrap a longer one, and
// could not clear it.
func (p *progress) line(width int) string {
	done := min(p.done, p.total)
	line := fmt.Sprintf("   [%d/%d] %d%%%s  %s", done, p.total, 100*done/p.total, p.left(done), termtext.Line(p.running[0]))
	return ansi.Truncate(line, max(0, width-1), "…")
}

// left is the expected time to the end: by history, or by the pace so far where that
// says it takes much longer than history thought (a busy machine).
func (p *progress) left(done int) string {
	elapsed := time.Since(p.began).Seconds()
	left := p.expected - elapsed
	if done > 0 {
		if pace := elapsed * float64(p.total-done) / float64(done); pace > 2*left {
			left = pace
		}
	}
	switch {
	case p.expected == 0 && done == 0 || left < 0 || done == p.total:
		return ""
	case left < 0.5:
		return "  nearly done"
	}
	return fmt.Sprintf("  ~%.0fs left", left)
}
