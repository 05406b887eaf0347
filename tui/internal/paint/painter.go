// Package paint turns text with a meaning into cells of a terminal: roles instead
// of colours, exact widths, nothing that a terminal could take for a command.
//
// What it promises: a [Line] is never wider than it may be and, once it is a
// string, exactly as wide; control characters, escape sequences and characters that
// turn the direction of text come out as visible ones; the same line painted twice
// is the same string.
package paint

import (
	"sync"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
)

// Painter is a theme for one terminal. It is immutable and safe for concurrent use.
type Painter struct {
	Theme      Theme
	Capability Capability
	Glyphs
	sgr [2][roles]string // parameters by selected and role, without ESC[ and m
}

// New makes a painter.
func New(theme Theme, capability Capability, glyphs Glyphs) *Painter {
	p := &Painter{Theme: theme, Capability: capability, Glyphs: glyphs}
	for r := range roles {
		p.sgr[0][r] = p.attributes(r, false)
		p.sgr[1][r] = p.attributes(r, true)
	}
	return p
}

// attributes are the SGR parameters of a role.
func (p *Painter) attributes(r Role, selected bool) string {
	i, out := p.Theme.inks[r], ""
	add := func(s string) {
		if s != "" && out != "" {
			out += ";"
		}
		out += s
	}
	if p.Capability == Bare {
		return ""
	}
	if i.bold {
		add("1")
	}
	switch p.Capability {
	case Mono:
		if selected {
			add("7")
		}
	case Ansi16:
		if selected { // sixteen unknown colours on an unknown one: only reverse is safe
			add("7")
		} else if i.ansi >= 0 {
			add(termenv.ANSIColor(i.ansi).Sequence(false))
		}
	case Ansi256:
		add(termenv.ANSI256.Color(i.hex).Sequence(false))
		if selected {
			add(termenv.ANSI256Color(p.Theme.Selected256).Sequence(true))
		}
	default:
		add(termenv.TrueColor.Color(i.hex).Sequence(false))
		if selected {
			add(termenv.TrueColor.Color(p.Theme.Selected).Sequence(true))
		}
	}
	return out
}

// Line starts a line of the given width in cells.
func (p *Painter) Line(width int) *Line {
	return &Line{p: p, buf: buffers.Get().(*[]byte), max: max(0, width), role: noRole}
}

// buffers are those of lines that are done. Lines that grew their own made most of
// the garbage, and its collection the slowest frames.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// Row starts a line that is a row of a list: the cursor's sign, then text; with
// selected the whole of it is marked.
func (p *Painter) Row(width int, selected, focused bool) *Line {
	l := p.Line(width)
	if selected {
		l.selected = focused
		l.Put(Focus, p.Cursor)
	} else {
		l.Put(Text, " ")
	}
	return l
}

const noRole = roles

// Line is one line being painted. Put appends, cut at the line's width; String ends
// it.
type Line struct {
	p        *Painter
	buf      *[]byte
	width    int // cells painted
	max      int
	role     Role
	selected bool
}

// Width is the number of cells painted so far.
func (l *Line) Width() int { return l.width }

// Left is the number of cells that are free.
func (l *Line) Left() int { return l.max - l.width }

// Put appends text; what does not fit is cut, with an ellipsis.
func (l *Line) Put(r Role, text string) *Line {
	text, w := l.p.fit(text, l.max-l.width)
	l.raw(r, text, w)
	return l
}

// Cell appends text in a column of exactly w cells.
func (l *Line) Cell(r Role, text string, w int) *Line { return l.cell(r, text, w, false) }

// Right appends text at the right end of a column of exactly w cells.
func (l *Line) Right(r Role, text string, w int) *Line { return l.cell(r, text, w, true) }

func (l *Line) cell(r Role, text string, w int, right bool) *Line {
	w = min(w, l.max-l.width)
	text, tw := l.p.fit(text, w)
	if right {
		l.Skip(w - tw)
	}
	l.raw(r, text, tw)
	if !right {
		l.Skip(w - tw)
	}
	return l
}

// Skip appends n blanks.
func (l *Line) Skip(n int) *Line {
	n = min(n, l.max-l.width)
	if n > 0 {
		role := l.role
		if role == noRole {
			role = Text
		}
		l.raw(role, spaces(n), n)
	}
	return l
}

// To appends blanks up to column x.
func (l *Line) To(x int) *Line { return l.Skip(x - l.width) }

// Repeat appends n times a sign of one cell.
func (l *Line) Repeat(r Role, sign string, n int) *Line {
	n = min(n, l.max-l.width)
	if n <= 0 {
		return l
	}
	l.style(r)
	for range n {
		*l.buf = append(*l.buf, sign...)
	}
	l.width += n
	return l
}

// raw appends text that is known to be clean and to fit.
func (l *Line) raw(r Role, text string, w int) {
	if w <= 0 {
		return
	}
	l.style(r)
	*l.buf = append(*l.buf, text...)
	l.width += w
}

func (l *Line) style(r Role) {
	if r == l.role {
		return
	}
	sel := 0
	if l.selected {
		sel = 1
	}
	want, have := l.p.sgr[sel][r], ""
	if l.role != noRole {
		have = l.p.sgr[sel][l.role]
	}
	l.role = r
	if want == have {
		return
	}
	*l.buf = append(*l.buf, "\x1b[0"...)
	if want != "" {
		*l.buf = append(append(*l.buf, ';'), want...)
	}
	*l.buf = append(*l.buf, 'm')
}

// String fills the line up to its width and ends its attributes. The line cannot be
// used after that.
func (l *Line) String() string {
	l.Skip(l.max - l.width)
	if l.role != noRole {
		sel := 0
		if l.selected {
			sel = 1
		}
		if l.p.sgr[sel][l.role] != "" {
			*l.buf = append(*l.buf, "\x1b[0m"...)
		}
	}
	text := string(*l.buf)
	*l.buf = (*l.buf)[:0]
	buffers.Put(l.buf)
	l.buf = nil
	return text
}

const blanks = "                                                                                                                                "

func spaces(n int) string {
	s := blanks
	for len(s) < n {
		s += blanks
	}
	return s[:n]
}

// Width is how many cells a clean text takes.
func Width(text string) int {
	if isASCII(text) {
		return len(text)
	}
	return ansi.StringWidth(text)
}
