package panes

import (
	"fmt"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

var fileColumns = []widgets.Column{
	{Title: "file", Width: 18, Pref: 22, Max: 52, Want: 9, Tail: true},
	{Title: "status", Width: 12, Want: 9},
	{Title: "reason", Width: 16, Pref: 30, Max: 90, Want: 7},
	{Title: "target", Width: 8, Max: 16, Want: 1},
	{Title: "time", Width: 6, Want: 8, Right: true},
	{Title: "cpu", Width: 6, Want: 3, Right: true},
	{Title: "peak", Width: 7, Want: 4, Right: true},
	{Title: "size", Width: 7, Want: 2, Right: true},
}

// Render implements [Pane].
func (f *Files) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	widths := widgets.Fit(fileColumns, iw-2) // a blank at both ends
	f.widths = widths
	sorted, ok := sortColumn[f.Sort]
	if !ok {
		sorted = -1
	}
	var body []string
	if ih > 1 {
		body = append(body, widgets.Head(c.P, fileColumns, widths, iw, sorted, f.ascending()))
	}
	f.top = 1 + len(body)
	rows := ih - len(body)
	f.List.Fit(f.Len(), rows)
	for i := f.List.Offset; i < min(f.Len(), f.List.Offset+rows); i++ {
		body = append(body, f.row(c, f.order.units[f.rows()[i]], iw, widths, i == f.List.Cursor, focused))
	}
	if f.Len() == 0 && rows > 0 {
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Dim, f.empty(c)).String())
	}
	return box(c, f.frame(c), w, h, focused, body)
}

func (f *Files) empty(c *Context) string {
	switch {
	case f.Filter != "" && f.total() > 0:
		return fmt.Sprintf("none of %s matches; esc clears the filter", widgets.Plural(int64(f.total()), "file"))
	case isUntold(c):
		return untold
	case f.Scope == ScopeDirty:
		return f.noneDirty(c)
	case f.Scope == ScopeAll:
		return noneKnown(c)
	}
	b := c.S.Build(f.Build)
	switch {
	case b != nil && b.Cancelled:
		return "the build was cancelled before it came to a file"
	case b != nil && b.Finished && !b.OK:
		return "the build failed before it came to a file"
	case b != nil && b.InPlace > 0:
		return widgets.Plural(int64(b.InPlace), "unit") + " up to date, nothing had to be done"
	}
	return noneKnown(c)
}

// noneKnown says what will tell of files.
func noneKnown(c *Context) string {
	if c.S.Launched {
		return "no file is known yet: the first compile tells"
	}
	return "no file is known yet: the first build tells"
}

// noneDirty says why no file is listed as dirty.
func (f *Files) noneDirty(c *Context) string {
	failed := 0
	for _, u := range c.S.All {
		if u.Status == ipc.StatusFailed {
			failed++
		}
	}
	switch {
	case !c.S.Dirty.Known:
		return "changes are not followed: the next build looks at every file"
	case failed > 0:
		return widgets.Plural(int64(failed), "file") + " failed; no other has changed since it was built"
	}
	return "nothing has changed since it was built"
}

func (f *Files) frame(c *Context) widgets.Frame {
	fr := widgets.Frame{Number: "4", Title: "Files"}
	for i, tab := range [...]string{"build", "all", "dirty"} {
		role := paint.Dim
		if Scope(i) == f.Scope {
			role, tab = paint.Strong, "["+tab+"]"
		}
		fr.Tabs = append(fr.Tabs, note(role, tab))
	}
	if f.Build != "" && f.Scope == ScopeBuild {
		fr.Notes = append(fr.Notes, note(paint.Busy, "build "+state.Short(f.Build)))
	}
	if f.Filter != "" {
		fr.Notes = append(fr.Notes, note(paint.Match, fmt.Sprintf("/%s (%d)", f.Filter, f.Len())))
	}
	if _, column := sortColumn[f.Sort]; !column { // else an arrow in the head says it
		sorted := "sort: " + f.Sort.String()
		if f.Up {
			sorted += " up"
		}
		fr.Notes = append(fr.Notes, note(paint.Text, sorted))
	}
	if f.Only {
		fr.Notes = append(fr.Notes, note(paint.Warn, fmt.Sprintf("slowest %d", slowest)))
	}
	if n := c.S.CleanRows(); f.Build == "" && n > 0 {
		fr.Notes = append(fr.Notes, note(paint.Good, widgets.Count(int64(n))+" "+words.UpToDate))
	}
	if n := c.S.DirtyRows(); f.Build == "" && n > 0 {
		fr.Notes = append(fr.Notes, note(paint.Warn, widgets.Count(int64(n))+" dirty"))
	}
	if n := f.Len(); n > 0 {
		fr.Corner = fmt.Sprintf("%s/%s", widgets.Count(int64(f.List.Cursor+1)), widgets.Count(int64(n)))
	}
	return fr
}

func (f *Files) row(c *Context, u *state.Unit, w int, widths []int, selected, focused bool) string {
	l := c.P.Row(w, selected, focused)
	sign, word, role := unitSign(c.P, u)
	text, reason := paint.Text, reasonRole(u)
	seconds, timeRole := u.Seconds, heat(u.Seconds)
	switch u.Status {
	case state.StatusDirty:
		timeRole = paint.Dim // what it cost the last time
	case state.StatusRunning:
		seconds, timeRole = c.S.Clock().Sub(u.Started).Seconds(), paint.Busy
	case state.StatusUpToDate, state.StatusToCheck, state.StatusQueued, state.StatusNotBuilt:
		text, reason, timeRole = paint.Dim, paint.Dim, paint.Dim
	}
	name := c.S.Shown(u.Name)
	if u.Kind == state.KindLink {
		name = c.P.Link + " " + name
	}
	cells := []widgets.Cell{
		{Role: text, Text: name},
		{Role: role, Text: sign + " " + word},
		{Role: reason, Text: words.Brief(u.Reason)},
		{Role: paint.Dim, Text: u.Target},
		{Role: timeRole, Text: amount(seconds, widgets.Seconds)},
		{Role: paint.Dim, Text: amount(u.CPU, widgets.Seconds)},
		{Role: paint.Dim, Text: amount(u.Peak, widgets.Bytes)},
		{Role: paint.Dim, Text: amount(u.Bytes, widgets.Bytes)},
	}
	widgets.Put(c.P, l, fileColumns, widths, cells)
	return l.String()
}

func reasonRole(u *state.Unit) paint.Role {
	if u.Status == "failed" {
		return paint.Bad
	}
	return paint.Text
}

// heat colours what takes long: two seconds are what a person waits for.
func heat(seconds float64) paint.Role {
	if seconds >= 2 {
		return paint.Warn
	}
	return paint.Text
}

// amount is a number in words, nothing for nothing.
func amount[N int64 | float64](n N, words func(N) string) string {
	if n == 0 {
		return ""
	}
	return words(n)
}
