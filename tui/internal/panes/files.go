package panes

import (
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

// units are the listed units. Each keeps its index during a build.
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

// AtTop reports whether the user has chosen no row.
func (f *Files) AtTop() bool { return !f.moved }

// Len is the number of rows.
func (f *Files) Len() int { return len(f.rows()) }

// total counts the units without the filter.
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

// ascending reports whether the smallest comes first.
func (f *Files) ascending() bool { return f.Up != (f.Sort == SortName) }
