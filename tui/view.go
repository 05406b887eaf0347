package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// drawn is a pane as it was drawn last, and what from.
type drawn struct {
	rev     uint64
	w, h    int
	focused bool
	lines   []string
}

// toast is a line that goes away by itself.
type toast struct {
	text  string
	bad   bool
	idle  bool // nothing was done
	until time.Time
}

func (t toast) over(now time.Time) bool { return t.text != "" && !now.Before(t.until) }

// say shows a toast: longer the more there is to read.
func (m *Model) say(t toast) {
	stay := 4*time.Second + time.Duration(len(t.text))*40*time.Millisecond
	t.until = m.cfg.now().Add(min(stay, 12*time.Second))
	m.toast = t
}

// undo is a cleared cache that can be had back.
type undo struct {
	token string
	what  string
	until time.Time
}

// footerItem is a key in the footer and where it is.
type footerItem struct {
	action     Action
	y, from, w int
}

// pane is the pane with that name.
func (m *Model) pane(p PaneID) panes.Pane {
	switch p {
	case PaneDaemons:
		return m.daemons
	case PaneBuild:
		return m.builds
	case PaneCache:
		return m.cache
	case PaneLog:
		return m.log
	case PaneDetail:
		return m.detail
	}
	return m.files
}

// View implements [tea.Model]: a frame of exactly the terminal's size, one line a
// row. Panes without a change are not drawn again.
func (m *Model) View() string {
	if m.w <= 0 || m.h <= 0 {
		return ""
	}
	m.views.Add(1)
	text := m.frame()
	if m.overlay != nil && modeOf(m.w, m.h) != ModeTooSmall {
		text = strings.Join(m.over(strings.Split(text, "\n")), "\n")
	}
	m.bytes = len(text)
	return text
}

func (m *Model) over(lines []string) []string {
	top := m.overlay.draw(m, m.w, m.h)
	if m.ctx.P.Capability == paint.Bare {
		return widgets.OverBare(lines, top, m.w, m.h)
	}
	return widgets.Over(lines, top, m.w, m.h)
}

