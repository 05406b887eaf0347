package panes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Scope is which units the files pane lists.
type Scope int

// The scopes.
const (
	ScopeBuild Scope = iota // what a build touched
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
	rows  []*state.Unit
	total int
	made  filesKey // what rows were made from
	moved bool     // the cursor stays with its unit
	at    string   // ID of the unit under the cursor
}

type filesKey struct {
	rev    uint64
	scope  Scope
	build  string
	sort   Sort
	up     bool
	filter string
	only   bool
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

// Refresh makes the rows anew if what they are made from has changed. It sorts, so
// it belongs to the handling of events and keys, not to drawing.
func (f *Files) Refresh(c *Context) {
	key := filesKey{c.S.Rev(state.Builds, state.Dirty), f.Scope, f.Build, f.Sort, f.Up, f.Filter, f.Only}
	if key == f.made {
		return
	}
	f.made = key
	all := f.units(c.S)
	f.total = len(all)
	f.rows = f.rows[:0]
	words := strings.Fields(strings.ToLower(f.Filter))
	for _, u := range all {
		if len(words) == 0 || logring.Match(words, u.Name, u.Target, u.Status, u.Reason.Text) {
			f.rows = append(f.rows, u)
		}
	}
	f.order()
	if f.Only && len(f.rows) > slowest {
		f.rows = f.rows[:slowest]
	}
	f.keepCursor()
	f.ui++
}

func (f *Files) units(s *state.State) []*state.Unit {
	switch f.Scope {
	case ScopeAll:
		return s.All
	case ScopeDirty:
		return s.Dirty
	}
	b := s.Build(f.Build)
	switch {
	case b == nil:
		return nil
	case b.Finished || len(s.Dirty) == 0:
		return b.Units
	}
	units := make([]*state.Unit, 0, len(s.Dirty)+len(b.Units))
	for _, u := range s.Dirty { // what is still to come
		if !b.Has(u.ID) {
			units = append(units, u)
		}
	}
	return append(units, b.Units...)
}

func (f *Files) order() {
	if f.Sort == SortRecent {
		if !f.Up {
			slices.Reverse(f.rows)
		}
		return
	}
	less := compare[f.Sort]
	if f.Up {
		slices.SortStableFunc(f.rows, func(a, b *state.Unit) int { return less(b, a) })
		return
	}
	slices.SortStableFunc(f.rows, less)
}

var compare = map[Sort]func(a, b *state.Unit) int{
	SortName:   func(a, b *state.Unit) int { return strings.Compare(a.Name, b.Name) },
	SortStatus: func(a, b *state.Unit) int { return cmp.Compare(rank(a), rank(b)) },
	SortTime:   func(a, b *state.Unit) int { return cmp.Compare(b.Seconds, a.Seconds) },
	SortCPU:    func(a, b *state.Unit) int { return cmp.Compare(b.CPU, a.CPU) },
	SortPeak:   func(a, b *state.Unit) int { return cmp.Compare(b.Peak, a.Peak) },
	SortSize:   func(a, b *state.Unit) int { return cmp.Compare(b.Bytes, a.Bytes) },
}

// rank puts first what wants attention.
func rank(u *state.Unit) int {
	for i, s := range [...]string{"failed", "running", "dirty", "compiled", "skipped", "cached"} {
		if u.Status == s {
			return i
		}
	}
	return 6
}

// keepCursor keeps the cursor on its unit once it was moved; before that it stays at
// the top, where the news is.
func (f *Files) keepCursor() {
	if f.moved && f.at != "" {
		for i, u := range f.rows {
			if u.ID == f.at {
				f.List.Set(i, len(f.rows))
				return
			}
		}
	}
	f.List.Set(f.List.Cursor, len(f.rows))
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
	if f.List.Cursor < len(f.rows) {
		return f.rows[f.List.Cursor]
	}
	return nil
}

// Len is the number of rows.
func (f *Files) Len() int { return len(f.rows) }

// Move implements [Pane].
func (f *Files) Move(_ *Context, n int) {
	f.List.Move(n, len(f.rows))
	f.moved = f.List.Cursor > 0
	f.note()
	f.ui++
}

// Click implements [Pane].
func (f *Files) Click(_ *Context, y int) bool {
	row := y - f.top + f.List.Offset
	if y < f.top || row >= len(f.rows) {
		return false
	}
	f.List.Set(row, len(f.rows))
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
	f.List.Fit(len(f.rows), rows)
	for i := f.List.Offset; i < min(len(f.rows), f.List.Offset+rows); i++ {
		body = append(body, f.row(c, f.rows[i], iw, widths, i == f.List.Cursor, focused))
	}
	if len(f.rows) == 0 && rows > 0 {
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Dim, f.empty(c)).String())
	}
	return box(c, f.frame(c), w, h, focused, body)
}

func (f *Files) empty(c *Context) string {
	switch {
	case f.Filter != "" && f.total > 0:
		return fmt.Sprintf("none of %s matches; esc clears the filter", widgets.Plural(int64(f.total), "file"))
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
		fr.Notes = append(fr.Notes, note(paint.Match, fmt.Sprintf("/%s (%d)", f.Filter, len(f.rows))))
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
	if n := len(f.rows); n > 0 {
		fr.Corner = fmt.Sprintf("%s/%s", widgets.Count(int64(f.List.Cursor+1)), widgets.Count(int64(n)))
	}
	return fr
}

func (f *Files) row(c *Context, u *state.Unit, w int, widths []int, selected, focused bool) string {
	l := c.P.Row(w, selected, focused)
	sign, word, role := unitSign(c.P, u)
	name := u.Name
	if u.Kind == state.KindLink {
		name = c.P.Link + " " + name
	}
	seconds, timeRole := u.Seconds, heat(u.Seconds)
	switch u.Status {
	case state.StatusDirty:
		timeRole = paint.Dim // what it cost the last time
	case state.StatusRunning:
		seconds, timeRole = c.S.Now.Sub(u.Started).Seconds(), paint.Busy
	}
	cells := []widgets.Cell{
		{Role: paint.Text, Text: name},
		{Role: role, Text: sign + " " + word},
		{Role: reasonRole(u), Text: reasonText(c.P, u)},
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
