package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// The rows of `replibuild ninja` are measured in build folders of CMake, and in one that is
// generated. The folder is buildFolder beneath each tool's copy of the sources; ninja's and
// ours differ in nothing, that of ccache has it for a launcher.

const buildFolder = "b"

// graph10000 is a build.ninja of 10,000 edges that only make empty outputs: what is measured
// is what ninja itself does. One more edge is a compile, as any real build has: it makes the
// set of the folder start.
const graph10000 = "graph10000"

func ninjaRows() []row {
	all := []string{toolDaemons, toolNinja, toolCcache}
	two := []string{toolDaemons, toolNinja}
	real := []string{"leveldb", "protobuf"}
	rows := []row{
		{id: "ninja-nothing", title: "nothing to do", tools: two, projects: append([]string{graph10000}, real...), measure: ninjaNothing},
		{id: "ninja-configure", title: "configure", tools: two, projects: real, measure: ninjaConfigure},
		{id: "ninja-first", title: "first build, nothing cached", tools: two, projects: real, measure: ninjaFirst},
		{id: "ninja-cached", title: "outputs deleted, everything cached", tools: all, projects: real, measure: ninjaCached},
		{id: "ninja-touch", title: "a header written anew, same content", tools: all, projects: []string{"leveldb"}, measure: ninjaTouch},
		{id: "ninja-branch", title: "branch switched there and back", tools: all, projects: real, measure: ninjaBranch},
		{id: "ninja-edit", title: "one source edited twice, second edit", tools: two, projects: real, measure: ninjaEdit},
		{id: "ninja-memory", title: "most memory of a build with nothing to do", tools: two, projects: []string{graph10000}, measure: ninjaMemory},
	}
	for i := range rows {
		rows[i].title, rows[i].folders = "`replibuild ninja`: "+rows[i].title, true
	}
	return rows
}

// newFolder copies source into dir and configures the build folder for a tool.
func (b *bench) newFolder(ctx context.Context, tool, project, source, dir string) (*tree, error) {
	t := &tree{tool: tool, dir: dir, exe: b.replibuild, env: append(toolEnv(dir), "REPLIBUILD_EXE="+b.replibuild), folder: true}
	t.build = []string{"ninja", "-C", buildFolder, "-j" + strconv.Itoa(runtime.NumCPU())}
	if tool == toolDaemons {
		client, err := b.ninjaClient(ctx, dir)
		if err != nil {
			return nil, err
		}
		t.build[0] = client
	}
	if project == graph10000 {
		return t, copyFolder(ctx, source, dir)
	}
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		return nil, err
	}
	return t, t.configure(ctx, buildFolder)
}

// ninjaClient makes a link to the thin client by the name ninja, beside the tree.
func (b *bench) ninjaClient(ctx context.Context, dir string) (string, error) {
	client, err := b.thinClient(ctx)
	if err != nil {
		return "", err
	}
	link := filepath.Join(dir+"-program", "ninja")
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink(client, link); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return link, nil
}

// copyFolder copies a folder with the times of its files.
func copyFolder(ctx context.Context, from, to string) error {
	out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp -a: %w\n%s", err, out)
	}
	return nil
}

// configure runs CMake in a folder of the tree, with the tool's own ninja for its trials.
func (t *tree) configure(ctx context.Context, folder string) error {
	args := []string{"-G", "Ninja", "-S", ".", "-B", folder, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19",
		"-DLEVELDB_BUILD_TESTS=OFF", "-DLEVELDB_BUILD_BENCHMARKS=OFF", "-Dprotobuf_BUILD_TESTS=OFF"}
	switch t.tool {
	case toolDaemons:
		args = append(args, "-DCMAKE_MAKE_PROGRAM="+t.build[0])
	case toolCcache:
		args = append(args, "-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
	}
	out, err := t.command(ctx, "cmake", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cmake: %w\n%s", err, tail(out))
	}
	return nil
}

// generateGraph writes the build folder of [graph10000], and has ninja build it. Each of the
// edges reads one source and names 30 headers of 2,000 in its depfile.
func generateGraph(dir string) error {
	const edges, headers, each = 10_000, 2000, 30
	w := &treeWriter{dir: dir}
	for i := range headers {
		w.write(fmt.Sprintf("include/h%04d.h", i), "")
	}
	var manifest strings.Builder
	fmt.Fprintf(&manifest, "rule make\n  command = cp $in $out.d && : >$out\n  depfile = $out.d\n  deps = gcc\n")
	fmt.Fprintf(&manifest, "rule compile\n  command = clang-19 -c $in -o $out\nbuild %s: compile ../source/unit.c\n", graphObject)
	w.write("source/unit.c", "int unit;\n")
	d := dice(1)
	for i := range edges {
		out := fmt.Sprintf("out/d%03d/o%05d", i/perFolder, i)
		var deps strings.Builder
		fmt.Fprintf(&deps, "%s:", out)
		for range each {
			fmt.Fprintf(&deps, " ../include/h%04d.h", d.below(headers))
		}
		w.write(fmt.Sprintf("source/s%05d", i), deps.String()+"\n")
		fmt.Fprintf(&manifest, "build %s: make ../source/s%05d\n", out, i)
	}
	w.write(buildFolder+"/build.ninja", manifest.String())
	if w.err != nil {
		return w.err
	}
	c := exec.Command("ninja", "-C", filepath.Join(dir, buildFolder), "--quiet")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("ninja: %w\n%s", err, tail(out))
	}
	return nil
}

// graphObject is what the compile of [graph10000] makes.
const graphObject = "unit.o"

