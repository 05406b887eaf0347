package panes

import (
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Scope is which units the files pane lists.
type Scope int

// The scopes.
const (
	ScopeBuild Scope = iota // what a build touched; of the current one also what is dirty or in place
	ScopeAll                // every unit that is known, as it was made last
	ScopeDirty              // what discovery takes for changed
	scopes
)

// Sort is an order of the files.
type Sort int

// The orders; all but the first two start with the greatest.
const (
	SortRecent Sort = iota // the latest first
	SortName
	SortStatus
	SortTime
	SortCPU
	SortPeak
	SortSize
	sorts
)

var sortNames = [...]string{"recent", "name", "status", "time", "cpu", "peak", "size"}

// String is the order's name.
func (s Sort) String() string { return sortNames[s] }

// slowest is how many rows the slowest-only view has.
const slowest = 10

// Files lists units with what became of them and why.
type Files struct {
	List   widgets.List
	Scope  Scope
	Build  string // the build that is looked at; "" = the current one
	Sort   Sort
	Up     bool // smallest first
	Filter string
	Only   bool // the slowest only

	ui    uint64
	top   int
	order order
	last  *state.Build  // whose units come first in the list of all; nil = none, or another list
	with  []*state.Unit // all units, with the dirty ones in their places
	made  filesKey      // what order was made from
	moved bool          // the cursor stays with its unit
	at    string        // ID of the unit under the cursor
}

type filesKey struct {
	rev   uint64
	scope Scope
	build string
	only  bool
	by    orderKey
}

var fileColumns = []widgets.Column{
	{Title: "file", Width: 18, Pref: 22, Max: 52, Want: 9, Tail: true},
	{Title: "status", Width: 10, Want: 9},
	{Title: "reason", Width: 16, Pref: 30, Max: 90, Want: 7},
	{Title: "target", Width: 8, Max: 16, Want: 1},
	{Title: "time", Width: 6, Want: 8, Right: true},
	{Title: "cpu", Width: 6, Want: 3, Right: true},
	{Title: "peak", Width: 7, Want: 4, Right: true},
	{Title: "size", Width: 7, Want: 2, Right: true},
}

// sortColumn is the column that an order belongs to.
var sortColumn = map[Sort]int{SortName: 0, SortStatus: 1, SortTime: 4, SortCPU: 5, SortPeak: 6, SortSize: 7}

// Rev implements [Pane].
func (f *Files) Rev(c *Context) uint64 {
	rev := f.ui + c.S.Rev(state.Builds, state.Dirty)
	if c.S.Running() {
		rev += c.S.Rev(state.Clock)
	}
	return rev
}

// Changed must be called after a field was set.
func (f *Files) Changed() { f.ui++ }

// Refresh brings the rows up to date if what they are made from has changed. It
// sorts, so it belongs to the handling of events and keys, not to drawing.
func (f *Files) Refresh(c *Context) {
	by := orderKey{f.Sort, f.Up, f.Filter, ""}
	f.last = nil
	if f.Scope == ScopeBuild && f.Build == "" {
		if f.last = c.S.Build(""); f.last != nil {
			by.build = f.last.ID
		}
	}
	key := filesKey{c.S.Rev(state.Builds, state.Dirty), f.Scope, f.Build, f.Only, by}
	if key == f.made {
		return
	}
	f.made = key
	f.order.update(f.units(c.S), by)
	f.keepCursor()
	f.ui++
}

// units is what is listed, each in a place that it keeps as a build goes on.
func (f *Files) units(s *state.State) []*state.Unit {
	switch {
	case f.Scope == ScopeAll:
		return s.All
	case f.Scope == ScopeDirty:
		return s.Dirty
	case f.Build != "":
		if b := s.Build(f.Build); b != nil {
			return b.Units
		}
		return nil
	case len(s.Dirty) == 0:
		return s.All
	}
	f.with = append(f.with[:0], s.All...)
	for _, u := range s.Dirty {
		switch i := s.Place(u.ID); {
		case i < 0:
			f.with = append(f.with, u)
		case f.last == nil || !f.last.Has(u.ID):
			f.with[i] = u
		}
	}
	return f.with
}

// rows are the places in order.units of what is listed.
func (f *Files) rows() []int32 {
	rows := f.order.rows
	if !f.Only {
		return rows
	}
	n := 0
	for n < min(len(rows), slowest) && f.order.by.group(f.order.units[rows[n]]) == 0 {
		n++
	}
	if n == 0 { // the build had nothing to do: the slowest there are
		n = min(len(rows), slowest)
	}
	return rows[:n]
}

// keepCursor keeps the cursor on its unit once it was moved; before that it stays at
// the top, where the news is.
func (f *Files) keepCursor() {
	if f.moved && f.at != "" {
		for i, place := range f.rows() {
			if f.order.units[place].ID == f.at {
				f.List.Set(i, f.Len())
				return
			}
		}
	}
	f.List.Set(f.List.Cursor, f.Len())
	f.note()
}

func (f *Files) note() {
	f.at = ""
	if u := f.Selected(); u != nil {
		f.at = u.ID
	}
}

// Selected is the unit under the cursor, or nil.
func (f *Files) Selected() *state.Unit {
	if f.List.Cursor < f.Len() {
		return f.order.units[f.rows()[f.List.Cursor]]
	}
	return nil
}

// AtTop reports whether nobody chose a row.
func (f *Files) AtTop() bool { return !f.moved }

// Len is the number of rows.
func (f *Files) Len() int { return len(f.rows()) }

// total counts what is there to be listed, whatever the filter.
func (f *Files) total() int {
	n := 0
	for _, u := range f.order.units {
		if u != nil {
			n++
		}
	}
	return n
}

// Move implements [Pane].
func (f *Files) Move(_ *Context, n int) {
	f.List.Move(n, f.Len())
	f.moved = f.List.Cursor > 0
	f.note()
	f.ui++
}

// Click implements [Pane].
func (f *Files) Click(_ *Context, y int) bool {
	row := y - f.top + f.List.Offset
	if y < f.top || row >= f.Len() {
		return false
	}
	f.List.Set(row, f.Len())
	f.moved = true
	f.note()
	f.ui++
	return true
}

// NextScope steps through the scopes.
func (f *Files) NextScope(step int) {
	f.Scope = (f.Scope + Scope(step) + scopes) % scopes
	f.List, f.moved = widgets.List{}, false
	f.ui++
}

// NextSort steps through the orders.
func (f *Files) NextSort(step int) {
	f.Sort = (f.Sort + Sort(step) + sorts) % sorts
	f.Up = false
	f.ui++
}

// Copy implements [Pane].
func (f *Files) Copy(*Context) string {
	u := f.Selected()
	if u == nil {
		return ""
	}
	return u.Name
}

// Render implements [Pane].
func (f *Files) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	widths := widgets.Fit(fileColumns, iw-2) // a blank at both ends
	sorted, ok := sortColumn[f.Sort]
	if !ok {
		sorted = -1
	}
	var body []string
	if ih > 1 {
		body = append(body, widgets.Head(c.P, fileColumns, widths, iw, sorted))
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
	case f.Scope == ScopeDirty:
		return "nothing has changed since it was built"
	case f.Scope == ScopeAll:
		return "no file is known yet: the first build tells"
	}
	b := c.S.Build(f.Build)
	if b != nil && b.Finished && !b.OK {
		return "the build failed before it came to a file"
	}
	if b != nil && b.InPlace > 0 {
		return widgets.Plural(int64(b.InPlace), "unit") + " in place, nothing had to be done"
	}
	return "no file was touched yet"
}

