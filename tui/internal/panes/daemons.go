package panes

import (
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Daemons lists the four daemons.
type Daemons struct {
	List widgets.List
	ui   uint64
	top  int // line of the first row

	moved bool // the user chose the row
}

var daemonColumns = []widgets.Column{
	{Title: "daemon", Width: 14, Want: 9},
	{Title: "state", Width: 8, Max: 12, Want: 9},
	{Title: "up", Width: 6, Max: 7, Want: 8, Right: true},
	{Title: "memory", Width: 7, Max: 8, Want: 7, Right: true},
	{Title: "port", Width: 5, Max: 6, Want: 6, Right: true},
	{Title: "trend", Width: 8, Max: 24, Want: 5},
	{Title: "pid", Width: 7, Max: 8, Want: 4, Right: true},
	{Title: "reqs", Width: 6, Max: 8, Want: 3, Right: true},
	{Title: "rst", Width: 3, Want: 3, Right: true},
	{Title: "last error", Width: 12, Max: 80, Want: 1},
}

// Rev implements [Pane].
func (d *Daemons) Rev(c *Context) uint64 {
	return d.ui + c.S.Rev(state.Daemons, state.Clock)
}

// Refresh puts the cursor on the daemon that crashed, unless the user moved it.
func (d *Daemons) Refresh(c *Context) {
	if d.moved {
		return
	}
	for i := range c.S.Daemons {
		if c.S.Daemons[i].State == ipc.StateCrashed && i != d.List.Cursor {
			d.List.Set(i, len(c.S.Daemons))
			d.ui++
			return
		}
	}
}

// Move implements [Pane].
func (d *Daemons) Move(c *Context, n int) {
	d.List.Move(n, len(c.S.Daemons))
	d.moved = true
	d.ui++
}

// Click implements [Pane].
func (d *Daemons) Click(c *Context, y int) bool {
	row := y - d.top + d.List.Offset
	if row < 0 || row >= len(c.S.Daemons) || y < d.top {
		return false
	}
	d.List.Set(row, len(c.S.Daemons))
	d.moved = true
	d.ui++
	return true
}

// Selected is the daemon under the cursor.
func (d *Daemons) Selected(c *Context) *state.Daemon { return &c.S.Daemons[d.List.Cursor] }

// Copy implements [Pane].
func (d *Daemons) Copy(c *Context) string {
	s := d.Selected(c)
	return fmt.Sprintf("%s %s pid %d port %d", s.Name, daemonWord(s), s.PID, s.Port)
}

// Render implements [Pane].
func (d *Daemons) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	widths := widgets.Fit(daemonColumns, iw-2) // a blank at both ends
	var body []string
	d.top = 1
	if ih > len(c.S.Daemons) {
		body = append(body, widgets.Head(c.P, daemonColumns, widths, iw, -1, false))
		d.top = 2
	}
	rows := ih - len(body)
	d.List.Fit(len(c.S.Daemons), rows)
	for i := d.List.Offset; i < min(len(c.S.Daemons), d.List.Offset+rows); i++ {
		body = append(body, d.row(c, i, iw, widths, focused))
	}
	up, of := c.S.Up()
	role := paint.Good
	if up < of {
		role = paint.Warn
	}
	f := widgets.Frame{Number: "1", Title: "Daemons", Notes: []widgets.Note{note(role, fmt.Sprintf("%d of %d up", up, of))}}
	return box(c, f, w, h, focused, body)
}

