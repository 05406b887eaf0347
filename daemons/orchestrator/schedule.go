package orchestrator

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// schedule orders units by what still has to happen after they start: their own
// expected time and the links that wait for them.
type schedule struct {
	plan  *ipc.Plan
	cost  map[string]unitCost // by node, from history
	tails map[string]float64  // by target: expected seconds from its link to the end
}

func newSchedule(p *ipc.Plan, cost map[string]unitCost) *schedule {
	s := &schedule{plan: p, cost: cost, tails: map[string]float64{}}
	// A target comes after those it depends on, so going backwards every tail that
	// is needed is there.
	for _, t := range slices.Backward(p.Targets) {
		s.tails[t.Name] += cost[linkNode(t.Name)].expected()
		for _, d := range t.Depends {
			s.tails[d] = max(s.tails[d], s.tails[t.Name])
		}
	}
	return s
}

// order sorts units, longest expected first along the critical path, and fills in
// what history expects of them. Units that history does not know count as the median
// one, the larger source first.
func (s *schedule) order(units []ipc.BatchUnit) {
	type weight struct {
		path float64
		size int64
	}
	median, peak := s.median(units), s.medianPeak()
	weights := make(map[string]weight, len(units))
	for i := range units {
		u := &units[i]
		c, known := s.cost[u.ID]
		u.Expected, u.ExpectedPeak = c.expected(), cmp.Or(c.Peak, peak)
		w := weight{path: s.tails[u.Target] + c.expected()}
		if !known {
			w = weight{path: s.tails[u.Target] + median, size: s.size(u.Source)}
		}
		weights[u.ID] = w
	}
	slices.SortStableFunc(units, func(a, b ipc.BatchUnit) int {
		x, y := weights[a.ID], weights[b.ID]
		return cmp.Or(cmp.Compare(y.path, x.path), cmp.Compare(y.size, x.size))
	})
}

// median is the median of what history knows of the units, 0 if it knows none.
func (s *schedule) median(units []ipc.BatchUnit) float64 {
	var known []float64
	for _, u := range units {
		if c, ok := s.cost[u.ID]; ok {
			known = append(known, c.expected())
		}
	}
	if len(known) == 0 {
		return 0
	}
	return medianOf(known)
}

// medianPeak is the median of the memory that the plan's units took, 0 if none is
// known. What a unit takes is mostly what the project's headers take, so it says more
// of a new one than any constant.
func (s *schedule) medianPeak() int64 {
	var known []int64
	for _, u := range s.plan.Units {
		if peak := s.cost[u.ID].Peak; peak > 0 {
			known = append(known, peak)
		}
	}
	if len(known) == 0 {
		return 0
	}
	slices.Sort(known)
	return known[len(known)/2]
}

func (s *schedule) size(source string) int64 {
	if !filepath.IsAbs(source) {
		source = filepath.Join(s.plan.Root, source)
	}
	fi, err := os.Stat(source)
	if err != nil {
		return 0
	}
	return fi.Size()
}

// expected estimates how long ordered units and the links after them take on so many
// slots, by handing each unit to the slot that is free first. It is 0 when history
// knows none of the units.
func (s *schedule) expected(units []ipc.BatchUnit, slots int) float64 {
	median := s.median(units)
	if median == 0 {
		return 0
	}
	busy := make([]float64, max(1, min(slots, len(units))))
	end := 0.0
	for _, u := range units {
		first := 0
		for i := range busy {
			if busy[i] < busy[first] {
				first = i
			}
		}
		seconds := u.Expected
		if seconds == 0 {
			seconds = median
		}
		busy[first] += seconds
		end = max(end, busy[first]+s.tails[u.Target])
	}
	return end
}

// slots is how many compilers the build may run at a time, as far as is known here;
// compilation decides.
func (b *build) slots() int {
	return cmp.Or(b.jobs(), b.s.cfg.Jobs, runtime.NumCPU())
}

// jobs is the limit that the request or the plan sets, 0 for none.
func (b *build) jobs() int { return cmp.Or(b.job.req.Jobs, b.plan.Jobs) }
