package oracle

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

const (
	launchSteps    = 10 // in the run among the other tests
	launchPerWorld = 40
)

// TestLaunches makes random commands and random changes to what they read, runs each command behind
// the thin client and then by the compiler alone, from the same files in the same folder, and compares
// all that the two leave and say: files, modes, output, exit codes. A command that was stored or found
// must be found when nothing changed. ORACLE_STEPS, ORACLE_SEED, ORACLE_PROGRAM and ORACLE_KEEP are as
// for TestManifests.
func TestLaunches(t *testing.T) {
	t.Parallel()
	program := testedProgram(t)
	var all counted[launchCounts]
	t.Cleanup(func() { t.Logf("%+v", all.sum) })
	eachSeed(t, launchSteps, launchSteps, launchPerWorld, 2, func(t *testing.T, seed uint64, steps int) {
		w := newLaunches(t, seed, program)
		for w.step = range steps {
			if wrong := w.makeStep(); wrong != "" {
				keepWorld(w.base, seed)
				t.Errorf("step %d: %s\nthe steps:\n%s\nagain: make oracle-launches SEED=%d STEPS=%d",
					w.step, wrong, strings.Join(w.log, "\n"), seed, w.step+1)
				return
			}
		}
		all.add(w.counts)
	})
}

// launchCounts are what a run has done.
type launchCounts struct{ Steps, Commands, Hits, Misses, Failed, Preambles int }

// launchCommand is one that is launched, again and again.
type launchCommand struct {
	dir  string // relative to the tree
	args []string
	out  string // all its outputs have names that begin so
}

func (c launchCommand) String() string {
	return "(cd " + c.dir + " && " + strings.Join(c.args, " ") + ")"
}

// launches are a tree, and the commands that compile in it.
type launches struct {
	*testing.T
	*rand.Rand
	step    int
	log     []string
	base    string // with the tree, the home and the sources as they were
	program string
	client  string
	counts  launchCounts

	commands []launchCommand
	texts    map[string]string // of sources and headers, as they are
	older    map[string][]string
	env      map[string]string
	fresh    int
	next     *launchCommand // the one to launch in this step, nil = any
}

// compilersToLaunch are those of this machine.
func compilersToLaunch(t *testing.T) (all []string) {
	t.Helper()
	for _, name := range []string{"clang++-19", "clang-19", "g++", "gcc"} {
		if _, err := exec.LookPath(name); err == nil {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		t.Skip("no compiler is installed")
	}
	return all
}
