package oracle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// caller is a shell that builds: its umask, limits, priority and ignored signals.
type caller struct {
	prefix string // what it does before it builds, "" = nothing
	fresh  bool   // no output was there before the last build
}

// command is a command line as that shell runs it.
func (c caller) command(line []string) *exec.Cmd {
	if c.prefix == "" {
		return exec.Command(line[0], line[1:]...)
	}
	return exec.Command("sh", slices.Concat([]string{"-c", c.prefix + `"$@"`, "sh"}, line)...)
}

const whoScript = "umask; ulimit -a; nice; grep SigIgn /proc/self/status\n"

// callerKind builds from shells that differ in what their children inherit.
func callerKind() kind {
	return kind{name: "caller", cannot: func(*world) string {
		if signal.Ignored(syscall.SIGINT) { // a program in Go passes this on, but not an ignored SIGQUIT
			return "the shell of this test ignores SIGINT"
		}
		return ""
	}, prepare: func(w *world) {
		w.save("p/who.sh", "{ "+strings.ReplaceAll(strings.TrimSpace(whoScript), "\n", "; ")+"; } >$1\n", true)
		w.save("p/who.in", "1", true)
		w.settings.steps = append(w.settings.steps, "[[generate]]\ncommand = [\"sh\", \"who.sh\", \"{out}/who.txt\"]\ninputs = [\"who.sh\", \"who.in\"]\noutputs = [\"who.txt\"]\n")
	}, turns: []turn{
		{4, "umask", func(w *world) []string {
			return w.buildAs("umask " + pick(w, []string{"022", "077", "002", "027"}) + "; ")
		}},
		{2, "stack", func(w *world) []string { return w.buildAs("ulimit -s unlimited; ") }},
		{1, "files", func(w *world) []string { return w.buildAs("ulimit -n 300; ") }},
		{1, "nice", func(w *world) []string { return w.buildAs("exec nice -n 5 ") }},
		{1, "signals", (*world).buildIgnoring},
		{2, "daemons", (*world).startFromOddShell},
	}}
}

// buildAs builds from a shell that does something first, and compares what its
// children saw with what they see without RepliBuild.
func (w *world) buildAs(prefix string) []string {
	wrong, _ := w.buildFrom(prefix, nil)
	return wrong
}

func (w *world) buildFrom(prefix string, started func(*exec.Cmd)) ([]string, *built) {
	defer func() { w.caller = caller{} }()
	w.editSources()
	w.save("p/who.in", fmt.Sprint(w.number()), true)
	for range 2 { // by the compiler, and from the cache
		w.caller = caller{prefix, true}
		w.fromNothing()
		w.note("build from a shell: %s", prefix)
		b := w.buildByCommand(started)
		if wrong := w.finish(b, false); len(wrong) > 0 || !b.result.Success {
			return wrong, b
		}
		if wrong := w.checkWho(); len(wrong) > 0 {
			return wrong, b
		}
	}
	return nil, nil
}

// buildIgnoring has a signal sent to the build that its shell ignores: as nohup does, or as
// a shell does for a background job, where SIGINT and SIGQUIT are ignored together.
func (w *world) buildIgnoring() []string {
	name, sig := "HUP", syscall.SIGHUP
	if w.chance(50) {
		name, sig = "INT QUIT", syscall.SIGINT
	}
	wrong, b := w.buildFrom("trap '' "+name+"; exec ", func(cmd *exec.Cmd) { _ = cmd.Process.Signal(sig) })
	if b != nil && b.err != nil {
		wrong = append(wrong, fmt.Sprintf("%s is ignored by the shell, but it ended the build: %v", name, b.err))
	}
	return wrong
}

