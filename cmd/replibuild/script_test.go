package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/cmd/internal/cli"
)

// TestMain makes the test binary the replibuild that the scripts run, daemons
// included: the race detector watches all of them. By the name ninja it is the same.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"replibuild": main, "ninja": main})
}

// TestScript runs testdata/script/*.txtar, each one behaviour told as a shell
// session. `go test ./cmd/replibuild -run TestScript/NAME -v` runs one.
//
// Beyond the commands of testscript there are:
//
//	until REGEXP COMMAND…   run COMMAND again and again until its output matches
//	edit FILE OLD NEW       replace OLD, which must be there, by NEW
//	alone                   fail if a process works in this script's folder
//	examples FILE           write the examples of every --help to FILE, one a line
//	withjson FILE           write every command that has --json to FILE, one a line
//
// OUR_NINJA is the path of our program by the name ninja, NINJA that of the real ninja,
// which [ninja] asks for.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"until": until,
			"edit":  edit,
			"alone": alone,
			"examples": func(ts *testscript.TestScript, _ bool, args []string) {
				listCommands(ts, args, func(c *cobra.Command) string { return c.Example })
			},
			"withjson": func(ts *testscript.TestScript, _ bool, args []string) {
				listCommands(ts, args, func(c *cobra.Command) string {
					if c.Flags().Lookup("json") == nil {
						return ""
					}
					return c.CommandPath()
				})
			},
		},
	})
}

// setup gives a script its own home and clears CI; what it starts is stopped at
// its end, whatever happened.
func setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	exe, err := exec.LookPath("replibuild")
	if err != nil {
		return err
	}
	env.Vars = append(env.Vars, "HOME="+env.WorkDir, "REPLIBUILD_HOME="+home, "REPLIBUILD_EXE="+exe, "CI=", "NO_COLOR=1",
		"OUR_NINJA="+filepath.Join(filepath.Dir(exe), "ninja"), "NINJA="+realNinja(filepath.Dir(exe)),
		"GORACE=atexit_sleep_ms=0") // else every program with the race detector sleeps for a second at its end
	env.Defer(func() { endAll(env.WorkDir) })
	return os.MkdirAll(home, 0o700)
}

// realNinja is the ninja of the system: not ours, which comes first in PATH.
func realNinja(bin string) string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, "ninja")
		if _, err := os.Stat(path); err == nil && dir != bin {
			return path
		}
	}
	return ""
}

// condition adds [root] and [ninja]; [exec:…] is testscript's own.
func condition(name string) (bool, error) {
	if name == "ninja" {
		exe, err := exec.LookPath("replibuild")
		return err == nil && realNinja(filepath.Dir(exe)) != "", nil
	}
	if name == "root" {
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

const (
	patience = 60 * time.Second      // a script that waits longer has failed; races and a busy machine are slow
	pause    = 20 * time.Millisecond // between two looks
)

// until waits for a state that somebody else brings about.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND [ARG…]")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var last string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		ts.Exec(args[1], args[2:]...)
		last = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if want.MatchString(last) != neg {
			return
		}
	}
	ts.Fatalf("%s never came; last output:\n%s", args[0], last)
}

// edit replaces text in a file, as an editor's save does.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(text, []byte(args[1])) {
		ts.Fatalf("edit: %q is not in %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(path, bytes.Replace(text, []byte(args[1]), []byte(args[2]), 1), 0o644))
}

// listCommands writes the lines that every command of the program gives.
func listCommands(ts *testscript.TestScript, args []string, lines func(*cobra.Command) string) {
	if len(args) != 1 {
		ts.Fatalf("usage: examples FILE, withjson FILE")
	}
	var all []string
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for line := range strings.Lines(lines(c)) {
			all = append(all, strings.TrimSpace(line))
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(cli.Tree("test"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(all, "\n")+"\n"), 0o644))
}

// alone fails if something that the script started is alive; it may take a moment
// to be gone.
func alone(ts *testscript.TestScript, neg bool, args []string) {
	work := ts.Getenv("WORK")
	var left []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		if left = processesOf(work); len(left) == 0 {
			return
		}
	}
	ts.Fatalf("still alive: %s", strings.Join(left, "; "))
}

// processesOf lists the processes whose environment names a script's folder.
func processesOf(work string) []string {
	var found []string
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(work+"/")) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err == nil && len(line) > 0 {
			found = append(found, filepath.Base(filepath.Dir(path))+" "+strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " ")))
		}
	}
	return found
}

// endAll kills what a script has left running.
func endAll(work string) {
	for _, p := range processesOf(work) {
		pid, _, _ := strings.Cut(p, " ")
		exec.Command("kill", "-KILL", pid).Run()
	}
}
