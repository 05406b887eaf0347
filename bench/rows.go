package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// row is one line of the speed table that the design owes.
type row struct {
	id, title string
	tools     []string
	projects  []string
	fixed     bool // -projects does not change them
	folders   bool // the trees are build folders, see ninja.go
	measure   func(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error)
}

func rows() []row {
	every := allTools()
	real := []string{"leveldb", "fmt", "yaml-cpp", "googletest"}
	generated := []string{"gen40", "gen1000", "gen10000"}
	own := []row{
		{id: "nothing", title: "nothing to do", tools: every, projects: append(generated, real...), measure: nothing},
		{id: "stat", title: `nothing to do, verify = "stat"`, tools: []string{toolDaemons, toolNinja}, projects: generated, measure: nothingByStat},
		{id: "cached", title: "outputs deleted, everything cached", tools: []string{toolDaemons, toolProcess, toolCcache}, projects: append(real, "gen40", "gen1000"), measure: cached},
		{id: "edit", title: "one source edited twice, second edit", tools: every, projects: real, measure: edit},
		{id: "edit9", title: "the same, a file of nine std headers", tools: every, projects: []string{"nine"}, fixed: true, measure: edit},
		{id: "touch", title: "a header written anew, same content", tools: every, projects: []string{"leveldb", "gen40", "gen1000"}, measure: touch},
		{id: "first", title: "first build, nothing cached, set started", tools: []string{toolDaemons, toolProcess, toolNinja, toolMake}, projects: append(real, "gen40", "gen1000"), measure: first},
		{id: "cold", title: "first build on an empty home: daemons, probes and tracer included", tools: []string{toolDaemons, toolProcess, toolNinja}, projects: append(real, "gen40"), measure: cold},
		{id: "branch", title: "branch switched there and back", tools: []string{toolDaemons, toolNinja, toolCcache}, projects: []string{"leveldb", "gen40"}, measure: branch},
		{id: "start", title: "four daemons from nothing to ready", tools: []string{toolDaemons}, projects: []string{"leveldb", "gen40"}, measure: start},
		{id: "memory", title: "memory and idle CPU of the set", tools: []string{toolDaemons}, projects: []string{"leveldb", "gen40", "gen10000"}, measure: memory},
	}
	return slices.Concat(own, launcherRows(), ninjaRows(), sharingRows())
}

// expectIdle fails unless RepliBuild says that nothing is left to do.
func expectIdle(ctx context.Context, trees []*tree) error {
	for _, t := range trees {
		if !t.ours() {
			continue
		}
		done, err := t.counts(ctx)
		if err != nil {
			return err
		}
		if !done.OK || done.Compiled+done.Failed+done.Skipped+done.Links > 0 || done.Cached != t.plan.CountUnits() {
			return fmt.Errorf("%s: nothing should be left to do, but %+v", t.tool, done)
		}
	}
	return nil
}

func nothing(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	if err := expectIdle(ctx, trees); err != nil {
		return nil, err
	}
	s, err := turns(ctx, trees, b.runs, nil)
	l := line{samples: s, against: toolNinja}
	switch project {
	case "gen40":
		l.goal = 1.00
	case "gen10000":
		l.goal = 0.03
	}
	return []line{l}, err
}

// nothingByStat sets verify = "stat" for its samples.
func nothingByStat(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	ours := trees[0]
	config := filepath.Join(ours.dir, ".replibuild", "daemon_config.toml")
	if err := os.WriteFile(config, []byte("[daemons.discovery]\nverify = \"stat\"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := ours.replibuild(ctx, "restart"); err != nil {
		return nil, err
	}
	lines, err := nothing(ctx, b, project, trees)
	if err != nil {
		return nil, err
	}
	if lines[0].goal > 0 {
		lines[0].goal = 0.35
	}
	if err := os.Remove(config); err != nil {
		return nil, err
	}
	return lines, ours.replibuild(ctx, "restart")
}

func cached(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return removeOutputs(t.dir, t.plan) })
	if err != nil {
		return nil, err
	}
	for _, t := range trees {
		if !t.ours() {
			continue
		}
		if err := removeOutputs(t.dir, t.plan); err != nil {
			return nil, err
		}
		if done, err := t.counts(ctx); err != nil || done.Compiled > 0 {
			return nil, fmt.Errorf("%s: everything should come from the cache, but %+v (%v)", t.tool, done, err)
		}
	}
	l := line{samples: s, against: toolCcache}
	if project == "leveldb" {
		l.goal = 0.08
	}
	return []line{l}, nil
}

// edit edits source after source: once with an untimed build, as if the user had
// been at it already, and once more with a timed one. The ratio is taken per file.
func edit(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	sources := spread(sourcesOf(trees[0]), b.files)
	if project == "nine" {
		sources = repeat(sources, b.runs)
	}
	l := line{}
	switch project {
	case "leveldb":
		l.goal, l.worstGoal = 0.45, 0.65
	case "nine":
		l.goal = 0.35
	}
	return editEach(ctx, b, trees, sources, l)
}

// editEach edits each source twice, and fills in the line of the second edits.
func editEach(ctx context.Context, b *bench, trees []*tree, sources []string, l line) ([]line, error) {
	base := b.edits
	b.edits += 2 * len(sources)
	s, err := turns(ctx, trees, len(sources), func(t *tree, i int) error {
		if err := t.append(sources[i], function(base+2*i)); err != nil {
			return err
		}
		if _, err := t.run(ctx); err != nil {
			return err
		}
		time.Sleep(editPause)
		return t.append(sources[i], function(base+2*i+1))
	})
	l.samples, l.against, l.perFile, l.note = s, toolNinja, true, fmt.Sprintf("%d edits", len(sources))
	return []line{l}, err
}

