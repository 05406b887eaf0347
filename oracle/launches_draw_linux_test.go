package oracle

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// launchTexts are the files that a tree begins with. What a source includes comes first, so that it
// can be precompiled.
var launchTexts = map[string]string{
	"one.cpp":     "#include \"a.h\"\n#include <vector>\n#include \"late.h\"\nint one() { int unused; return a() + (int)std::vector<int>(1).size() + LATE; }\n",
	"sub/two.cpp": "#include <string>\n#include \"../inc/b.h\"\n#include \"near.h\"\n#if __has_include(\"maybe.h\")\n#include \"maybe.h\"\n#else\n#define MAYBE 0\n#endif\nstd::string two() { return std::to_string(b() + NEAR + MAYBE); }\n",
	"three.c":     "#include \"c.h\"\n#define NAME \"c.h\"\n#include NAME\n#include <stdio.h>\nint three(void) { printf(\"%s %d\\n\", __FILE__, C); return C; }\n",
	"four.c":      "#include \"b.h\"\nstatic int unused(void) { return 1; }\nint four(void) { return b() + FOUR; }\n",
	"inc/a.h":     "#pragma once\n#include \"b.h\"\nstatic inline int a() { int never; return b(); }\n",
	"inc/b.h":     "#ifndef B_H\n#define B_H\nstatic inline int b(void) { return 1; }\n#ifndef FOUR\n#define FOUR 4\n#endif\n#endif\n",
	"inc/c.h":     "#define C 1\n",
	"inc/late.h":  "#define LATE 1\n",
	"sub/near.h":  "#define NEAR 1\n",
	"force.h":     "#define FORCED 1\n",
}

// laterFiles are those that appear and vanish, in front of others or asked for in vain.
var laterFiles = []string{"first/a.h", "first/b.h", "first/c.h", "sub/b.h", "late.h", "sub/maybe.h", "first/vector", "first/maybe.h", "a.h"}

// newLaunches makes the tree of a seed.
func newLaunches(t *testing.T, seed uint64, program string) *launches {
	t.Helper()
	w := &launches{
		T: t, Rand: rand.New(rand.NewPCG(seed, 18)), base: t.TempDir(), program: program,
		texts: map[string]string{}, older: map[string][]string{}, env: map[string]string{},
	}
	for _, dir := range []string{"tree/sub", "tree/inc", "tree/first", "tree/out", "home"} {
		w.must(os.MkdirAll(filepath.Join(w.base, dir), 0o755))
	}
	for _, name := range slices.Sorted(maps.Keys(launchTexts)) {
		w.write(name, launchTexts[name])
	}
	path, err := w.ours("cc", "--path").Output()
	w.must(err)
	w.client = strings.TrimSpace(string(path))
	t.Cleanup(func() { _ = w.ours("stop", "--user").Run() })
	all := compilersToLaunch(t)
	for i := range 5 {
		w.commands = append(w.commands, w.drawCommand(all[w.IntN(len(all))], i))
	}
	return w
}

// drawCommand makes command number i. The names of its outputs begin with ci, but for what
// clang's -save-temps keeps: that has the name of the source.
func (w *launches) drawCommand(compiler string, i int) launchCommand {
	c := launchCommand{dir: ".", out: fmt.Sprintf("c%d", i)}
	sources := []string{"three.c", "four.c"}
	if strings.Contains(compiler, "++") {
		sources = []string{"one.cpp", "sub/two.cpp"}
	}
	source, up := sources[w.IntN(2)], ""
	if w.chance(4) {
		c.dir, up = "sub", "../"
	}
	object := up + "out/" + c.out + ".o"
	args := []string{compiler, "-I" + up + "first", "-I" + up + "inc"}
	if w.chance(5) {
		args[2] = "-I" + filepath.Join(w.base, "tree", "inc")
	}
	optional := [][]string{{"-Wall"}, {"-O1"}, {"-O2"}, {"-g"}, {"-fPIC"}, {"-DFOUR=7"}, {"-include", up + "force.h"}, {"-iquote", up + "inc"},
		{"-gsplit-dwarf", "-g"}, {"-fstack-usage"}, {"-Werror"}, {"-w"}, {"-pipe"}, {"-ffunction-sections"}, {"-save-temps=obj"}, {"-fdiagnostics-color=always"}}
	for range w.IntN(5) {
		args = append(args, optional[w.IntN(len(optional))]...)
	}
	switch w.IntN(6) {
	case 0, 1:
		args = append(args, "-MD", "-MT", object, "-MF", object+".d")
	case 2:
		args = append(args, "-MMD", "-MP")
	case 3:
		args = append(args, "-MD", "-MQ", "odd $name", "-MF", up+"out/"+c.out+".dep")
	}
	if w.chance(4) {
		source = filepath.Join(w.base, "tree", source)
	} else {
		source = up + source
	}
	switch w.IntN(12) {
	case 0:
		args = append(args, "-S", source, "-o", up+"out/"+c.out+".s")
	case 1:
		args = append(args, "-E", source)
	case 2:
		args = append(args, "-o"+object, "-c", source)
	default:
		args = append(args, "-c", source, "-o", object)
	}
	c.args = args
	return c
}

func (w *launches) chance(of int) bool { return w.IntN(of) == 0 }

func (w *launches) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *launches) tree(name string) string { return filepath.Join(w.base, "tree", name) }

// write gives a file a text in place, as an editor does or by a rename.
func (w *launches) write(name, text string) {
	w.older[name] = append(w.older[name], text)
	w.texts[name] = text
	if w.chance(2) {
		w.must(os.WriteFile(w.tree(name), []byte(text), 0o644))
		return
	}
	w.must(os.WriteFile(w.tree(name)+".new", []byte(text), 0o644))
	w.must(os.Rename(w.tree(name)+".new", w.tree(name)))
}

// ours is a command of the program.
func (w *launches) ours(args ...string) *exec.Cmd {
	c := exec.Command(w.program, args...)
	c.Dir, c.Env = w.base, w.environ()
	return c
}
