package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// slowLines is how many units and headers `history --slow` names.
const slowLines = 15

// bars are the heights of a sparkline.
var bars = [...]rune{'▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// sparkline draws values from left to right, the highest as a full bar.
func sparkline(values []float64) string {
	top := slices.Max(append(slices.Clone(values), 0))
	var b strings.Builder
	for _, v := range values {
		i := 0
		if top > 0 {
			i = min(len(bars)-1, int(v/top*float64(len(bars))))
		}
		b.WriteRune(bars[max(0, i)])
	}
	return b.String()
}

// printTrend prints how the last builds, newest first, compare: what they took, and
// what share of their units they did not have to compile.
func (a *app) printTrend(builds []ipc.BuildRecord) {
	if len(builds) < 2 {
		return
	}
	var took, spared []float64
	for _, b := range slices.Backward(builds) {
		took = append(took, b.Seconds)
		if n := b.Total(); n > 0 {
			spared = append(spared, float64(b.Cached)/float64(n))
		}
	}
	a.printf("%s  seconds, %s to %s, median %s\n", sparkline(took), seconds(slices.Min(took)), seconds(slices.Max(took)), seconds(median(took)))
	if len(spared) > 0 {
		a.printf("%s  %s or %s, %.0f%% of the units of a build on average\n", sparkline(spared), words.UpToDate, words.Cached, 100*mean(spared))
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// printSlow prints where the time of a whole build goes.
func (a *app) printSlow(s *ipc.Slow, source string) {
	if s == nil || len(s.Units) == 0 {
		fmt.Fprintln(a.Stdout, "No unit has been compiled yet: run `replibuild compile`")
		return
	}
	a.printf("All units together: %s of compiling\n", seconds(s.Seconds))
	fmt.Fprintln(a.Stdout, "Slowest units:")
	for _, u := range s.Units {
		a.printf("  %8s %4.0f%% %9s  %s\n", seconds(u.Seconds), share(u.Seconds, s.Seconds), megabytes(u.Peak), ownUnit(source, u.ID))
	}
	fmt.Fprintln(a.Stdout, "Headers, by the compile time of the units that include them:")
	for _, h := range s.Headers {
		name, _ := ownName(source, h.Path)
		a.printf("  %8s %4.0f%% %9s  %s\n", seconds(h.Seconds), share(h.Seconds, s.Seconds), words.Plural(h.Units, "unit"), name)
	}
}

// ownUnit is the ID of a unit, TARGET:SOURCE, with the source as it is named beneath the sources.
func ownUnit(source, id string) string {
	target, file, found := strings.Cut(id, ":")
	if !found {
		return id
	}
	name, _ := ownName(source, file)
	return target + ":" + name
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}