func (d *Daemons) row(c *Context, i, width int, widths []int, focused bool) string {
	s := &c.S.Daemons[i]
	sign, role := daemonSign(c.P, s)
	l := c.P.Row(width, i == d.List.Cursor, focused)
	name := widgets.Cell{Draw: func(l *paint.Line, w int) {
		l.Put(role, sign).Skip(1).Put(paint.Text, s.Name)
	}}
	stateCell := widgets.Cell{Role: role, Text: daemonWord(s)}
	if !s.Up() || s.Doing != "" {
		return d.downRow(c, s, l, widths, name, stateCell, i == d.List.Cursor)
	}
	cells := []widgets.Cell{
		name, stateCell,
		{Role: paint.Text, Text: widgets.Age(c.S.Now.Sub(s.Since))},
		{Role: paint.Text, Text: megabytes(s.DaemonStatus.RSS)},
		{Role: paint.Dim, Text: fmt.Sprint(s.Port)},
		{Draw: func(l *paint.Line, w int) { widgets.Spark(c.P, l, paint.Busy, level(s.RSS, w), w, 1) }},
		{Role: paint.Dim, Text: fmt.Sprint(s.PID)},
		{Role: paint.Dim, Text: widgets.Count(int64(s.Requests))},
		restarts(s),
		{Role: paint.Bad, Text: s.LastError},
	}
	widgets.Put(c.P, l, daemonColumns, widths, cells)
	return l.String()
}

// downRow is the row of a daemon without numbers: what is wrong, and the key that helps,
// which acts on the row under the cursor.
func (d *Daemons) downRow(c *Context, s *state.Daemon, l *paint.Line, widths []int, name, word widgets.Cell, selected bool) string {
	own := []int{widths[0], max(widths[1], min(paint.Width(word.Text), l.Left()-widths[0]-1))} // nothing stands beside the state
	widgets.Put(c.P, l, daemonColumns[:2], own, []widgets.Cell{name, word})
	l.Skip(2)
	switch {
	case s.Doing != "":
	case s.State == ipc.StateStopped:
		help(l, "s", "starts", selected)
	case s.State == ipc.StateCrashed || s.State == ipc.StateUnresponsive:
		help(l, "r", "restarts", selected)
	case s.State == ipc.StateDisabled && c.S.Launched:
		l.Put(paint.Dim, "not in the user set").Skip(2)
	case s.State == ipc.StateDisabled:
		l.Put(paint.Dim, "by daemon_config.toml").Skip(2)
	}
	if s.LastError != "" {
		l.Put(paint.Bad, s.LastError).Skip(2)
	}
	if s.Restarts > 0 {
		l.Put(paint.Warn, widgets.Plural(int64(s.Restarts), "restart"))
	}
	return l.String()
}

// help says what a key does to a daemon, as long as there is room: "r here restarts it"
// where the cursor is elsewhere, "r restarts it", "r restarts".
func help(l *paint.Line, key, does string, selected bool) {
	all := []string{" here " + does + " it", " " + does + " it", " " + does}
	if selected {
		all = all[1:]
	}
	for _, text := range all {
		if l.Left() >= len(key)+len(text) {
			l.Put(paint.Key, key).Put(paint.Dim, text).Skip(2)
			return
		}
	}
}

func restarts(s *state.Daemon) widgets.Cell {
	if s.Restarts == 0 {
		return widgets.Cell{Role: paint.Dim, Text: "0"}
	}
	return widgets.Cell{Role: paint.Warn, Text: fmt.Sprint(s.Restarts)}
}

func megabytes(rss int64) string {
	if rss == 0 {
		return ""
	}
	return widgets.Bytes(rss)
}

// level fills a short trend up with its first value and spans at least 4 MB, so that
// a memory that hardly changes is a level line.
func level(values []float64, w int) []float64 {
	if len(values) == 0 {
		return nil
	}
	out := make([]float64, 0, w)
	for range w - len(values) {
		out = append(out, values[0])
	}
	out = append(out, values[max(0, len(values)-w):]...)
	lo, hi := out[0], out[0]
	for _, v := range out {
		lo, hi = min(lo, v), max(hi, v)
	}
	span := max(hi-lo, 4<<20)
	for i := range out {
		out[i] = 0.1 + 0.9*(out[i]-lo)/span
	}
	return out
}
