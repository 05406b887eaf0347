package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// The tools that are compared, in the order of the report's columns.
const (
	toolDaemons = "replibuild"
	toolProcess = "one process" // RepliBuild's services in the command's own process
	toolNinja   = "ninja"
	toolCcache  = "ninja + ccache"
	toolMake    = "make"
)

func allTools() []string {
	return []string{toolDaemons, toolProcess, toolNinja, toolCcache, toolMake}
}

// tree is a tool's own copy of a project.
type tree struct {
	tool  string
	dir   string
	env   []string
	build []string // the command that builds
	exe   string   // replibuild, for trees that it builds
	plan  *ipc.Plan
	// folder: what is built is a build folder of CMake or ninja beneath dir; plan is nil.
	folder bool
}

func (t *tree) ours() bool { return t.tool == toolDaemons || t.tool == toolProcess }

// newTree copies source into dir and makes it ready for the tool.
func newTree(ctx context.Context, tool, source, dir, exe string) (*tree, error) {
	t := &tree{tool: tool, dir: dir, exe: exe, env: toolEnv(dir)}
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		return nil, err
	}
	var err error
	if t.plan, err = planOf(ctx, dir, t.env); err != nil {
		return nil, err
	}
	jobs := "-j" + strconv.Itoa(runtime.NumCPU())
	switch tool {
	case toolDaemons:
		t.build = []string{exe, "compile", jobs}
		return t, t.replibuild(ctx, "start")
	case toolProcess:
		t.build = []string{exe, "compile", "--no-daemon", jobs}
		return t, nil
	case toolNinja:
		t.build = []string{"ninja", jobs}
	case toolCcache:
		t.build = []string{"ninja", jobs, "-f", "ccache.ninja"}
	case toolMake:
		t.build = []string{"make", jobs, "-s", "-f", "Makefile.bench"}
	}
	return t, writeBuildFiles(dir, t.plan)
}

// toolEnv is the environment of every build: the caller's without CI, with homes
// beside the tree.
func toolEnv(dir string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if key, _, _ := bytes.Cut([]byte(kv), []byte("=")); string(key) != "CI" {
			env = append(env, kv)
		}
	}
	return append(env, "REPLIBUILD_HOME="+homeOf(dir), "CCACHE_DIR="+dir+".ccache", "CCACHE_BASEDIR=", "NO_COLOR=1", "TERM=dumb")
}

// homeOf is where RepliBuild keeps what it has of a tree.
func homeOf(dir string) string { return dir + ".home" }

func (t *tree) home() string { return homeOf(t.dir) }

// run builds and returns the time from start to exit.
func (t *tree) run(ctx context.Context) (time.Duration, error) {
	c := t.command(ctx, t.build[0], t.build[1:]...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	start := time.Now()
	err := c.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", t.tool, err, tail(out.Bytes()))
	}
	return took, nil
}

func (t *tree) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = t.dir, t.env
	return c
}

func tail(out []byte) []byte { return out[max(0, len(out)-2000):] }

// replibuild runs another of its commands in the tree.
func (t *tree) replibuild(ctx context.Context, args ...string) error {
	out, err := t.command(ctx, t.exe, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("replibuild %v: %w\n%s", args, err, tail(out))
	}
	return nil
}

// counts builds with RepliBuild and returns what it says it did.
func (t *tree) counts(ctx context.Context) (ipc.BuildFinished, error) {
	out, err := t.command(ctx, t.build[0], append(t.build[1:], "--json")...).Output()
	if err != nil {
		return ipc.BuildFinished{}, fmt.Errorf("%s: %w\n%s", t.tool, err, tail(out))
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var e ipc.Event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return ipc.BuildFinished{}, fmt.Errorf("%s: no build_finished in its events", t.tool)
		} else if err != nil {
			return ipc.BuildFinished{}, err
		}
		if done, ok := e.Body.(ipc.BuildFinished); ok {
			return done, nil
		}
	}
}

// clear empties RepliBuild's cache and deletes all outputs.
func (t *tree) clear(ctx context.Context) error {
	if t.ours() {
		if err := t.replibuild(ctx, "cache", "clear"); err != nil {
			return err
		}
	}
	return removeOutputs(t.dir, t.plan)
}

// forget ends RepliBuild's daemons and deletes its home, its state and all outputs.
func (t *tree) forget(ctx context.Context) error {
	if t.ours() {
		if err := t.replibuild(ctx, "stop"); err != nil {
			return err
		}
		if err := errors.Join(os.RemoveAll(t.home()), os.RemoveAll(filepath.Join(t.dir, ".replibuild", "state"))); err != nil {
			return err
		}
	}
	return removeOutputs(t.dir, t.plan)
}

// append adds text to a file of the tree.
func (t *tree) append(rel, text string) error {
	f, err := os.OpenFile(filepath.Join(t.dir, filepath.FromSlash(rel)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (t *tree) close(ctx context.Context) error {
	if t.tool != toolDaemons {
		return nil
	}
	args := []string{"stop"}
	if t.folder {
		args = append(args, "--project", buildFolder)
	}
	return t.replibuild(context.WithoutCancel(ctx), args...)
}
