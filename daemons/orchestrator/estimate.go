package orchestrator

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// An estimate adds up what each unit took when it was really compiled last, perhaps beside
// many others on a busy machine. How long builds like this one took in proportion to
// their estimates corrects that: the median of the last ones.
const (
	similarBuilds = 9 // that are looked at
	similarSize   = 3 // by what factor the number of units may differ
)

// correction is what to multiply an estimate for so many units with, 1 if history knows
// no build like it.
func (h *history) correction(units int) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ratios []float64
	for _, r := range slices.Backward(h.records) {
		if n := worked(r); r.Success && r.Expected > 0 && n*similarSize >= units && n <= units*similarSize {
			ratios = append(ratios, r.Seconds/r.Expected)
		}
		if len(ratios) == similarBuilds {
			break
		}
	}
	if len(ratios) == 0 {
		return 1
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// worked is how many units a build had to do something for.
func worked(r ipc.BuildRecord) int { return r.Compiled + r.Hits + r.Failed }
