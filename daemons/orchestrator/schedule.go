package orchestrator

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// schedule orders actions by what still has to happen after they start: their own
// expected time and that of the longest chain of actions that wait for them.
type schedule struct {
	plan      *ipc.Plan
	cost      map[string]unitCost // by node, from history
	remaining []float64           // by action: expected seconds from its start to the end
	median    float64             // of the units that history knows, 0 = none
	peak      int64               // the same of the memory that they took
	sizes     map[int]int64       // of the sources of units that history does not know, once looked at
}

func newSchedule(g *actionGraph, cost map[string]unitCost) *schedule {
	s := &schedule{plan: g.plan, cost: cost, remaining: make([]float64, len(g.plan.Actions)), sizes: map[int]int64{}}
	s.median, s.peak = medians(g.plan, cost)
	for i := range slices.Backward(g.plan.Actions) {
		after := 0.0
		for _, e := range g.users[i] {
			after = max(after, s.remaining[e.to])
		}
		s.remaining[i] = after + s.expect(&g.plan.Actions[i])
	}
	return s
}

// medians are those of the plan's units. What a unit takes is mostly what the project's
// headers take, so they are a better guess for a new unit than any constant.
func medians(p *ipc.Plan, cost map[string]unitCost) (seconds float64, peak int64) {
	var times []float64
	var peaks []int64
	for u := range p.Units() {
		if c, known := cost[u.ID]; known {
			times = append(times, c.expected())
			if c.Peak > 0 {
				peaks = append(peaks, c.Peak)
			}
		}
	}
	if len(times) > 0 {
		seconds = medianOf(times)
	}
	if len(peaks) > 0 {
		slices.Sort(peaks)
		peak = peaks[len(peaks)/2]
	}
	return seconds, peak
}

// expect is what an action is expected to take, 0 if nothing is known.
func (s *schedule) expect(a *ipc.Action) float64 {
	c, known := s.cost[a.ID]
	if !known && a.Kind == ipc.ActionCompile {
		return s.median
	}
	return c.expected()
}

// order sorts actions, longest expected first along the critical path, the larger source
// first where that is unknown, and fills in what history expects of them.
func (s *schedule) order(actions []planned) {
	for i := range actions {
		a := &actions[i]
		c, known := s.cost[a.ID]
		a.Expected, a.Remaining, a.ExpectedPeak = c.expected(), s.remaining[a.at], c.Peak
		if a.Kind == ipc.ActionCompile {
			a.ExpectedPeak = cmp.Or(c.Peak, s.peak)
			if !known {
				s.lookAtSize(a)
			}
		}
	}
	slices.SortStableFunc(actions, func(a, b planned) int {
		return cmp.Or(cmp.Compare(b.Remaining, a.Remaining), cmp.Compare(s.sizes[b.at], s.sizes[a.at]))
	})
}

// planned is an action with its index in the plan.
type planned struct {
	ipc.RunAction
	at int
}

// lookAtSize notes how large the source of a unit is: once, because actions are sorted
// twice: when they are announced and when they are sent.
func (s *schedule) lookAtSize(a *planned) {
	if _, known := s.sizes[a.at]; known {
		return
	}
	source := a.Source
	if !filepath.IsAbs(source) {
		source = filepath.Join(s.plan.Root, source)
	}
	s.sizes[a.at] = 0
	if fi, err := os.Stat(source); err == nil {
		s.sizes[a.at] = fi.Size()
	}
}

// expected estimates how long ordered actions and what waits for them take on so many
// slots, by handing each action to the slot that is free first. It is 0 when history
// knows none of them.
func (s *schedule) expected(actions []planned, slots int) float64 {
	if !slices.ContainsFunc(actions, func(a planned) bool { return a.Expected > 0 }) {
		return 0
	}
	busy := make([]float64, max(1, min(slots, len(actions))))
	end := 0.0
	for _, a := range actions {
		first := 0
		for i := range busy {
			if busy[i] < busy[first] {
				first = i
			}
		}
		seconds := s.expect(&a.Action)
		busy[first] += seconds
		end = max(end, busy[first]+s.remaining[a.at]-seconds)
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
