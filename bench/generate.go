package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// shape is the size of a synthetic project.
type shape struct{ units, headers int }

const (
	perFolder     = 50 // files in a folder
	includesEach  = 8  // headers that a unit names itself
	parentsOfTree = 4  // a header includes the one at a quarter of its number: chains of log4(headers)
)

// dice is a linear congruential generator, so that a shape always gives the same
// project.
type dice uint32

func (d *dice) below(n int) int {
	*d = *d*1664525 + 1013904223
	return int(uint32(*d)>>8) % n
}

// generateTree writes the project into dir, which is made. Headers form a tree with
// cross links, so that each unit reads some 30 of 2,000; no standard header is
// included, so that the compiler's own work is small and the tool's shows.
func generateTree(dir string, s shape) error {
	if s.units < 1 || s.headers < 1 {
		return fmt.Errorf("a project of %d units and %d headers cannot be generated", s.units, s.headers)
	}
	w := &treeWriter{dir: dir}
	d := dice(1)
	for i := range s.headers {
		w.write(headerName(i), headerText(i, &d))
	}
	for i := range s.units - 1 {
		w.write(fmt.Sprintf("src/d%03d/u%05d.cpp", i/perFolder, i), unitText(i, s.headers, &d))
	}
	w.write("src/main.cpp", mainText(s.units-1))
	w.write("replibuild.toml", "[project]\nname = \"app\"\n\n[compilation]\noptimization = \"0\"\ninclude_dirs = [\"include\"]\n")
	return w.err
}

// treeWriter writes files until the first error.
type treeWriter struct {
	dir string
	err error
}

func (w *treeWriter) write(rel, text string) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, filepath.FromSlash(rel))
	if w.err = os.MkdirAll(filepath.Dir(path), 0o755); w.err == nil {
		w.err = os.WriteFile(path, []byte(text), 0o644)
	}
}

func headerName(i int) string { return "include/" + includeName(i) }

func includeName(i int) string { return fmt.Sprintf("p%03d/h%05d.h", i/perFolder, i) }

func headerText(i int, d *dice) string {
	var t strings.Builder
	fmt.Fprintf(&t, "#pragma once\n")
	callee := ""
	if i > 0 {
		parent := i / parentsOfTree
		fmt.Fprintf(&t, "#include %q\n", includeName(parent))
		if cross := d.below(i); cross != parent {
			fmt.Fprintf(&t, "#include %q\n", includeName(cross))
		}
		callee = fmt.Sprintf(" + h%05d(x / 2)", parent)
	}
	fmt.Fprintf(&t, "struct S%05d { int a, b; };\ninline int h%05d(int x) { S%05d s{x, %d}; return s.a * s.b%s; }\n", i, i, i, i+1, callee)
	return t.String()
}

func unitText(i, headers int, d *dice) string {
	var includes, calls strings.Builder
	seen := map[int]bool{}
	for range includesEach {
		h := d.below(headers)
		if !seen[h] {
			seen[h] = true
			fmt.Fprintf(&includes, "#include %q\n", includeName(h))
			fmt.Fprintf(&calls, " + h%05d(x)", h)
		}
	}
	return fmt.Sprintf("%s\nint u%05d(int x) { return x%s; }\n", includes.String(), i, calls.String())
}

func mainText(units int) string {
	var t strings.Builder
	for i := range units {
		fmt.Fprintf(&t, "int u%05d(int);\n", i)
	}
	t.WriteString("\nint main(int argc, char**) {\n  unsigned sum = 0;\n")
	for i := range units {
		fmt.Fprintf(&t, "  sum += u%05d(argc);\n", i)
	}
	t.WriteString("  return sum == 42;\n}\n")
	return t.String()
}
