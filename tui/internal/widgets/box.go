package widgets

import "github.com/RepliBuild/replibuild/tui/internal/paint"

// Frame is what stands on a box's border.
type Frame struct {
	Number  string // the key that jumps to it, "" for none
	Title   string
	Tabs    []Note // behind the title
	Notes   []Note // right of the title, as many as fit
	Corner  string // at the right end, "" for none
	Focused bool
}

// Note is a word on a border.
type Note struct {
	Role paint.Role
	Text string
}

// Box puts body into a border of width w and height h. body is what remains inside
// of [Inside]; missing lines are blank.
func Box(p *paint.Painter, f Frame, w, h int, body []string) []string {
	role, title := paint.Border, paint.Strong
	if f.Focused {
		role, title = paint.Focus, paint.Focus
	}
	lines := make([]string, 0, h)
	lines = append(lines, top(p, f, w, role, title))
	left := p.Line(1).Put(role, p.Vertical).String()
	iw, ih := Inside(w, h)
	for i := range min(ih, len(body)) {
		lines = append(lines, left+body[i]+left)
	}
	if len(body) < ih {
		blank := left + p.Line(iw).String() + left
		for len(lines) < ih+1 {
			lines = append(lines, blank)
		}
	}
	if h > 1 {
		lines = append(lines, p.Line(w).Put(role, p.BottomLeft).Repeat(role, p.Horizontal, w-2).Put(role, p.BottomRight).String())
	}
	return lines[:min(h, len(lines))]
}

// Inside is the room that a box of that size has.
func Inside(w, h int) (int, int) { return max(0, w-2), max(0, h-2) }

func top(p *paint.Painter, f Frame, w int, role, title paint.Role) string {
	l := p.Line(w).Put(role, p.TopLeft)
	if p.ASCII && f.Focused {
		l.Put(role, p.Cursor) // without colour and lines the focus needs a sign
	} else {
		l.Put(role, p.Horizontal)
	}
	if f.Number != "" {
		l.Put(paint.Key, f.Number).Put(role, " ")
	}
	l.Put(title, f.Title).Put(role, " ")
	for _, t := range f.Tabs {
		if l.Left() > paint.Width(t.Text)+2 {
			l.Put(t.Role, t.Text).Put(role, " ")
		}
	}
	corner := 0
	if f.Corner != "" {
		corner = paint.Width(f.Corner) + 3
	}
	for _, n := range f.Notes {
		if need := paint.Width(n.Text) + 3; n.Text != "" && l.Left() >= need+corner {
			l.Put(role, p.Dot+" ").Put(n.Role, n.Text).Put(role, " ")
		}
	}
	if corner > 0 && l.Left() >= corner+2 {
		l.Repeat(role, p.Horizontal, l.Left()-corner).Put(role, " ").Put(paint.Dim, f.Corner).Put(role, " ")
	}
	return l.Repeat(role, p.Horizontal, l.Left()-1).Put(role, p.TopRight).String()
}
