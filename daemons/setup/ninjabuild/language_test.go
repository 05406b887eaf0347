package ninjabuild

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mistakes are manifests with one mistake each. What ninja says of them is what we say.
var mistakes = []string{
	"foobar",
	"x 3",
	"x = 3",
	"x = $",
	"x = $\n $[\n",
	"x = a$\n b$\n $\n",
	"build",
	"build x: y z",
	"build x:: y z",
	"rule cat\n  command = cat ok\nbuild x: cat $\n :\n",
	"rule cat\n",
	"rule cat\n  command = echo\nrule cat\n  command = echo\n",
	"rule cat\n  command = echo\n  rspfile = cat.rsp\n",
	"rule cat\n  command = ${fafsd\nfoo = bar\n",
	"rule cat\n  command = cat\nbuild $.: cat foo\n",
	"rule cat\n  command = cat\nbuild $: cat foo\n",
	"rule %foo\n",
	"rule cc\n  command = foo\n  othervar = bar\n",
	"rule cc\n  command = foo\nbuild $.: cc bar.cc\n",
	"rule cc\n  command = foo\n  && bar",
	"rule cc\n  command = foo\nbuild $: cc bar.cc\n",
	"default\n",
	"default nonexistent\n",
	"rule r\n  command = r\nbuild b: r\ndefault b:\n",
	"default $a\n",
	"rule r\n  command = r\nbuild b: r\ndefault b $a x\n",
	"rule r\n  command = r\nbuild $x: r $y\n",
	"rule r\n  command = r\nbuild a: r $y\n",
	"rule r\n  command = r\nbuild a: r\n  pool = nope\n",
	"pool\n",
	"pool foo\n",
	"pool foo\n  depth = 4\npool foo\n",
	"pool foo\n  depth = -1\n",
	"pool foo\n  bar = 1\n",
	"pool console\n  depth = 1\n",
	"rule r\n  command = r\n\tdescription = x\n",
	"rule r\n  command = r\nbuild a: r b\t\n",
	"\tx = 1\n",
	"include nope.ninja\n",
	"subninja nope.ninja\n",
	"include\n",
	"include broken.ninja\n",
	"subninja broken.ninja x\n",
	"rule r\n  command = r\nbuild x: r in\nbuild x: r in\n",
	"rule r\n  command = r\n  dyndep = $dd\nbuild x: r in\n  dyndep = nope\n",
	"# a comment without an end",
	"rule r\n  command = r\nbuild out: r in |@\n  x\n",
	"rule r\n  command = r\nbuild out: r in |@ $x\n",
	"rule r\n  command = $command\nbuild out: r\n",
	"build = 3\n",
	"x = 1 $y ${z} ${z}$y $: $$ $x.y\ny\n",
	strings.Repeat("x", 100) + " y\n",
	"a = b\n" + strings.Repeat("x", 60) + " " + strings.Repeat("y", 60) + "\n",
	"build a: phony b\nbuild b: phony a\ndefault a\n",
	"build a: phony a\ndefault a\n",
	"build a b: phony a\n",
	"build a: phony | a\n",
	"rule r\r\n  command = r\r\nbuild a: r b\r\nbuild\r\n",
	"x = a\rb\n",
	"ninja_required_version = 99.0\n",
	"ninja_required_version = 0.1\nbuild\n",
	"rule r\n  command = r\n  deps = magic\nbuild out: r\n",
	"rule r\n  command = r\nbuild out: r missing\n",
	"rule r\n  command = r\nbuild all: phony out\nbuild out: r missing | also\n",
}

// samePlan runs a tool in both and compares all that they say. ours may name another
// version.
func samePlan(t *testing.T, dir string, args ...string) {
	t.Helper()
	a, b := ours(t, dir, args...), theirs(t, dir, args...)
	b.stderr = strings.ReplaceAll(b.stderr, "(1.11.1)", "("+Version+")")
	if slices.Contains(args, "-n") || slices.Contains(args, "-nv") {
		a.stdout, b.stdout = sortedCommands(a.stdout), sortedCommands(b.stdout)
	}
	if a != b {
		t.Errorf("%q: ours %+v\nninja %+v\nmanifest:\n%s", args, a, b, read(t, dir, "build.ninja"))
	}
}

