package orchestrator

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// An estimate adds up the CPU time of each unit, as if nothing else ran. It is multiplied
// by the median of how much longer than their estimates the last builds like this one
// took. Only three builds are looked at, because other load changes; more than one,
// because one may have been disturbed. Of 150 builds on a machine with 10 to 30 other
// processes 147 were within a factor of two, with nine instead of three 144.
const (
	lastRatios  = 3 // that are looked at
	similarSize = 3 // by what factor the number of units may differ
)

// correction is the factor for an estimate of so many units. If history has no similar
// build, the last build of any size says how busy the machine is.
func (h *history) correction(units int) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	similar := h.ratios(func(r ipc.BuildRecord) bool {
		n := worked(r)
		return n*similarSize >= units && n <= units*similarSize
	})
	if len(similar) > 0 {
		return medianOf(similar)
	}
	if all := h.ratios(func(ipc.BuildRecord) bool { return true }); len(all) > 0 {
		return medianOf(all)
	}
	return h.crowding()
}

// ratios is how long the last builds that fit took in proportion to their estimates; mu
// is held.
func (h *history) ratios(fits func(ipc.BuildRecord) bool) (found []float64) {
	for _, r := range slices.Backward(h.records) {
		if len(found) == lastRatios {
			break
		}
		if r.Success && r.Expected > 0 && fits(r) {
			found = append(found, r.Seconds/r.Expected)
		}
	}
	return found
}

// crowding is how much longer the compilers of the last build ran than they used a core; 1
// if there was none. mu is held.
func (h *history) crowding() float64 {
	for _, r := range slices.Backward(h.records) {
		var wall, cpu float64
		for _, u := range r.Units {
			if u.Status == ipc.StatusCompiled && u.CPU > 0 {
				wall, cpu = wall+u.Seconds, cpu+u.CPU
			}
		}
		if cpu > 0 {
			return max(1, wall/cpu)
		}
	}
	return 1
}

// worked is how many units a build had to do something for.
func worked(r ipc.BuildRecord) int { return r.Compiled + r.Hits + r.Failed }
