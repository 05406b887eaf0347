package panes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// order is which units are listed, in which order. A change of some units moves those
// alone: to sort 10,000 files anew for each of 30 batches of events a second took
// longer than everything else together.
type order struct {
	units []*state.Unit // as they were given last; nil = a place without one
	rows  []int32       // places in units
	by    orderKey
	spare []int32
	moved []bool
}

// orderKey is what an order depends on besides the units.
type orderKey struct {
	sort   Sort
	up     bool
	filter string
	build  string // its units come first, then what is dirty, then all others; "" = no such groups
}

// group is which of the build's groups a unit is in.
func (k orderKey) group(u *state.Unit) int {
	switch {
	case k.build == "" || u.Build == k.build && u.Order > 0:
		return 0
	case u.Status == state.StatusDirty:
		return 1
	}
	return 2
}

// update brings the order up to date with units, whose places stay as a build goes on.
func (o *order) update(units []*state.Unit, by orderKey) {
	words := strings.Fields(strings.ToLower(by.filter))
	fits := func(u *state.Unit) bool {
		return u != nil && (len(words) == 0 || logring.Match(words, u.Name, u.Target, u.Status, u.Reason.Text))
	}
	changed := o.take(units)
	if by != o.by || len(changed) > len(units)/4 {
		o.by = by
		o.rows = o.rows[:0]
		for i, u := range o.units {
			if fits(u) {
				o.rows = append(o.rows, int32(i))
			}
		}
		slices.SortFunc(o.rows, o.compare)
		return
	}
	for _, i := range changed {
		o.moved[i] = true
	}
	all := changed
	changed = slices.DeleteFunc(slices.Clone(all), func(i int32) bool { return !fits(o.units[i]) })
	slices.SortFunc(changed, o.compare)
	o.merge(changed)
	for _, i := range all {
		o.moved[i] = false
	}
}

// take notes units and returns the places that hold another one than before.
func (o *order) take(units []*state.Unit) (changed []int32) {
	if len(units) < len(o.units) {
		clear(o.units[len(units):])
		o.units = o.units[:len(units)]
		o.rows = slices.DeleteFunc(o.rows, func(i int32) bool { return int(i) >= len(units) })
	}
	for i, u := range units {
		switch {
		case i >= len(o.units):
			o.units = append(o.units, u)
		case o.units[i] != u:
			o.units[i] = u
		default:
			continue
		}
		changed = append(changed, int32(i))
	}
	if len(o.moved) < len(o.units) {
		o.moved = append(o.moved, make([]bool, len(o.units)-len(o.moved))...)
	}
	return changed
}

// merge puts sorted rows among those that have not moved.
func (o *order) merge(sorted []int32) {
	rows := slices.DeleteFunc(o.rows, func(i int32) bool { return o.moved[i] })
	out := o.spare[:0]
	for _, i := range sorted {
		at, _ := slices.BinarySearchFunc(rows, i, o.compare)
		out = append(append(out, rows[:at]...), i)
		rows = rows[at:]
	}
	o.rows, o.spare = append(out, rows...), o.rows
}

// compare orders two places. No two are equal, so that there is one order only.
func (o *order) compare(i, j int32) int {
	a, b := o.units[i], o.units[j]
	if c := cmp.Compare(o.by.group(a), o.by.group(b)); c != 0 {
		return c
	}
	c := compare[o.by.sort](a, b)
	if o.by.up {
		c = -c
	}
	return cmp.Or(c, strings.Compare(a.ID, b.ID), cmp.Compare(i, j))
}

var compare = [sorts]func(a, b *state.Unit) int{
	SortRecent: func(a, b *state.Unit) int { return cmp.Compare(b.Order, a.Order) },
	SortName:   func(a, b *state.Unit) int { return strings.Compare(a.Name, b.Name) },
	SortStatus: func(a, b *state.Unit) int { return cmp.Compare(rank(a), rank(b)) },
	SortTime:   func(a, b *state.Unit) int { return cmp.Compare(b.Seconds, a.Seconds) },
	SortCPU:    func(a, b *state.Unit) int { return cmp.Compare(b.CPU, a.CPU) },
	SortPeak:   func(a, b *state.Unit) int { return cmp.Compare(b.Peak, a.Peak) },
	SortSize:   func(a, b *state.Unit) int { return cmp.Compare(b.Bytes, a.Bytes) },
}

// rank puts first what wants attention.
func rank(u *state.Unit) int {
	for i, s := range [...]string{ipc.StatusFailed, state.StatusRunning, state.StatusDirty, state.StatusQueued, ipc.StatusCompiled, ipc.StatusSkipped, ipc.StatusCached} {
		if u.Status == s {
			return i
		}
	}
	return 7
}
