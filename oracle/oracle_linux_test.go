package oracle

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

const (
	defaultSteps = 16
	// perProject bounds the steps of one project: what a project has become after
	// more is hardly ever something new, and a failure is read more easily.
	perProject = 40
	// perShort is for the run among the other tests: several short projects beside
	// each other.
	perShort = 8
)

// regressions are seeds of projects that once came out wrong, with the step that
// showed it.
var regressions = []struct {
	name  string
	seed  uint64
	steps int
}{}

func TestRegressions(t *testing.T) {
	t.Parallel()
	for _, r := range regressions {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			runProject(t, r.seed, r.steps, "basic", new(tally))
		})
	}
}

// TestOracle makes ORACLE_STEPS steps with projects of the seeds ORACLE_SEED,
// ORACLE_SEED+1, …; ORACLE_ONLY names the kinds that they have, as drawKinds reads it.
func TestOracle(t *testing.T) {
	t.Parallel()
	sum := new(tally)
	if number(t, "ORACLE_STEPS", 0) > defaultSteps && os.Getenv("ORACLE_ONLY") == "" { // a short run may have no preamble
		t.Cleanup(func() { sum.check(t) })
	}
	eachSeed(t, defaultSteps, perShort, perProject, 0, func(t *testing.T, seed uint64, steps int) {
		runProject(t, seed, steps, os.Getenv("ORACLE_ONLY"), sum)
	})
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

// runProject makes the project of a seed and changes and builds it so many times.
func runProject(t *testing.T, seed uint64, steps int, only string, sum *tally) {
	t.Helper()
	w := newWorld(t, seed, only)
	w.tally = sum
	for i := range steps {
		w.step = i
		if wrong := w.makeStep(); len(wrong) > 0 {
			w.report(wrong)
			return
		}
	}
	if testing.Verbose() && only != "" {
		t.Logf("steps:\n  %s", strings.Join(w.log, "\n  "))
	}
	t.Logf("%s: %d steps, %d builds; plainly compiled %d, from memory %d", w.kindNames(), steps, w.builds, w.plain.ran, w.plain.remembered)
}