// clean removes what the build made, as ninja does.
func (t *tree) clean(ctx context.Context) error {
	if out, err := t.command(ctx, "ninja", "-C", buildFolder, "-t", "clean").CombinedOutput(); err != nil {
		return fmt.Errorf("ninja -t clean: %w\n%s", err, tail(out))
	}
	return nil
}

// lastBuild is what the set of our build folder knows of the last build.
func (t *tree) lastBuild() (r ipc.BuildRecord, err error) {
	text, err := os.ReadFile(filepath.Join(t.dir, buildFolder, ".replibuild", "state", "history.jsonl"))
	if err != nil {
		return r, err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return r, json.Unmarshal(lines[len(lines)-1], &r)
}

// expectNothing fails unless every tool says that there is nothing to do.
func expectNothing(ctx context.Context, trees []*tree) error {
	for _, t := range trees {
		if out, err := t.command(ctx, t.build[0], t.build[1:]...).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("no work to do")) {
			return fmt.Errorf("%s: nothing should be left to do: %v\n%s", t.tool, err, tail(out))
		}
	}
	return nil
}

func ninjaNothing(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	goal := 1.5
	if project == graph10000 {
		goal = 0.05
		for _, t := range trees {
			if err := os.Remove(filepath.Join(t.dir, buildFolder, graphObject)); err != nil {
				return nil, err
			}
			if out, err := t.command(ctx, t.build[0], t.build[1:]...).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", t.tool, err, tail(out))
			}
		}
	}
	for range 3 { // ours is remembered from the second one on
		if err := expectNothing(ctx, trees); err != nil {
			return nil, err
		}
	}
	s, err := turns(ctx, trees, max(b.runs, 21), nil)
	return []line{{samples: s, against: toolNinja, goal: goal}}, err
}

// ninjaConfigure configures a fresh folder each time: CMake's trials call ninja some 50 times.
func ninjaConfigure(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	s := samples{}
	for i := range b.runs {
		for k := range trees {
			t := trees[(i+k)%len(trees)]
			start := time.Now()
			if err := t.configure(ctx, "fresh"); err != nil {
				return nil, err
			}
			s[t.tool] = append(s[t.tool], time.Since(start))
			if err := os.RemoveAll(filepath.Join(t.dir, "fresh")); err != nil {
				return nil, err
			}
		}
	}
	return []line{{samples: s, against: toolNinja, goal: 1.05}}, nil
}

func ninjaFirst(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error {
		if t.ours() {
			if err := t.replibuild(ctx, "cache", "clear", "--project", buildFolder); err != nil {
				return err
			}
		}
		return t.clean(ctx)
	})
	return []line{{samples: s, against: toolNinja, goal: 0.95}}, err
}

func ninjaCached(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return t.clean(ctx) })
	if err != nil {
		return nil, err
	}
	return compiledNone(trees, line{samples: s, against: toolCcache, goal: 0.25})
}

// compiledNone is a line whose last build may have compiled nothing.
func compiledNone(trees []*tree, l line) ([]line, error) {
	last, err := trees[0].lastBuild()
	if err == nil && last.Compiled > 0 {
		err = fmt.Errorf("nothing should have been compiled, but %d were", last.Compiled)
	}
	return []line{l}, err
}

func ninjaTouch(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	const header = "include/leveldb/slice.h"
	s, err := turns(ctx, trees, b.runs, func(t *tree, _ int) error { return rewrite(filepath.Join(t.dir, filepath.FromSlash(header))) })
	if err != nil {
		return nil, err
	}
	return compiledNone(trees, line{samples: s, against: toolCcache, note: header + "; nothing compiled"})
}

// ninjaBranch is the row "branch" in a build folder.
func ninjaBranch(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	all, err := trees[0].compiled(ctx)
	if err != nil {
		return nil, err
	}
	sources := spread(all, max(1, len(all)/10))
	visit := func(t *tree, i int) error { return checkout(t, sources, i%2 == 0) }
	if _, err := turns(ctx, trees, 2, visit); err != nil { // the first visit compiles
		return nil, err
	}
	s, err := turns(ctx, trees, 2*b.runs, visit)
	if err != nil {
		return nil, err
	}
	return compiledNone(trees, line{samples: s, against: toolCcache, note: fmt.Sprintf("%d files; nothing compiled", len(sources))})
}

// ninjaEdit is the row "edit" in a build folder.
func ninjaEdit(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	all, err := trees[0].compiled(ctx)
	if err != nil {
		return nil, err
	}
	return editEach(ctx, b, trees, spread(all, b.files), line{goal: 0.6})
}

// compiled are the sources that the build folder compiles, relative to the tree.
func (t *tree) compiled(ctx context.Context) (sources []string, err error) {
	out, err := t.command(ctx, "ninja", "-C", buildFolder, "--quiet", "-t", "compdb").Output()
	if err != nil {
		return nil, err
	}
	var commands []struct{ File, Output string }
	if err := json.Unmarshal(out, &commands); err != nil {
		return nil, fmt.Errorf("ninja -t compdb: %w", err)
	}
	for _, c := range commands {
		rel, err := filepath.Rel(t.dir, c.File)
		if err == nil && filepath.IsLocal(rel) && strings.HasSuffix(c.Output, ".o") && !slices.Contains(sources, rel) {
			sources = append(sources, rel)
		}
	}
	return sources, nil
}

// ninjaMemory is the most memory that the program itself had resident.
func ninjaMemory(ctx context.Context, _ *bench, _ string, trees []*tree) ([]line, error) {
	var lines []line
	for _, t := range trees {
		c := t.command(ctx, t.build[0], t.build[1:]...)
		if err := c.Run(); err != nil {
			return nil, err
		}
		goal := 0
		if t.ours() {
			goal = 150
		}
		lines = append(lines, megabytes(t.tool, peakKB(c.ProcessState), goal))
	}
	return lines, nil
}
