package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// makeStep changes something and launches some of the commands. It returns what is wrong.
func (w *launches) makeStep() string {
	w.counts.Steps++
	w.next = nil
	w.change()
	chosen := []launchCommand{w.commands[w.IntN(len(w.commands))]}
	switch {
	case w.next != nil:
		chosen[0] = *w.next
	case w.chance(3): // at once, as make -j does
		chosen = w.commands
	}
	before := w.outputs()
	results := make([]launchResult, len(chosen))
	was := w.stats()
	var running sync.WaitGroup
	for i, c := range chosen {
		running.Go(func() { results[i] = w.run(append([]string{w.client}, c.args...), c.dir) })
	}
	running.Wait()
	is := w.stats()
	if out, err := w.ours("cc", "--explain").Output(); err == nil && bytes.Contains(lastLines(out, 2*len(chosen)), []byte("precompiled")) {
		w.counts.Preambles++
	}
	w.counts.Hits += is.Hits - was.Hits
	w.counts.Misses += is.Misses - was.Misses
	w.counts.Commands += len(chosen)
	ours := w.outputs()
	if wrong := w.again(chosen, was, is, results, ours); wrong != "" {
		return wrong
	}
	w.restore(before)
	for i, c := range chosen {
		if wrong := results[i].differs(w.run(c.args, c.dir)); wrong != "" {
			return c.String() + ": " + wrong
		}
		if results[i].code != 0 {
			w.counts.Failed++
		}
	}
	return differingOutputs(ours, w.outputs())
}

// again launches a single command that was stored or found once more: it must be found, and leave the
// same.
func (w *launches) again(chosen []launchCommand, was, is launchStats, first []launchResult, ours map[string]outputFile) string {
	if len(chosen) > 1 || is.Stored+is.Hits == was.Stored+was.Hits {
		return ""
	}
	for _, f := range ours { // over such a file the compiler itself has to run: it keeps the mode
		if f.mode != 0o644 {
			return ""
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.outputs())) {
		if strings.HasPrefix(name, chosen[0].out) && w.chance(2) {
			w.must(os.Remove(w.tree("out/" + name)))
		}
	}
	second := w.run(append([]string{w.client}, chosen[0].args...), chosen[0].dir)
	if wrong := first[0].differs(second); wrong != "" {
		return chosen[0].String() + " the second time: " + wrong
	}
	if now := w.stats(); now.Hits == is.Hits {
		why, _ := w.ours("cc", "--explain").Output()
		return fmt.Sprintf("NEEDLESS: %s was no hit the second time: %+v, %+v\n%s", chosen[0], is, now, why)
	}
	return differingOutputs(w.outputs(), ours)
}

// launchStats is what `cc --stats --json` says.
type launchStats struct {
	Hits, Misses, Stored int
	Launches             struct{ Running int }
}

// stats waits until the results of all commands are stored: a command ends before that.
func (w *launches) stats() launchStats {
	for {
		var s launchStats
		out, err := w.ours("cc", "--stats", "--json").Output()
		w.must(err)
		w.must(json.Unmarshal(out, &s))
		if s.Launches.Running == 0 {
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// launchResult is what a command said.
type launchResult struct {
	code           int
	stdout, stderr string
}

func (r launchResult) differs(alone launchResult) string {
	switch {
	case r.code != alone.code:
		return fmt.Sprintf("exit code %d, not %d\n%s\n%s", r.code, alone.code, r.stderr, alone.stderr)
	case r.stdout != alone.stdout:
		return fmt.Sprintf("stdout is\n%s\nnot\n%s", r.stdout, alone.stdout)
	case r.stderr != alone.stderr:
		return fmt.Sprintf("stderr is\n%s\nnot\n%s", r.stderr, alone.stderr)
	}
	return ""
}

func (w *launches) run(args []string, dir string) launchResult {
	var stdout, stderr bytes.Buffer
	c := exec.Command(args[0], args[1:]...)
	c.Dir, c.Env, c.Stdout, c.Stderr = w.tree(dir), w.environ(), &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return launchResult{code: -1, stderr: err.Error()}
	}
	return launchResult{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// environ is the environment of all commands.
func (w *launches) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "CI=") || strings.HasPrefix(kv, "REPLIBUILD_")
	})
	env = append(env, "REPLIBUILD_HOME="+filepath.Join(w.base, "home"), "LC_ALL=C")
	for _, name := range slices.Sorted(maps.Keys(w.env)) {
		env = append(env, name+"="+w.env[name])
	}
	return env
}

// outputFile is a file that a command left.
type outputFile struct {
	text string
	mode os.FileMode
}

func (w *launches) outputs() map[string]outputFile {
	all := map[string]outputFile{}
	entries, err := os.ReadDir(w.tree("out"))
	w.must(err)
	for _, e := range entries {
		info, err := e.Info()
		w.must(err)
		text, err := os.ReadFile(w.tree("out/" + e.Name()))
		w.must(err)
		all[e.Name()] = outputFile{string(text), info.Mode()}
	}
	return all
}

// restore gives the folder of outputs what it had.
func (w *launches) restore(all map[string]outputFile) {
	w.must(os.RemoveAll(w.tree("out")))
	w.must(os.Mkdir(w.tree("out"), 0o755))
	for name, f := range all {
		w.must(os.WriteFile(w.tree("out/"+name), []byte(f.text), 0o600))
		w.must(os.Chmod(w.tree("out/"+name), f.mode))
	}
}

func differingOutputs(ours, alone map[string]outputFile) string {
	names := maps.Clone(ours)
	maps.Copy(names, alone)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, here := ours[name]
		b, there := alone[name]
		switch {
		case !here:
			return "ours left no " + name
		case !there:
			return "only ours left " + name
		case a.mode != b.mode:
			return fmt.Sprintf("%s has mode %v, not %v", name, a.mode, b.mode)
		case a.text != b.text && len(a.text) < 2000:
			return fmt.Sprintf("%s is %q, not %q", name, a.text, b.text)
		case a.text != b.text:
			return name + " differs"
		}
	}
	return ""
}

// preambles is how many of them the service has.
func (w *launches) preambles() int {
	all, _ := filepath.Glob(filepath.Join(w.base, "home/cache/user-*/preambles/*/facts"))
	return len(all)
}

// rest leaves the service time for a preamble. That none is made is not wrong.
func (w *launches) rest() {
	before := w.preambles()
	for n := 0; n < 150 && w.preambles() == before; n++ {
		time.Sleep(20 * time.Millisecond)
	}
}

// killDaemon ends the daemon without a warning.
func (w *launches) killDaemon() {
	out, _ := w.ours("status", "--user", "--json").Output()
	var status struct{ Daemons []struct{ PID int } }
	if json.Unmarshal(out, &status) != nil {
		return
	}
	for _, d := range status.Daemons {
		if d.PID > 1 {
			_ = syscall.Kill(d.PID, syscall.SIGKILL)
		}
	}
}

func lastLines(text []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}
