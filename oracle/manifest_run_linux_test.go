package oracle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// mRun is one run of a ninja.
type mRun struct {
	stdout, stderr string
	code           int
	trace          []string // the commands that ran, in order
}

func (r mRun) String() string {
	return fmt.Sprintf("exit code %d, ran %s\n%s%s", r.code, strings.Join(r.trace, " "), r.stdout, r.stderr)
}

// environ is the environment of a run: nothing of ours that changes what is printed.
func (w *trees) environ(extra ...string) []string {
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + w.base, "LANG=C.UTF-8", "REPLIBUILD_HOME=" + w.at("home", "")}
	return slices.Concat(env, w.env, extra)
}

// ours runs replibuild ninja in our tree, theirs ninja in a tree.
func (w *trees) ours(args ...string) mRun {
	w.Helper()
	program := []string{w.program, "ninja"}
	if thin := w.program + "-ninja"; w.chance(50) {
		if _, err := os.Stat(thin); err == nil {
			program = []string{thin}
		}
	}
	var extra []string
	if w.chance(25) {
		extra = append(extra, "CI=1")
	}
	w.note("%s, %q", filepath.Base(program[0]), extra)
	return w.run("ours", extra, slices.Concat(program, args)...)
}

func (w *trees) theirs(tree string, args ...string) mRun {
	w.Helper()
	return w.run(tree, nil, slices.Concat([]string{w.real.path}, args)...)
}

func (w *trees) run(tree string, extra []string, command ...string) mRun {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = w.at(tree, ""), w.environ(extra...), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt reaches ninja alone
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		w.Fatalf("seed %d, step %d: %v: %v\n%s", w.seed, w.step, command, err, strings.Join(w.log, "\n"))
	}
	w.counts.Builds++
	trace, _ := os.ReadFile(w.at(tree, "trace"))
	_ = os.Remove(w.at(tree, "trace"))
	clean := func(text string) string { return strings.ReplaceAll(text, w.at(tree, ""), "TREE") }
	r := mRun{clean(stdout.String()), clean(stderr.String()), cmd.ProcessState.ExitCode(), strings.Fields(string(trace))}
	w.counts.Ran += len(r.trace)
	return r
}

// ensureManifest brings back a build.ninja that -t clean -g has removed.
func (w *trees) ensureManifest() {
	if _, err := os.Stat(w.at("ours", "build.ninja")); err != nil {
		w.both("build.ninja", func(p string) { w.must(os.WriteFile(p, []byte(w.text["manifest.in"]), 0o644)) })
	}
}

// stop stops the set of our tree.
func (w *trees) stop() {
	if _, err := os.Stat(w.at("ours", ".replibuild")); err != nil {
		return // it was never started
	}
	w.ensureManifest() // without it the folder has no set
	cmd := exec.Command(w.program, "stop", "--project", w.at("ours", ""))
	cmd.Env = w.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Errorf("stop: %v: %s", err, out)
	}
}

// tick returns when files that are written now get a later time than those before.
func (w *trees) tick() {
	path := w.at("tick", "")
	now := func() time.Time {
		w.must(os.WriteFile(path, nil, 0o644))
		info, err := os.Stat(path)
		w.must(err)
		return info.ModTime()
	}
	for start := now(); !now().After(start); {
		time.Sleep(time.Millisecond)
	}
}

// state is what a tree has, but what ninja and we keep for ourselves.
func (w *trees) state(tree string) map[string]string {
	files := map[string]string{}
	root := w.at(tree, "")
	w.must(filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		switch {
		case name == ".replibuild":
			return filepath.SkipDir
		case e.IsDir() || strings.HasPrefix(e.Name(), ".ninja_"):
			return nil
		case strings.HasPrefix(name, "obj/") && strings.HasSuffix(name, ".d"): // kept by a flag; a compile that fails leaves none here
			return nil
		case e.Type()&os.ModeSymlink != 0:
			files[name], err = os.Readlink(path)
			return err
		}
		text, err := os.ReadFile(path)
		files[name] = string(text)
		return err
	}))
	return files
}

// copyOurs makes the tree of ninja a copy of ours, logs and times with it.
func (w *trees) copyOurs() {
	w.must(os.RemoveAll(w.at("theirs", "")))
	out, err := exec.Command("cp", "-a", w.at("ours", ""), w.at("theirs", "")).CombinedOutput()
	if err != nil {
		w.Fatalf("cp: %v: %s", err, out)
	}
	w.must(os.RemoveAll(w.at("theirs", ".replibuild")))
}

// fromNothing is what ninja builds from the sources alone.
func (w *trees) fromNothing(args []string) (map[string]string, mRun) {
	w.must(os.RemoveAll(w.at("scratch", "")))
	w.must(os.MkdirAll(w.at("scratch", "real"), 0o755))
	w.must(os.Symlink("real", w.at("scratch", "lnk")))
	for path, text := range w.text {
		w.must(os.MkdirAll(filepath.Dir(w.at("scratch", path)), 0o755))
		w.must(os.WriteFile(w.at("scratch", path), []byte(text), 0o644))
	}
	if w.maker != "" {
		w.must(os.WriteFile(w.at("scratch", "build.ninja"), []byte(w.text["manifest.in"]), 0o644))
	}
	r := w.theirs("scratch", slices.Concat([]string{"-k0"}, args)...)
	for range 5 {
		if r.code >= 0 { // else it crashed, see build
			break
		}
		r = w.theirs("scratch", slices.Concat([]string{"-k0"}, args)...)
	}
	return w.state("scratch"), r
}

var (
	mCount  = regexp.MustCompile(`(?m)^\[\d+(/\d+)?\] `)
	mTotal  = regexp.MustCompile(`\[(\d+)/\d+\]`)
	mFailed = regexp.MustCompile(`(?m)^FAILED: (\[code=\d+\] )?`)
	mMeant  = regexp.MustCompile(`, did you mean '.*'\?`)
	mMtime  = regexp.MustCompile(`mtime \d+`)
	mTimes  = regexp.MustCompile(`\(\d+ vs \d+\)`)
)

// order is how far two runs print the same.
type order int

const (
	exact    order = iota // commands run in ninja's order
	anyOrder              // each line, without its number
	mixed                 // commands run beside each other: what is printed while one has the console may be lost
)

// said is what a run printed, as far as it is compared.
func (w *trees) said(r mRun, o order) string {
	text := mTimes.ReplaceAllString(r.stdout+"\nstderr:\n"+r.stderr, "(TIMES)")
	if !w.real.recent {
		text = mMeant.ReplaceAllString(mFailed.ReplaceAllString(text, "FAILED: "), "")
	}
	if slices.Contains(r.trace, "manifest") { // ninja counts that command once more for the build after it
		text = mTotal.ReplaceAllString(text, "[$1]")
	}
	if o == exact {
		return text
	}
	lines := strings.Split(mCount.ReplaceAllString(text, ""), "\n")
	if o == mixed {
		lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "ninja:") })
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
