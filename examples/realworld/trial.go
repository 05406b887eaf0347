package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// trial is one project with one compiler.
type trial struct {
	*run
	project  project
	compiler string
	dir      string // holds the trees; the one that is built is dir/tree
	env      []string

	units, outputs, unproved int     // unproved: they differ in ninja's own second build too
	theirs, first, cached    float64 // seconds of processor time
	tested                   string
	faults, remarks          []string
}

func (t *trial) tree() string { return filepath.Join(t.dir, "tree") }

// source is the folder that is configured.
func (t *trial) source() string { return filepath.Join(t.tree(), t.project.source) }

func (t *trial) fault(format string, args ...any) {
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

func (t *trial) remark(format string, args ...any) {
	t.remarks = append(t.remarks, fmt.Sprintf(format, args...))
}

// home is the variable that gives the daemons of the trial a folder of their own.
func (t *trial) home() string { return "REPLIBUILD_HOME=" + filepath.Join(t.dir, "home") }

// command runs a program in a folder and returns what it printed.
func (t *trial) command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	out, _, err := t.measured(ctx, dir, env, name, args...)
	return out, err
}

// measured is command with the process that ended.
func (t *trial) measured(ctx context.Context, dir string, env []string, name string, args ...string) (string, *os.ProcessState, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, lastLines(out.String(), 25))
	}
	return out.String(), cmd.ProcessState, err
}

// timed is command with the processor time that it took, in seconds: its own, that of all that it
// started and waited for, and that of the daemons meanwhile. Other work of the machine hardly
// changes it.
func (t *trial) timed(ctx context.Context, dir string, env []string, name string, args ...string) (float64, error) {
	before := t.daemonsCPU()
	_, ended, err := t.measured(ctx, dir, env, name, args...)
	if err != nil {
		return 0, err
	}
	return (ended.UserTime() + ended.SystemTime()).Seconds() + t.daemonsCPU() - before, nil
}

// fresh copies the sources to the place of the tree.
func (t *trial) fresh(ctx context.Context) error {
	if err := errors.Join(os.RemoveAll(t.dir), os.MkdirAll(t.dir, 0o755)); err != nil {
		return err
	}
	return t.copy(ctx, filepath.Join(t.sources, t.project.folder()), t.tree())
}

// copy copies a folder with the times of its files.
func (t *trial) copy(ctx context.Context, from, to string) error {
	_, err := t.command(ctx, t.dir, t.env, "cp", "-a", from, to)
	return err
}

// swap puts the tree aside under a name, and another one in its place.
func (t *trial) swap(aside, in string) error {
	return errors.Join(os.Rename(t.tree(), filepath.Join(t.dir, aside)), os.Rename(filepath.Join(t.dir, in), t.tree()))
}

// stopDaemons ends the daemons of the build folder and of the launcher.
func (t *trial) stopDaemons() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = t.command(ctx, t.dir, t.env, t.replibuild, "stop", "--user")
	if t.project.system != "make" {
		_, _ = t.command(ctx, t.dir, t.env, t.replibuild, "stop", "--project", t.buildDir())
	}
}

// testsTake is how long the tests of a project may take.
const testsTake = 2 * time.Minute

// test runs the tests of the project.
func (t *trial) test(ctx context.Context, dir string, usual ...string) {
	if t.project.noTests != "" {
		t.tested = "none: " + t.project.noTests
		return
	}
	if t.project.tests != nil {
		usual = t.project.tests
	}
	ctx, cancel := context.WithTimeout(ctx, testsTake)
	defer cancel()
	_, err := t.command(ctx, dir, t.env, usual[0], usual[1:]...)
	switch {
	case ctx.Err() != nil:
		t.tested = "not done in 2 minutes"
	case err != nil:
		t.tested = "fail"
		t.fault("tests: %v", err)
	default:
		t.tested = "pass"
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

const tableHead = `| project | version | compiler | units | own tool CPU s | first CPU s | cached CPU s | outputs equal | tests |
|---|---|---|---|---|---|---|---|---|`

// print prints the row, and beneath it what is to be said.
func (t *trial) print(err error) {
	version, _ := os.ReadFile(filepath.Join(t.sources, t.project.folder()+".version"))
	equal := fmt.Sprintf("all %d", t.outputs)
	if t.unproved > 0 {
		equal = fmt.Sprintf("%d of %d; %d differ in a second build without RepliBuild too", t.outputs-t.unproved, t.outputs, t.unproved)
	}
	if len(t.faults) > 0 {
		equal += ", see below"
	}
	fmt.Printf("| %s | %s | %s | %d | %.1f | %.1f | %.1f | %s | %s |\n", t.project.name, strings.TrimSpace(string(version)),
		t.compiler, t.units, t.theirs, t.first, t.cached, equal, t.tested)
	if err != nil {
		fmt.Printf("  %s cannot be built: %v\n", t.project.name, err)
	}
	for _, f := range t.faults {
		fmt.Printf("  FAULT %s: %s\n", t.project.name, f)
	}
	for _, r := range t.remarks {
		fmt.Printf("  %s: %s\n", t.project.name, r)
	}
}