func (m *Model) frame() string {
	mode := modeOf(m.w, m.h)
	m.footer = m.footer[:0]
	if mode == ModeTooSmall {
		m.placed = nil
		return strings.Join(m.smallFrame(), "\n")
	}
	top := []string{panes.Header(&m.ctx, m.cfg.env("HOME"), m.w, m.headerNotes())}
	if mode == ModeSingle {
		if m.h < 14 {
			top = nil
		}
		top = append(top, m.tabs(len(top)))
	}
	m.placed = arrange(mode, m.w, len(top), m.h-len(top)-1, m.arrange)
	var b strings.Builder
	b.Grow(m.bytes + 1024)
	for _, line := range top {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	m.bands(&b, len(top))
	b.WriteString(m.footerLine())
	return b.String()
}

// bands draws the placed panes, which tile the rows from first on, row by row.
func (m *Model) bands(b *strings.Builder, first int) {
	rows := make([][]string, m.h-first-1)
	for _, p := range m.placed { // in an order in which those of one row go from left to right
		for i, line := range m.render(p) {
			rows[p.Y-first+i] = append(rows[p.Y-first+i], line)
		}
	}
	for _, row := range rows {
		for _, line := range row {
			b.WriteString(line)
		}
		b.WriteByte('\n')
	}
}

func (m *Model) render(p Placed) []string {
	focused := p.Pane == m.arrange.Focus
	pane := m.pane(p.Pane)
	d := &m.drawn[p.Pane]
	rev := pane.Rev(&m.ctx)
	if d.lines == nil || d.rev != rev || d.w != p.W || d.h != p.H || d.focused != focused {
		lines := pane.Render(&m.ctx, p.W, p.H, focused)
		*d = drawn{pane.Rev(&m.ctx), p.W, p.H, focused, lines}
	}
	return d.lines
}

func (m *Model) smallFrame() []string {
	text := tooSmall(m.w, m.h)
	skip := max(0, (m.h-len(text))/2)
	lines := make([]string, 0, m.h)
	for y := range m.h {
		l := m.ctx.P.Line(m.w)
		if i := y - skip; i >= 0 && i < len(text) {
			l.To((m.w-len(text[i]))/2).Put(paint.Text, text[i])
		}
		lines = append(lines, l.String())
	}
	return lines
}

// tabs is the line of a single pane's layout: all panes, the one that is seen marked, and
// how many daemons are up; where that has no room, their pane is marked if one is down.
func (m *Model) tabs(y int) string {
	l, short := m.ctx.P.Line(m.w), m.w < 62
	up, of := m.state.Up()
	for p := PaneDaemons; p < paneEnd; p++ {
		name := strings.ToUpper(p.String()[:1]) + p.String()[1:]
		if short {
			name = name[:3]
		}
		role, mark := paint.Dim, " "
		if p == m.arrange.Focus {
			role = paint.Focus
			if m.ctx.P.Capability <= paint.Mono {
				mark = ">"
			}
		}
		if p == PaneDaemons && short && up < of {
			role, mark = paint.Bad, "!"
		}
		from := l.Width()
		l.Put(paint.Key, fmt.Sprintf(" %d", p)).Put(role, mark+name)
		m.footer = append(m.footer, footerItem{Action("pane_" + p.String()), y, from, l.Width() - from})
	}
	if of > 0 && l.Left() > 10 {
		role := paint.Good
		if up < of {
			role = paint.Bad
		}
		l.To(m.w-8).Put(role, fmt.Sprintf("%d/%d up", up, of))
	}
	return l.String()
}

func (m *Model) headerNotes() []widgets.Note {
	var notes []widgets.Note
	if m.frozen {
		notes = append(notes, widgets.Note{Role: paint.Warn, Text: "FROZEN (p)"})
	}
	if m.auto {
		notes = append(notes, widgets.Note{Role: paint.Good, Text: "auto build"})
	}
	if !m.mouse {
		notes = append(notes, widgets.Note{Role: paint.Dim, Text: "mouse off"})
	}
	if m.player != nil {
		word := fmt.Sprintf("%gx", m.player.speed)
		switch {
		case m.player.ended():
			word = "at its end"
		case m.player.held:
			word += " held (p)"
		}
		notes = append(notes, widgets.Note{Role: paint.Warn, Text: word})
	}
	return notes
}

// footerLine is the bottom line: what is being typed, what was just said, else the
// keys that can be pressed here.
func (m *Model) footerLine() string {
	l := m.ctx.P.Line(m.w).Skip(1)
	switch {
	case m.typing != nil:
		l.Put(paint.Key, m.typing.prompt+" ")
		putInput(l, m.typing.input, cursorSign(m.ctx.P))
		hint := "enter keeps  esc goes back "
		return l.To(m.w-len(hint)).Put(paint.Dim, hint).String()
	case m.toast.text != "":
		role := paint.Good
		sign := m.ctx.P.Compiled
		switch {
		case m.toast.bad:
			role, sign = paint.Bad, m.ctx.P.Failed
		case m.toast.idle:
			role, sign = paint.Warn, m.ctx.P.Skipped
		}
		return l.Put(role, sign+" "+m.toast.text).String()
	}
	if m.undo != nil {
		left := max(0, int(m.undo.until.Sub(m.cfg.now()).Seconds()+0.999))
		l.Put(paint.Warn, m.undo.what+" ")
		m.footerKey(l, "undo", fmt.Sprintf("undo (%ds)", left))
	}
	return m.footerKeys(l).String()
}

// footerKeys paints as many keys as there is room for; help and quit always.
func (m *Model) footerKeys(l *paint.Line) *paint.Line {
	last := []Action{"help", "quit"}
	quit := "quit"
	if up, _ := m.state.Up(); up > 0 && m.player == nil && m.w >= 100 {
		quit = "quit (daemons keep running)"
	}
	reserve := len(m.keys.Key("help")+" help  "+m.keys.Key("quit")+" ") + len(quit) + 2
	for _, a := range m.footerActions() {
		b := m.keys.Named(a)
		if m.state.Launched && m.whyBuild() == m.whyNot(b) {
			continue // never possible here
		}
		if key := m.keys.Key(a); key != "" && b.Short != "" && l.Left()-reserve >= len(key)+len(b.Short)+3 {
			m.footerKey(l, a, b.Short)
		}
	}
	for _, a := range last {
		short := m.keys.Named(a).Short
		if a == "quit" {
			short = quit
		}
		m.footerKey(l, a, short)
	}
	return l
}

func (m *Model) footerKey(l *paint.Line, a Action, short string) {
	from := l.Width()
	key, text := paint.Key, paint.Text
	if m.whyNot(m.keys.Named(a)) != "" {
		key, text = paint.Dim, paint.Dim
	}
	l.Put(key, m.keys.Key(a)).Put(text, " "+short)
	m.footer = append(m.footer, footerItem{a, m.h - 1, from, l.Width() - from})
	l.Skip(2)
}

// whyNot says why an action cannot be done now, "" if it can.
func (m *Model) whyNot(b Binding) string {
	if b.why == nil {
		return ""
	}
	return b.why(m)
}

// inReplay is why nothing can be done to a set that is not there.
const inReplay = "this is a replay"

func (m *Model) whyLive() string {
	if m.player != nil {
		return inReplay
	}
	return ""
}

// whyBuild says why no build can be started.
func (m *Model) whyBuild() string {
	if m.state.Launched {
		return "the user set builds nothing by itself: commands come from make, ninja or a shell"
	}
	return m.whyLive()
}

func (m *Model) whyReplay() string {
	if m.player == nil {
		return "this is no replay"
	}
	return ""
}

func (m *Model) whyCancel() string {
	if why := m.whyBuild(); why != "" {
		return why
	}
	if !m.state.Running() && len(m.state.Queue.Waiting) == 0 {
		return "no build runs"
	}
	if m.state.Link != state.LinkLive {
		return "the orchestrator does not answer"
	}
	return ""
}
