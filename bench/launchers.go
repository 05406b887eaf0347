package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// The rows of the launcher: the same project by cmake and ninja, with the compiler alone, behind
// ccache and behind `replibuild cc`. In these rows the column "replibuild" is ninja with
// replibuild-cc, and "ninja" is ninja with the compiler alone.

func launcherRows() []row {
	all := []string{"leveldb", "gen1000"}
	return []row{
		{id: "cc-hits", title: "launcher, cmake + ninja: objects deleted, all hits", projects: all, measure: launchHits},
		{id: "cc-first", title: "launcher, cmake + ninja: first build, all misses", projects: all, measure: launchFirst},
		{id: "cc-edit", title: "launcher, cmake + ninja: one source edited twice, second edit", projects: all, measure: launchEdit},
		{id: "cc-one", title: "launcher: one hit of db_impl.cc", projects: []string{"leveldb"}, fixed: true, measure: launchOne},
	}
}

// toolStub is the launcher that only copies; it has no column.
const toolStub = "stub"

//go:embed copystub/copystub.c
var stubSource string

// launchTree is a build folder of cmake whose compiles go through a launcher.
type launchTree struct {
	*tree
	launcher string // "" for none
}

// launchTrees configures and builds a project with each launcher. close ends what they started.
func (b *bench) launchTrees(ctx context.Context, project string) (trees []*launchTree, end func(), err error) {
	end = func() {
		for _, t := range trees {
			if t.tool == toolDaemons {
				_ = t.replibuild(context.WithoutCancel(ctx), "stop", "--user") // its home goes with the work folder
			}
		}
	}
	base := filepath.Join(b.work, project, "launchers")
	launchers, err := b.launchers(ctx, base)
	if err != nil {
		return nil, end, err
	}
	for _, l := range launchers {
		t := &launchTree{tree: &tree{tool: l.tool, dir: filepath.Join(base, l.name), exe: b.replibuild}, launcher: l.program}
		t.env = append(toolEnv(t.dir), "BENCH_STORE="+t.store())
		t.build = []string{"ninja", "-C", "build", "-j" + strconv.Itoa(runtime.NumCPU())}
		trees = append(trees, t)
		if _, err := os.Stat(t.dir); err == nil { // made by an earlier row
			continue
		}
		if err := t.configure(ctx, filepath.Join(b.work, project, "source")); err != nil {
			return trees, end, err
		}
	}
	return trees, end, nil
}

// launcherOf is a launcher and the column of its times.
type launcherOf struct{ tool, name, program string }

// launchers are those that this machine has, the compiler alone first.
func (b *bench) launchers(ctx context.Context, base string) ([]launcherOf, error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, err
	}
	stub := filepath.Join(base, "copy-stub")
	if _, err := os.Stat(stub); err != nil {
		c := exec.CommandContext(ctx, "clang-19", "-O2", "-static", "-x", "c", "-", "-o", stub)
		c.Stdin = strings.NewReader(stubSource)
		if out, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("compile the stub: %w\n%s", err, out)
		}
	}
	client, err := b.thinClient(ctx)
	if err != nil {
		return nil, err
	}
	all := []launcherOf{{toolNinja, "bare", ""}, {toolDaemons, "replibuild", client}, {toolStub, "stub", stub}}
	if ccache, err := exec.LookPath("ccache"); err == nil {
		all = append(all, launcherOf{toolCcache, "ccache", ccache})
	}
	return all, nil
}

// thinClient is the path of the thin client of the program that is measured.
func (b *bench) thinClient(ctx context.Context) (string, error) {
	client, err := exec.CommandContext(ctx, b.replibuild, "cc", "--path").Output()
	if err != nil {
		return "", fmt.Errorf("find the thin client: %w", err)
	}
	return strings.TrimSpace(string(client)), nil
}

// store is where the stub takes objects from.
func (t *launchTree) store() string { return t.dir + ".store" }

