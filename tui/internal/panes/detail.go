package panes

import (
	"fmt"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Subject is what the detail pane is about: a unit, a daemon or a build.
type Subject struct {
	Unit   string // ID
	Daemon string // name
	Build  string // id
}

// Facts is what was asked about a unit.
type Facts struct {
	Explain ipc.ExplainReply
	Inputs  []string // files that it read when it was last made
	Err     string
}

// Detail tells all that is known of one thing.
type Detail struct {
	Subject Subject
	Unit    *state.Unit // of Subject.Unit, as it was selected
	Facts   Facts

	offset int
	lines  int
	ui     uint64
	told   told
}

// told is the last result of content, and what it was made from.
type told struct {
	rev uint64
	p   *paint.Painter
	w   int
	content
}

// content is all lines except the unit's history, which stands between the two parts and
// fills the room that is left.
type content struct {
	title         string
	before, after []rich
}

// Show changes the subject.
func (d *Detail) Show(s Subject, u *state.Unit) {
	if d.Subject == s && d.Unit == u {
		return
	}
	if d.Subject != s {
		d.offset, d.Facts = 0, Facts{}
	}
	d.Subject, d.Unit = s, u
	d.ui++
}

// SetFacts takes an answer in, if it is still asked for.
func (d *Detail) SetFacts(unit string, f Facts) {
	if d.Subject.Unit == unit {
		d.Facts = f
		d.ui++
	}
}

// Rev implements [Pane].
func (d *Detail) Rev(c *Context) uint64 {
	rev := d.ui + c.S.Rev(state.Builds, state.Daemons, state.Dirty, state.Clock)
	if d.Subject.Daemon != "" {
		rev += c.Log.Rev()
	}
	return rev
}

// Move implements [Pane].
func (d *Detail) Move(_ *Context, n int) {
	d.offset = max(0, min(d.offset+n, d.lines-1))
	d.ui++
}

// Click implements [Pane].
func (d *Detail) Click(*Context, int) bool { return false }

// Copy implements [Pane]: the command line of a unit, what is most wanted from here.
func (d *Detail) Copy(c *Context) string {
	if d.Unit == nil {
		return d.Subject.Daemon + d.Subject.Build
	}
	if cmd := c.S.Command(d.Unit); len(cmd) > 0 {
		return Shell(cmd)
	}
	return d.Unit.Name
}

// Render implements [Pane].
func (d *Detail) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	title, lines := d.text(c, iw-2, ih)
	d.lines = len(lines)
	d.offset = max(0, min(d.offset, len(lines)-ih))
	body := make([]string, 0, ih)
	for i := d.offset; i < min(len(lines), d.offset+ih); i++ {
		l := c.P.Line(iw).Skip(1)
		for _, s := range lines[i] {
			l.Put(s.role, s.text)
		}
		body = append(body, l.String())
	}
	f := widgets.Frame{Number: "6", Title: "Detail"}
	if title != "" {
		f.Notes = []widgets.Note{note(paint.Text, c.P.Tail(title, max(8, w-24)))}
	}
	if len(lines) > ih && ih > 0 {
		f.Corner = fmt.Sprintf("%d-%d/%d", d.offset+1, min(len(lines), d.offset+ih), len(lines))
	}
	return box(c, f, w, h, focused, body)
}

// Want is how many rows of that width the pane could use, its border included.
func (d *Detail) Want(c *Context, w int) int {
	_, lines := d.text(c, w-4, 0)
	return len(lines) + 2
}

// text is the title and the lines, with as much of the history as h has room for.
func (d *Detail) text(c *Context, w, h int) (string, []rich) {
	t := &d.told
	if rev := d.Rev(c); t.rev != rev || t.p != c.P || t.w != w {
		*t = told{rev, c.P, w, d.content(c, w)}
	}
	if d.Unit == nil {
		return t.title, t.before
	}
	past := max(usualHistory, h-len(t.before)-len(t.after)-1)
	return t.title, slices.Concat(t.before, d.history(c, d.Unit, w, past), t.after)
}

func (d *Detail) content(c *Context, w int) content {
	switch {
	case d.Unit != nil:
		return d.unit(c, d.Unit, w)
	case d.Subject.Daemon != "":
		if s := c.S.Daemon(d.Subject.Daemon); s != nil {
			return content{s.Name, daemonLines(c, s, w), nil}
		}
	case d.Subject.Build != "":
		if b := c.S.Build(d.Subject.Build); b != nil && b.ID == d.Subject.Build {
			return content{"build " + state.Short(b.ID), buildLines(c, b, w), nil}
		}
	}
	return content{"", wrapped("select a file, a daemon or a build: everything about it is told here", w, paint.Dim), nil}
}
