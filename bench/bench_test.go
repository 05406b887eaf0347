package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGenerateIsRepeatable: two projects of one shape are equal, and of the size
// asked for.
func TestGenerateIsRepeatable(t *testing.T) {
	t.Parallel()
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		if err := generateTree(dir, shape{120, 60}); err != nil {
			t.Fatal(err)
		}
	}
	units, headers := 0, 0
	err := fs.WalkDir(os.DirFS(a), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".cpp":
			units++
		case ".h":
			headers++
		}
		if x, y := read(t, filepath.Join(a, path)), read(t, filepath.Join(b, path)); x != y {
			t.Errorf("%s differs", path)
		}
		return nil
	})
	if err != nil || units != 120 || headers != 60 {
		t.Errorf("%d units, %d headers, %v; want 120 and 60", units, headers, err)
	}
	if generateTree(a, shape{0, 1}) == nil {
		t.Error("a project without units was generated")
	}
}

// TestBuildFiles builds a generated project that has a step, a static and a shared
// library with ninja and with make, twice: the second run must not touch anything.
func TestBuildFiles(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	w := &treeWriter{dir: source}
	w.write("replibuild.toml", `[project]
name = "tools"
[compilation]
optimization = "0"
[targets.one]
kind = "static"
sources = ["one.cpp"]
[targets.two]
kind = "shared"
sources = ["two.c"]
[targets.app]
kind = "executable"
sources = ["app.cpp"]
defines = ["TEXT=\"a b $HOME\""]
depends = ["one", "two"]
[[generate]]
command = ["cp", "api.in", "{out}/api.h"]
inputs = ["api.in"]
outputs = ["api.h"]
`)
	w.write("api.in", "int one();\nextern \"C\" int two(void);\n")
	w.write("one.cpp", "int one() { return 1; }\n")
	w.write("two.c", "int two(void) { return 2; }\n")
	w.write("app.cpp", "#include \"api.h\"\n#include <cstdio>\nint main() { std::printf(\"%s %d\\n\", TEXT, one() + two()); }\n")
	if w.err != nil {
		t.Fatal(w.err)
	}
	for _, tool := range []string{toolNinja, toolMake} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			if !(&bench{}).has(tool) {
				t.Skipf("%s is not installed", tool)
			}
			checkTool(t, tool, source)
		})
	}
}

func checkTool(t *testing.T, tool, source string) {
	ctx := context.Background()
	tree, err := newTree(ctx, tool, source, filepath.Join(t.TempDir(), "tree"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.run(ctx); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(tree.dir, "build", "app")).CombinedOutput()
	if err != nil || string(out) != "a b $HOME 3\n" {
		t.Errorf("the program printed %q (%v)", out, err)
	}
	before := outputTimes(t, tree)
	if _, err := tree.run(ctx); err != nil {
		t.Fatal(err)
	}
	for path, at := range outputTimes(t, tree) {
		if !at.Equal(before[path]) {
			t.Errorf("%s was made again", path)
		}
	}
	if err := removeOutputs(tree.dir, tree.plan); err != nil {
		t.Fatal(err)
	}
	if left := outputTimes(t, tree); len(left) != 0 {
		t.Errorf("left after all outputs were removed: %v", left)
	}
}

func outputTimes(t *testing.T, tree *tree) map[string]time.Time {
	t.Helper()
	times := map[string]time.Time{}
	add := func(rel string) {
		if fi, err := os.Stat(filepath.Join(tree.dir, rel)); err == nil {
			times[rel] = fi.ModTime()
		}
	}
	for u := range tree.plan.Units() {
		add(u.Output())
	}
	for _, target := range tree.plan.Targets {
		add(target.Output)
	}
	return times
}

func TestReport(t *testing.T) {
	t.Parallel()
	ms := func(n ...int) (d []time.Duration) {
		for _, x := range n {
			d = append(d, time.Duration(x)*time.Millisecond)
		}
		return d
	}
	cases := map[string]struct {
		l    line
		want string
	}{
		"met":        {line{samples: samples{toolDaemons: ms(9, 10, 30), toolNinja: ms(99, 100, 101)}, against: toolNinja, goal: 0.10}, "| 0.10 to ninja | ≤ 0.10 | ✅ |"},
		"missed":     {line{samples: samples{toolDaemons: ms(11), toolNinja: ms(100)}, against: toolNinja, goal: 0.10}, "| 0.11 to ninja | ≤ 0.10 | ❌ |"},
		"not owed":   {line{samples: samples{toolDaemons: ms(11), toolNinja: ms(100)}, against: toolNinja}, "| 0.11 to ninja |  |  |"},
		"worst file": {line{samples: samples{toolDaemons: ms(10, 20, 70), toolNinja: ms(100, 100, 100)}, against: toolNinja, perFile: true, goal: 0.45, worstGoal: 0.65}, "| 0.20 to ninja, worst 0.70 | ≤ 0.45, worst ≤ 0.65 | ❌ |"},
		"absolute":   {line{samples: samples{toolDaemons: ms(70)}, absolute: 80 * time.Millisecond}, "|  | ≤ 80ms | ✅ |"},
		"judged":     {line{judged: true, failed: true, note: "64 MB"}, "|  |  | ❌ | 64 MB |"},
		"a cell":     {line{samples: samples{toolMake: ms(3, 1, 2000)}}, "| 3.0 ms (1.0 ms–2.00 s) |"},
	}
	for name, c := range cases {
		var out bytes.Buffer
		report{lines: []line{c.l}}.write(&out)
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, out.String())
		}
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-only", "everything"}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `no row "everything"`) {
		t.Errorf("an unknown row: %v", err)
	}
	if err := run(t.Context(), []string{"-only", "nothing", "-projects", "linux", "-replibuild", "x"}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `no project "linux"`) {
		t.Errorf("an unknown project: %v", err)
	}
	for _, r := range rows() {
		for _, p := range r.projects {
			if _, err := subjectNamed(p); err != nil {
				t.Errorf("row %s: %v", r.id, err)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
