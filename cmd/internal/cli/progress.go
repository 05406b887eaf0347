package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/internal/eta"
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
	estimate eta.Estimate
	running  []string
}

func newProgress(a *app) *progress {
	return &progress{app: a, on: terminal(a.Stdout)}
}

func (p *progress) event(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.BuildPlanned:
		p.total, p.done = b.Dirty, 0
		p.estimate.Planned(e.Time, b.Dirty, b.Expected)
	case ipc.StepStarted:
		p.estimate.Started(e.Time, b.Step, b.Expected)
	case ipc.StepFinished:
		p.estimate.Worked(b.Step)
	case ipc.UnitStarted:
		p.estimate.Started(e.Time, b.Target+":"+b.File, b.Expected)
		p.running = append(p.running, b.File)
	case ipc.UnitFinished:
		p.done++
		p.estimate.Worked(b.Target + ":" + b.File)
		p.estimate.Ended(b.Status == ipc.StatusCompiled || b.Status == ipc.StatusFailed)
		if i := slices.Index(p.running, b.File); i >= 0 {
			p.running = slices.Delete(p.running, i, i+1)
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
	line := fmt.Sprintf("   [%d/%d] %d%%%s  %s", done, p.total, 100*done/p.total, p.left(time.Now()), termtext.Line(p.running[0]))
	return ansi.Truncate(line, max(0, width-1), "…")
}

// left is the expected time to the end, "" if there is nothing to say.
func (p *progress) left(now time.Time) string {
	left, known := p.estimate.Left(now)
	switch {
	case !known:
		return ""
	case left < time.Second/2:
		return "  nearly done"
	}
	return fmt.Sprintf("  ~%.0fs left", left.Seconds())
}
