package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// bench is one run of the comparison.
type bench struct {
	options
	out   io.Writer
	found []string // the tools that are measured and that this machine has
	trees map[string]map[string]*tree
	edits int // functions that edits have added so far: each has a number of its own
}

func newBench(ctx context.Context, o options, out io.Writer) (*bench, error) {
	b := &bench{options: o, out: out, trees: map[string]map[string]*tree{}}
	if b.work == "" {
		dir, err := os.MkdirTemp("", "replibuild-bench-")
		if err != nil {
			return nil, err
		}
		b.work = dir
	}
	var err error
	if b.work, err = filepath.Abs(b.work); err != nil {
		return nil, err
	}
	if b.replibuild == "" {
		b.replibuild = filepath.Join(b.work, "replibuild")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.replibuild, "./cmd/replibuild").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build (run from the checkout's root): %w\n%s", err, out)
		}
	}
	if b.replibuild, err = filepath.Abs(b.replibuild); err != nil {
		return nil, err
	}
	for _, tool := range allTools() {
		if tool != toolDaemons && o.tools != nil && !slices.Contains(o.tools, tool) {
			continue
		}
		if b.has(tool) {
			b.found = append(b.found, tool)
		} else {
			fmt.Fprintf(os.Stderr, "%s is not installed: left out\n", tool)
		}
	}
	return b, nil
}

func (b *bench) has(tool string) bool {
	needs := map[string][]string{toolNinja: {"ninja"}, toolCcache: {"ninja", "ccache"}, toolMake: {"make"}}
	for _, program := range needs[tool] {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return true
}

func (b *bench) close() {
	for _, project := range b.trees {
		for _, t := range project {
			if err := t.close(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
	if !b.keep {
		os.RemoveAll(b.work)
	}
}

// fetched reports whether the sources of a real project are there.
func (b *bench) fetched(name string) bool {
	if b.real == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(b.real, name))
	return err == nil
}

// projectsOf lists the projects that a row is measured on.
func (b *bench) projectsOf(r row) []string {
	names := r.projects
	switch {
	case b.projects == nil || r.fixed:
	case r.folders:
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(b.projects, name) })
	default:
		names = b.projects
	}
	var usable []string
	for _, name := range names {
		if s, err := subjectNamed(name); err == nil && s.real != "" && !b.fetched(s.real) {
			fmt.Fprintf(os.Stderr, "%s: %s left out: -real says where the fetched projects are\n", r.id, name)
			continue
		}
		usable = append(usable, name)
	}
	return usable
}

// prepare returns the trees of a project for the row's tools, each built once.
func (b *bench) prepare(ctx context.Context, r row, project string) ([]*tree, error) {
	s, err := subjectNamed(project)
	if err != nil {
		return nil, err
	}
	base := filepath.Join(b.work, project)
	if r.folders {
		base = filepath.Join(b.work, "folders", project)
	}
	source := filepath.Join(base, "source")
	if b.trees[base] == nil {
		b.trees[base] = map[string]*tree{}
		if err := s.source(source, b.real); err != nil {
			return nil, err
		}
	}
	var trees []*tree
	for _, tool := range b.found {
		if !slices.Contains(r.tools, tool) {
			continue
		}
		t := b.trees[base][tool]
		if t == nil {
			dir := filepath.Join(base, map[string]string{toolDaemons: "daemons", toolProcess: "process", toolNinja: "ninja", toolCcache: "ccache", toolMake: "make"}[tool])
			if r.folders {
				t, err = b.newFolder(ctx, tool, project, source, dir)
			} else {
				t, err = newTree(ctx, tool, source, dir, b.replibuild)
			}
			if err != nil {
				return nil, err
			}
			b.trees[base][tool] = t
		}
		// Twice: the second build must find everything done.
		for range 2 {
			if _, err := t.run(ctx); err != nil {
				return nil, err
			}
		}
		trees = append(trees, t)
	}
	return trees, nil
}

// samples are the times of each tool, aligned: the i-th times of all tools were taken in
// the same round.
type samples map[string][]time.Duration

// turns runs n rounds. Each round prepares every tree by before, which is not timed, and
// builds it, which is.
func turns(ctx context.Context, trees []*tree, n int, before func(t *tree, i int) error) (samples, error) {
	got := samples{}
	for i := range n {
		for k := range trees {
			t := trees[(i+k)%len(trees)] // another tool goes first in each round
			if before != nil {
				if err := before(t, i); err != nil {
					return nil, err
				}
			}
			took, err := t.run(ctx)
			if err != nil {
				return nil, err
			}
			got[t.tool] = append(got[t.tool], took)
		}
	}
	return got, nil
}

func (b *bench) runRow(ctx context.Context, r row, project string) ([]line, error) {
	trees, err := b.prepare(ctx, r, project)
	if err != nil {
		return nil, err
	}
	lines, err := r.measure(ctx, b, project, trees)
	for i := range lines {
		lines[i].row, lines[i].project = r, project
	}
	return lines, err
}
