package panes

import (
	"fmt"

	"github.com/RepliBuild/replibuild/internal/words"
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

// SortNamed is the order with a name.
func SortNamed(name string) (Sort, bool) {
	for i, n := range sortNames {
		if n == name {
			return Sort(i), true
		}
	}
	return 0, false
}

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

	ui     uint64
	top    int
	order  order
	last   *state.Build  // whose units come first in the list of all; nil = none, or another list
	dirty  []*state.Unit // the dirty rows
	made   filesKey      // what order was made from
	moved  bool          // the cursor stays with its unit
	at     string        // ID of the unit under the cursor
	widths []int         // of the columns, as they were drawn last
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
	{Title: "status", Width: 12, Want: 9},
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
		f.dirty = f.dirty[:0]
		for _, u := range s.All {
			if u.Status == state.StatusDirty {
				f.dirty = append(f.dirty, u)
			}
		}
		return f.dirty
	case f.Build != "":
		if b := s.Build(f.Build); b != nil {
			return b.Units
		}
		return nil
	}
	return s.All
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

// NextStatus puts the cursor on the next row of a status, from the end on from the
// other one. It reports whether there is one.
func (f *Files) NextStatus(status string, step int) bool {
	n := f.Len()
	for i := 1; i <= n; i++ {
		row := ((f.List.Cursor+i*step)%n + n) % n
		if f.order.units[f.rows()[row]].Status == status {
			f.choose(row)
			return true
		}
	}
	return false
}

// Select puts the cursor on a unit. It reports whether that is listed.
func (f *Files) Select(id string) bool {
	for row, place := range f.rows() {
		if f.order.units[place].ID == id {
			f.choose(row)
			return true
		}
	}
	return false
}

func (f *Files) choose(row int) {
	f.List.Set(row, f.Len())
	f.moved = true
	f.note()
	f.ui++
}

// NextScope steps through the scopes.
func (f *Files) NextScope(step int) {
	f.Scope = (f.Scope + Scope(step) + scopes) % scopes
	f.List, f.moved = widgets.List{}, false
	f.ui++
}

// NextSort steps through the orders whose column is seen.
func (f *Files) NextSort(step int) {
	for range int(sorts) {
		f.Sort = (f.Sort + Sort(step) + sorts) % sorts
		column, has := sortColumn[f.Sort]
		if !has || column >= len(f.widths) || f.widths[column] > 0 {
			break
		}
	}
	f.Up = false
	f.ui++
}

// ClickHead sorts by the column whose title is drawn at x, counted from the left
// border; the second time the other way round. It reports whether there is one.
func (f *Files) ClickHead(x int) bool {
	at := 2
	for i, w := range f.widths {
		if w == 0 {
			continue
		}
		if x >= at && x < at+w {
			return f.sortBy(i)
		}
		at += w + 1
	}
	return false
}

func (f *Files) sortBy(column int) bool {
	for by, c := range sortColumn {
		if c == column {
			f.Up = f.Sort == by && !f.Up
			f.Sort = by
			f.ui++
			return true
		}
	}
	return false
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

// ascending reports whether the smallest comes first.
func (f *Files) ascending() bool { return f.Up != (f.Sort == SortName) }

func (f *Files) empty(c *Context) string {
	switch {
	case f.Filter != "" && f.total() > 0:
		return fmt.Sprintf("none of %s matches; esc clears the filter", widgets.Plural(int64(f.total()), "file"))
	case isUntold(c):
		return untold
	case f.Scope == ScopeDirty:
		return f.noneDirty(c)
	case f.Scope == ScopeAll:
		return "no file is known yet: the first build tells"
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
	name := u.Name
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
