package oracle

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

const (
	launchSteps    = 10 // in the run among the other tests
	launchPerWorld = 40
)

// TestLaunches makes random commands and random changes to what they read, runs each command behind
// the thin client and then by the compiler alone, from the same files in the same folder, and compares
// all that the two leave and say: files, modes, output, exit codes. A command that was stored or found
// must be found when nothing changed, at the third time at the latest. ORACLE_STEPS, ORACLE_SEED, ORACLE_PROGRAM and ORACLE_KEEP are as
// for TestManifests.
func TestLaunches(t *testing.T) {
	t.Parallel()
	steps, each := number(t, "ORACLE_STEPS", 0), launchPerWorld
	if steps == 0 {
		steps, each = launchSteps, launchSteps
	}
	program := manifestProgram(t)
	first := uint64(number(t, "ORACLE_SEED", 1))
	limit := make(chan struct{}, 2)
	var sum launchTally
	t.Cleanup(func() { t.Logf("%+v", sum.launchCounts) })
	for i := 0; steps > 0; i++ {
		n, seed := min(each, steps), first+uint64(i)
		steps -= n
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			limit <- struct{}{}
			defer func() { <-limit }()
			w := newLaunches(t, seed, program)
			for w.step = range n {
				if wrong := w.makeStep(); wrong != "" {
					keepWorld(w.base, seed)
					t.Errorf("step %d: %s\nthe steps:\n%s\nagain: make oracle-launches SEED=%d STEPS=%d",
						w.step, wrong, strings.Join(w.log, "\n"), seed, w.step+1)
					return
				}
			}
			sum.add(w.counts)
		})
	}
}

// launchCounts are what a run has done. Needless are compiles of what was just stored: a command is
// compiled once more than needed over an output that something else has changed.
type launchCounts struct{ Steps, Commands, Hits, Misses, Failed, Preambles, Needless int }

type launchTally struct {
	sync.Mutex
	launchCounts
}

func (s *launchTally) add(c launchCounts) {
	s.Lock()
	defer s.Unlock()
	s.Steps += c.Steps
	s.Commands += c.Commands
	s.Hits += c.Hits
	s.Misses += c.Misses
	s.Failed += c.Failed
	s.Preambles += c.Preambles
	s.Needless += c.Needless
}

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
