package panes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// Whatever changes, one unit or all, the order is that of a plain stable sort.
func TestOrderIsASort(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		made := 0
		unit := func() *state.Unit {
			made++
			return &state.Unit{
				ID: fmt.Sprint(made), Name: rapid.StringMatching(`[ab]{0,3}`).Draw(t, "name"),
				Status:  rapid.SampledFrom([]string{ipc.StatusCached, ipc.StatusFailed, state.StatusRunning}).Draw(t, "status"),
				Seconds: float64(rapid.IntRange(0, 3).Draw(t, "seconds")), Order: rapid.IntRange(0, 3).Draw(t, "order"),
				Build: rapid.SampledFrom([]string{"b1", "b2"}).Draw(t, "build"),
			}
		}
		var o order
		var units []*state.Unit
		by := orderKey{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch n := len(units); rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				by = orderKey{Sort(rapid.IntRange(0, int(sorts)-1).Draw(t, "sort")), rapid.Bool().Draw(t, "up"), rapid.SampledFrom([]string{"", "a", "!b"}).Draw(t, "filter"), rapid.SampledFrom([]string{"", "b1"}).Draw(t, "by")}
			case 1:
				units = units[:rapid.IntRange(0, n).Draw(t, "left")]
			case 2:
				if n > 0 {
					units[rapid.IntRange(0, n-1).Draw(t, "gone")] = nil
				}
			case 3:
				if n > 0 {
					units[rapid.IntRange(0, n-1).Draw(t, "changed")] = unit()
				}
			default:
				for range rapid.IntRange(1, 8).Draw(t, "new") {
					units = append(units, unit())
				}
			}
			o.update(units, by)
			if got, want := listed(o), plainly(units, by); !slices.Equal(got, want) {
				t.Fatalf("%+v: %v, want %v", by, got, want)
			}
		}
	})
}

func listed(o order) (ids []string) {
	for _, place := range o.rows {
		ids = append(ids, o.units[place].ID)
	}
	return ids
}

func plainly(units []*state.Unit, by orderKey) (ids []string) {
	var rows []*state.Unit
	for _, u := range units {
		if u != nil && logring.Match(strings.Fields(by.filter), u.Name, u.Target, u.Status, u.Reason.Text) {
			rows = append(rows, u)
		}
	}
	slices.SortStableFunc(rows, func(a, b *state.Unit) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(rows, func(a, b *state.Unit) int {
		if by.up {
			return compare[by.sort](b, a)
		}
		return compare[by.sort](a, b)
	})
	slices.SortStableFunc(rows, func(a, b *state.Unit) int { return by.group(a) - by.group(b) })
	for _, u := range rows {
		ids = append(ids, u.ID)
	}
	return ids
}