// editPause is the pause of a quick user between two edits. It leaves time for what a
// tool does in the background after a build.
const editPause = 4 * time.Second

// function is a definition that changes the object, in C as in C++.
func function(i int) string {
	return fmt.Sprintf("\nint replibuild_bench_%d(void);\nint replibuild_bench_%d(void) { return %d; }\n", i, i, i)
}

func sourcesOf(t *tree) []string {
	var out []string
	for u := range t.plan.Units() {
		out = append(out, u.Source)
	}
	return out
}

// spread picks n of the list at equal distances, all for n = 0.
func spread(list []string, n int) []string {
	if n <= 0 || n >= len(list) {
		return list
	}
	var out []string
	for i := range n {
		out = append(out, list[i*len(list)/n])
	}
	return out
}

func repeat(list []string, n int) []string {
	var out []string
	for range n {
		out = append(out, list...)
	}
	return out
}

// touch writes a header that many units read anew, with the same content. The goal
// is against RepliBuild's own time for nothing to do.
func touch(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	header := map[string]string{"leveldb": "include/leveldb/slice.h"}[project]
	if header == "" {
		header = headerName(0)
	}
	if _, err := os.Stat(filepath.Join(trees[0].dir, filepath.FromSlash(header))); err != nil {
		fmt.Fprintf(os.Stderr, "touch: %s left out: it has no %s\n", project, header)
		return nil, nil
	}
	idle, err := turns(ctx, trees[:1], b.runs, nil)
	if err != nil {
		return nil, err
	}
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return rewrite(filepath.Join(t.dir, filepath.FromSlash(header))) })
	if err != nil {
		return nil, err
	}
	if err := expectIdle(ctx, trees); err != nil {
		return nil, err
	}
	own := line{samples: samples{toolDaemons: s[toolDaemons], ownNothing: idle[toolDaemons]}, against: ownNothing, goal: 2,
		note: ownNothing + ": " + samples{ownNothing: idle[toolDaemons]}.cell(ownNothing)}
	return []line{own, {samples: s, against: toolNinja, note: header}}, nil
}

// ownNothing stands for RepliBuild's own time with nothing to do.
const ownNothing = "our nothing to do"

func rewrite(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func first(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return t.clear(ctx) })
	return []line{{samples: s, against: toolNinja, goal: 1.00}}, err
}

// cold measures the very first build: nothing of RepliBuild is there, no daemon runs.
func cold(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return t.forget(ctx) })
	l := line{samples: s, against: toolNinja}
	if project == "leveldb" {
		l.goal = 1.00
	}
	return []line{l}, err
}

// branch switches a tenth of the sources to other content and back, as a checkout
// does, with a build each time. The time is that of the builds after the first
// visit; RepliBuild must not compile in any of them.
func branch(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	sources := spread(sourcesOf(trees[0]), max(1, trees[0].plan.CountUnits()/10))
	for _, t := range trees {
		for _, there := range []bool{true, false} { // the first visit compiles
			if err := checkout(t, sources, there); err != nil {
				return nil, err
			}
			if _, err := t.run(ctx); err != nil {
				return nil, err
			}
		}
	}
	s, err := turns(ctx, trees, 2*b.runs, func(t *tree, i int) error { return checkout(t, sources, i%2 == 0) })
	if err != nil {
		return nil, err
	}
	compiled := 0
	for _, there := range []bool{true, false} {
		if err := checkout(trees[0], sources, there); err != nil {
			return nil, err
		}
		done, err := trees[0].counts(ctx)
		if err != nil {
			return nil, err
		}
		compiled += done.Compiled
	}
	note := fmt.Sprintf("%d files; %d compiled, goal none", len(sources), compiled)
	return []line{{samples: s, against: toolNinja, note: note, judged: true, failed: compiled > 0}}, nil
}

// checkout gives the sources the content of the other branch or of this one.
func checkout(t *tree, sources []string, there bool) error {
	const mark = "\n// the other branch\n"
	for i, source := range sources {
		path := filepath.Join(t.dir, filepath.FromSlash(source))
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		plain, _, _ := strings.Cut(string(text), mark)
		if there {
			plain += mark + function(1_000_000+i)
		}
		if err := os.WriteFile(path, []byte(plain), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// start measures `replibuild start` until it returns, which it does when all four
// are ready.
func start(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	t := trees[0]
	s := samples{}
	for range b.runs {
		if err := t.replibuild(ctx, "stop"); err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := t.replibuild(ctx, "start"); err != nil {
			return nil, err
		}
		s[toolDaemons] = append(s[toolDaemons], time.Since(begin))
	}
	return []line{{samples: s, absolute: 80 * time.Millisecond}}, nil
}

// megabytes is a line about kB of memory, judged if there is a goal.
func megabytes(what string, kB, goal int) line {
	l := line{note: fmt.Sprintf("%s: %.0f MB", what, float64(kB)/1024)}
	if goal > 0 {
		l.note += fmt.Sprintf(", goal %d MB", goal)
		l.judged, l.failed = true, kB > goal<<10
	}
	return l
}