// configure makes the sources and the build folder, builds, and checks that what was built is
// then found.
func (t *launchTree) configure(ctx context.Context, source string) error {
	if err := os.CopyFS(t.dir, os.DirFS(source)); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(t.dir, "CMakeLists.txt")); err != nil {
		w := &treeWriter{dir: t.dir}
		w.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.13)\nproject(app CXX)\nfile(GLOB_RECURSE sources src/*.cpp)\n"+
			"add_executable(app ${sources})\ntarget_include_directories(app PRIVATE include)\n")
		if w.err != nil {
			return w.err
		}
	}
	args := []string{"-S", ".", "-B", "build", "-G", "Ninja", "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19",
		"-DCMAKE_C_COMPILER_LAUNCHER=" + t.launcher, "-DCMAKE_CXX_COMPILER_LAUNCHER=" + t.launcher,
		"-DLEVELDB_BUILD_TESTS=OFF", "-DLEVELDB_BUILD_BENCHMARKS=OFF", "-Wno-dev"}
	if out, err := t.command(ctx, "cmake", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cmake: %w\n%s", err, tail(out))
	}
	if t.tool != toolStub {
		_, err := t.run(ctx)
		return err
	}
	if out, err := t.command(ctx, "ninja", "-C", "build", "-d", "keepdepfile").CombinedOutput(); err != nil {
		return fmt.Errorf("ninja: %w\n%s", err, tail(out))
	}
	return t.fillStore()
}

// fillStore copies objects and dependency files to where the stub takes them from.
func (t *launchTree) fillStore() error {
	build := filepath.Join(t.dir, "build")
	return filepath.WalkDir(build, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".o") && !strings.HasSuffix(path, ".o.d") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(build, path)
		if err != nil {
			return err
		}
		to := filepath.Join(t.store(), rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}

// clean deletes what ninja made.
func (t *launchTree) clean(ctx context.Context) error {
	out, err := t.command(ctx, "ninja", "-C", "build", "-t", "clean").CombinedOutput()
	if err != nil {
		return fmt.Errorf("ninja -t clean: %w\n%s", err, tail(out))
	}
	return nil
}

// forgetAll empties the launcher's cache.
func (t *launchTree) forgetAll(ctx context.Context) error {
	var c *exec.Cmd
	switch t.tool {
	case toolDaemons:
		c = t.command(ctx, t.exe, "cc", "--clear")
	case toolCcache:
		c = t.command(ctx, "ccache", "--clear")
	default:
		return nil
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", c.Args, err, tail(out))
	}
	return nil
}

// launchCounts are the numbers of `replibuild cc --stats`.
type launchCounts struct {
	Hits   int64 `json:"hits"`
	Misses int64 `json:"misses"`
}

func (t *launchTree) counts(ctx context.Context) (n launchCounts, err error) {
	out, err := t.command(ctx, t.exe, "cc", "--stats", "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &n)
	}
	return n, err
}

// launchTurns is turns for trees with launchers, without those of some tools.
func launchTurns(ctx context.Context, trees []*launchTree, n int, without string, before func(t *launchTree, i int) error) (samples, error) {
	byTree := make(map[*tree]*launchTree)
	var plain []*tree
	for _, t := range trees {
		if t.tool != without {
			byTree[t.tree] = t
			plain = append(plain, t.tree)
		}
	}
	return turns(ctx, plain, n, func(t *tree, i int) error { return before(byTree[t], i) })
}

func launchHits(ctx context.Context, b *bench, project string, _ []*tree) ([]line, error) {
	trees, end, err := b.launchTrees(ctx, project)
	defer end()
	if err != nil {
		return nil, err
	}
	before := make(map[*launchTree]launchCounts)
	for _, t := range trees {
		if t.tool == toolDaemons {
			if before[t], err = t.counts(ctx); err != nil {
				return nil, err
			}
		}
	}
	s, err := launchTurns(ctx, trees, b.runs, toolNinja, func(t *launchTree, _ int) error { return t.clean(ctx) })
	if err != nil {
		return nil, err
	}
	for t, was := range before {
		if is, err := t.counts(ctx); err != nil || is.Misses > was.Misses || is.Hits == was.Hits {
			return nil, fmt.Errorf("%s: all should be hits, but %+v after %+v (%v)", t.tool, is, was, err)
		}
	}
	raw := line{samples: s, against: toolCcache, goal: 0.75, note: "the stub that only copies: " + s.cell(toolStub)}
	return []line{raw, beyond(s[toolDaemons], s[toolCcache], s[toolStub], 0.25, "less the stub's time")}, nil
}

// beyond judges two medians, each less what both need anyway.
func beyond(ours, theirs, floor []time.Duration, goal float64, what string) line {
	if len(theirs) == 0 {
		return line{note: what + ": ccache is not installed"}
	}
	ratio := float64(median(ours)-median(floor)) / float64(median(theirs)-median(floor))
	return line{judged: true, failed: ratio > goal, note: fmt.Sprintf("%s: %.2f of ccache's, goal %.2f", what, ratio, goal)}
}

func launchFirst(ctx context.Context, b *bench, project string, _ []*tree) ([]line, error) {
	trees, end, err := b.launchTrees(ctx, project)
	defer end()
	if err != nil {
		return nil, err
	}
	s, err := launchTurns(ctx, trees, b.runs, toolStub, func(t *launchTree, _ int) error {
		if err := t.forgetAll(ctx); err != nil {
			return err
		}
		return t.clean(ctx)
	})
	return []line{{samples: s, against: toolNinja, goal: 1.02}}, err
}

func launchEdit(ctx context.Context, b *bench, project string, _ []*tree) ([]line, error) {
	trees, end, err := b.launchTrees(ctx, project)
	defer end()
	if err != nil {
		return nil, err
	}
	commands, err := trees[0].commands(ctx)
	if err != nil {
		return nil, err
	}
	var sources []string
	for _, c := range commands {
		if rel, err := filepath.Rel(trees[0].dir, c.File); err == nil {
			sources = append(sources, rel)
		}
	}
	sources = spread(sources, b.files)
	var plain []*tree
	for _, t := range trees {
		if _, err := t.run(ctx); err != nil { // nothing is left to do but the edit
			return nil, err
		}
		if t.tool != toolStub {
			plain = append(plain, t.tree)
		}
	}
	return editEach(ctx, b, plain, sources, line{goal: 0.75})
}

// compileCommand is one of compile_commands.json.
type compileCommand struct{ Directory, Command, File string }

func (t *launchTree) commands(ctx context.Context) (all []compileCommand, err error) {
	out, err := t.command(ctx, "ninja", "-C", "build", "--quiet", "-t", "compdb").Output()
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("ninja -t compdb: %w", err)
	}
	compiles := all[:0]
	for _, c := range all {
		if strings.Contains(c.Command, " -c ") {
			compiles = append(compiles, c)
		}
	}
	return compiles, nil
}

// oneHitRounds is how many hits are measured for each sample: one takes a millisecond or two.
const oneHitRounds = 20

// launchOne starts one command again and again, and /bin/true beside it.
func launchOne(ctx context.Context, b *bench, project string, _ []*tree) ([]line, error) {
	trees, end, err := b.launchTrees(ctx, project)
	defer end()
	if err != nil {
		return nil, err
	}
	argv := map[string][]string{toolNinja: {"/bin/true"}}
	for _, t := range trees {
		if t.tool != toolDaemons && t.tool != toolCcache {
			continue
		}
		if argv[t.tool], err = t.commandOf(ctx, "db/db_impl.cc"); err != nil {
			return nil, err
		}
		for range 2 { // stored, and found
			if _, err := t.once(ctx, argv[t.tool]); err != nil {
				return nil, err
			}
		}
	}
	took := samples{}
	for range b.runs * oneHitRounds {
		for _, t := range trees {
			if argv[t.tool] == nil {
				continue
			}
			d, err := t.once(ctx, argv[t.tool])
			if err != nil {
				return nil, err
			}
			took[t.tool] = append(took[t.tool], d)
		}
	}
	return []line{
		{samples: took, against: toolCcache, note: "column ninja: /bin/true"},
		beyond(took[toolDaemons], took[toolCcache], took[toolNinja], 0.25, "beyond the start of /bin/true"),
	}, nil
}

// commandOf is the command that compiles a source.
func (t *launchTree) commandOf(ctx context.Context, source string) ([]string, error) {
	commands, err := t.commands(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range commands {
		if strings.HasSuffix(c.File, source) && !strings.ContainsAny(c.Command, `"'\`) {
			return strings.Fields(c.Command), nil
		}
	}
	return nil, fmt.Errorf("no plain command compiles %s", source)
}

// once runs a command in the build folder, and returns the time from start to exit.
func (t *launchTree) once(ctx context.Context, argv []string) (time.Duration, error) {
	c := t.command(ctx, argv[0], argv[1:]...)
	c.Dir = filepath.Join(t.dir, "build")
	begin := time.Now()
	out, err := c.CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", argv, err, tail(out))
	}
	return took, nil
}