// startFromOddShell starts the daemons from a shell that is unlike the one that builds.
func (w *world) startFromOddShell() []string {
	w.useSet()
	w.note("stop the set")
	w.stopSet()
	prefix := pick(w, []string{"umask 077; ", "umask 000; ", "exec nice -n 10 ", "trap '' HUP INT; exec "})
	w.note("start the set from a shell: %s", prefix)
	exe, err := os.Executable()
	w.must(err)
	cmd := caller{prefix: prefix}.command([]string{exe, "start", w.root()})
	cmd.Env = w.environ()
	if text, err := cmd.CombinedOutput(); err != nil {
		return []string{fmt.Sprintf("start: %v: %s", err, text)}
	}
	return w.buildAs("umask 022; ")
}

// checkWho compares what a step saw with what it sees when the shell runs it.
func (w *world) checkWho() []string {
	is, err := os.ReadFile(w.abs("p/build/gen/who.txt"))
	if err != nil {
		return []string{err.Error()}
	}
	cmd := w.caller.command([]string{"sh", "who.sh", w.abs("plain/who.txt")})
	cmd.Dir, cmd.Env = w.root(), w.environ()
	if text, err := cmd.CombinedOutput(); err != nil {
		w.must(fmt.Errorf("who.sh: %w: %s", err, text))
	}
	if want := w.read("plain/who.txt"); string(is) != want {
		return []string{fmt.Sprintf("a step inherited something else than from the shell %q: %s", w.caller.prefix, firstNewLine(want, string(is)))}
	}
	return nil
}

// firstNewLine is the first line of is that was does not have.
func firstNewLine(was, is string) string {
	before := strings.Split(was, "\n")
	for _, line := range strings.Split(is, "\n") {
		if !slices.Contains(before, line) {
			return line
		}
	}
	return "a line is gone"
}

// checkMode compares the permissions of an output that was made anew.
func (j *judgement) checkMode(what, file string, want fs.FileMode) {
	if !j.caller.fresh {
		return
	}
	if info, err := os.Stat(inRoot(j.plan.Root, file)); err == nil && info.Mode() != want {
		j.complain("%s: %s has the mode %v, plainly made it has %v", what, file, info.Mode(), want)
	}
}

// buildByCommand builds in a process of its own, which is the child of the caller's
// shell; started is called when the first compiler starts.
func (w *world) buildByCommand(started func(*exec.Cmd)) *built {
	w.builds++
	b := newBuilt()
	exe, err := os.Executable()
	w.must(err)
	how := "process"
	if w.daemon {
		how = "set"
	}
	cmd := w.caller.command([]string{exe, "build", w.root(), how})
	cmd.Env = w.environ()
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		if rest, ok := bytes.CutPrefix(line, []byte("result ")); ok {
			w.must(json.Unmarshal(rest, &b.result))
			continue
		}
		var e ipc.Event
		w.must(json.Unmarshal(line, &e))
		if b.see(e.Body) && started != nil {
			started(cmd)
			started = nil
		}
	}
	if err := cmd.Wait(); err != nil {
		b.err = fmt.Errorf("%w: %s", err, failed.String())
	}
	w.note("  built by a command with the set %v: %s", w.daemon, b.summary())
	w.notePreambles(b)
	return b
}

// runCommand is the test binary as a command: `build ROOT set|process` prints the
// events and the result of a build, `start ROOT` starts the set.
func runCommand(args []string) error {
	ctx := context.Background()
	if signal.Ignored(os.Interrupt) { // as cmd/replibuild does: Go has taken it from us
		signal.Ignore(syscall.SIGQUIT)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := replibuild.Open(args[1], replibuild.Options{Executable: exe})
	if err != nil {
		return err
	}
	switch {
	case args[0] == "start" && len(args) == 2:
		_, err = p.Start(ctx)
		return err
	case args[0] != "build" || len(args) != 3:
		return errors.New("unknown command")
	}
	out := json.NewEncoder(os.Stdout)
	result, err := p.Compile(ctx, replibuild.CompileOptions{NoDaemon: args[2] == "process", OnEvent: func(e ipc.Event) { _ = out.Encode(e) }})
	if err != nil {
		return err
	}
	fmt.Print("result ")
	return out.Encode(result)
}