func (f *Files) frame(c *Context) widgets.Frame {
	fr := widgets.Frame{Number: "4", Title: [...]string{"Files", "All files", "Dirty files"}[f.Scope]}
	if f.Build != "" && f.Scope == ScopeBuild {
		fr.Notes = append(fr.Notes, note(paint.Busy, "build "+state.Short(f.Build)))
	}
	if f.Filter != "" {
		fr.Notes = append(fr.Notes, note(paint.Match, fmt.Sprintf("/%s (%d)", f.Filter, f.Len())))
	}
	sorted := "sort: " + f.Sort.String()
	if f.Up {
		sorted += " up"
	}
	fr.Notes = append(fr.Notes, note(paint.Text, sorted))
	if f.Only {
		fr.Notes = append(fr.Notes, note(paint.Warn, fmt.Sprintf("slowest %d", slowest)))
	}
	if b := c.S.Build(f.Build); f.Scope == ScopeBuild && b != nil && b.InPlace > 0 {
		fr.Notes = append(fr.Notes, note(paint.Good, widgets.Count(int64(b.InPlace))+" in place"))
	}
	if f.Scope != ScopeDirty && c.S.DirtyCount > 0 {
		fr.Notes = append(fr.Notes, note(paint.Warn, widgets.Count(int64(c.S.DirtyCount))+" dirty"))
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
	switch {
	case u.Status == state.StatusDirty:
		timeRole = paint.Dim // what it cost the last time
	case u.Status == state.StatusRunning:
		seconds, timeRole = c.S.Now.Sub(u.Started).Seconds(), paint.Busy
	case f.order.by.group(u) > 0: // the build has not touched it
		text, reason, timeRole = paint.Dim, paint.Dim, paint.Dim
		sign, word, role = f.restSign(c, u)
	}
	name := u.Name
	if u.Kind == state.KindLink {
		name = c.P.Link + " " + name
	}
	cells := []widgets.Cell{
		{Role: text, Text: name},
		{Role: role, Text: sign + " " + word},
		{Role: reason, Text: u.Reason.Text},
		{Role: paint.Dim, Text: u.Target},
		{Role: timeRole, Text: amount(seconds, widgets.Seconds)},
		{Role: paint.Dim, Text: amount(u.CPU, widgets.Seconds)},
		{Role: paint.Dim, Text: amount(u.Peak, widgets.Bytes)},
		{Role: paint.Dim, Text: amount(u.Bytes, widgets.Bytes)},
	}
	widgets.Put(c.P, l, fileColumns, widths, cells)
	return l.String()
}

// restSign is what is said of a unit that the build has not touched.
func (f *Files) restSign(c *Context, u *state.Unit) (sign, word string, r paint.Role) {
	switch sign, word, role := unitSign(c.P, u); {
	case u.Status == ipc.StatusFailed:
		return sign, word, role
	case f.last.InPlace > 0 && !f.last.Partial, f.last.AllGood():
		return c.P.Cached, "in place", paint.Dim
	default:
		return sign, word, paint.Dim
	}
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