// sortedCommands takes the counts out of the lines of a build: since 1.12 the longest chain
// goes first.
func sortedCommands(text string) string {
	lines := strings.Split(regexp.MustCompile(`(?m)^\[\d+/(\d+)\]`).ReplaceAllString(text, "[$1]"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestMistakesAsNinja(t *testing.T) {
	t.Parallel()
	realNinja(t)
	dir := folder(t, "broken.ninja", "y = 1\nrule\n")
	for _, text := range mistakes {
		write(t, dir, "build.ninja", text)
		samePlan(t, dir, "-n")
	}
	write(t, dir, "build.ninja", "x = 1\n")
	samePlan(t, dir)
	samePlan(t, dir, "-f", "nope.ninja")
}

// goodManifest has every part of the language.
const goodManifest = `ninja_required_version = 1.3
builddir = out
flags = -O2
in_file = src/a.c
pool link
  depth = 1
rule cc
  command = cc $flags $local -c $in -o $out && echo "$$HOME ${in_newline}" # not a comment
  description = CC $out in $builddir
  depfile = $out.d
  deps = gcc
rule link
  command = ld @$out.rsp -o $out $
    && echo $
        done
  rspfile = $out.rsp
  rspfile_content = $in $flags
  pool = link
  restat = 1
build $builddir/a.o: cc $in_file
build out/./b$ b.o | out/sub/../b.lst: cc src//b$:b.c | src/x.h || order
  local = -DX=$flags
  flags = -O0
build order: phony
build $builddir/app: link out/a.o out/b$ b.o |@ out/check
build out/check: cc src/check.c
  command = overridden $in
include more.ninja
subninja sub.ninja
build all: phony out/app out/sub.o
default all
default out/check
x.y = $x.y $flags
`

func TestToolsAsNinja(t *testing.T) {
	t.Parallel()
	realNinja(t)
	dir := folder(t,
		"build.ninja", goodManifest,
		"more.ninja", "flags = -O3\nbuild out/more.o: cc more.c\n",
		"sub.ninja", "flags = -Osub\nrule cc\n  command = subcc $flags $in\nbuild out/sub.o: cc sub.c\n")
	for _, name := range []string{"src/a.c", "src/b:b.c", "src/x.h", "src/check.c", "more.c", "sub.c"} {
		write(t, dir, name, "")
	}
	made := []string{"out/b b.o", "out/b.lst"} // by one edge: a target is cleaned alone
	for _, name := range made {
		write(t, dir, name, "")
	}
	samePlan(t, dir, "-n", "-t", "clean", "out/b.lst")
	for _, name := range made {
		os.Remove(filepath.Join(dir, name))
	}
	for _, args := range [][]string{
		{"-n", "-v"}, {"-n", "-v", "-j1", "out/app"}, {"-n", "-d", "keeprsp", "out/a.o"}, {"-n", "sub.c^"}, {"-n", "src/../sub.c^"},
		{"-n", "out//a.o", "--verbose"}, {"-n", "out/more.o", "--", "out/sub.o"}, {"-nv", "-k0", "-l5", "out/sub.o"},
		{"-t", "commands"}, {"-t", "commands", "-s", "out/app", "all"}, {"-t", "query", "out/app", "out/a.o", "order", "out/check", "out/b b.o"},
		{"-t", "targets"}, {"-t", "targets", "all"}, {"-t", "targets", "depth", "0"}, {"-t", "targets", "depth", "2"},
		{"-t", "targets", "rule"}, {"-t", "targets", "rule", "cc"}, {"-t", "targets", "nope"}, {"-t", "rules"}, {"-t", "rules", "-d"},
		{"-t", "compdb"}, {"-t", "compdb", "cc", "nope", "cc"}, {"-t", "compdb", "-x", "link"}, {"-t", "deps"}, {"-t", "deps", "out/a.o"},
		{"-t", "missingdeps"}, {"-t", "clean"}, {"-n", "-t", "clean"}, {"-v", "-t", "clean", "out/app"}, {"-t", "clean", "-r", "cc", "nope"},
		{"-t", "clean", "nope"}, {"-t", "clean", "-r"}, {"-t", "clean", "-h"}, {"-t", "cleandead"}, {"-t", "recompact"}, {"-t", "restat"},
		{"-t", "restat", "nope", "out/a.o"}, {"-t", "query"}, {"-t", "commands", "-z"},
		{"-t", "nope"}, {"-t", "claen"}, {"-d", "list"}, {"-d", "explian"}, {"-d", "zzzzzz"}, {"-w", "zzzzz"}, {"-j", "x"}, {"-k", "x"}, {"-l", "x"}, {"-j-1"},
		{"-C", "nope"}, {"-C", "build.ninja"}, {"nope"}, {"al"}, {"clean"}, {"help"}, {""}, {"zzzzz^"}, {"all^"},
		{"-f", "more.ninja"}, {"-f", ""},
	} {
		samePlan(t, dir, args...)
	}
}

// rootNode finds the path "/", which ninja lost until 1.12.
var rootNode = regexp.MustCompile(`(?m)(^|[\s"'])/([\s":']|$)`)

// FuzzManifest: no text makes the reader panic; both read a text, or neither; and what they
// read is the same.
func FuzzManifest(f *testing.F) {
	for _, text := range append(mistakes, goodManifest) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "ninja_required_version") || strings.Contains(text, "..") || strings.Contains(text, "dyndep") {
			t.Skip("versions differ in this")
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "build.ninja"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		query := append([]string{"-t", "query"}, outputs(ours(t, dir, "-t", "targets", "all").stdout)...)
		for _, args := range [][]string{{"-t", "targets", "all"}, {"-t", "commands"}, {"-t", "compdb"}, query} {
			a, b := ours(t, dir, args...), theirs(t, dir, args...)
			if rootNode.MatchString(a.stdout+a.stderr) || strings.Contains(a.stderr, "names itself") || strings.Contains(b.stderr, "[-w dupbuild=err]") || strings.Contains(a.stderr, "multiple times") || strings.Contains(a.stderr, "cycle in rule") {
				return
			}
			if a != b {
				t.Fatalf("%q of %q: ours %+v\nninja %+v", args, text, a, b)
			}
		}
	})
}

// outputs takes the paths from what -t targets all prints.
func outputs(text string) (paths []string) {
	for line := range strings.Lines(text) {
		if path, _, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(path, "-") && !strings.Contains(path, "\x00") {
			paths = append(paths, path)
		}
	}
	return paths
}

func ExampleVersion() {
	fmt.Println(Version)
	// Output: 1.13.0
}
