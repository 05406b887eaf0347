package preload

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The proof by two observers: a command runs once with the preloaded object and once by the
// second observer, which sees every system call. What they report must be equal. Where it is
// not, the difference is one of explained.

// difference is one that may be.
type difference struct {
	only string // who reports it: "object" or "observer"
	what string // kinds of record, a regular expression
	path string // a regular expression
	why  string
}

var explained = []difference{
	{"observer", "read|missed|folder|seen", `^/etc/ld\.so\.(cache|preload|nohwcap)$|/glibc-hwcaps|\.so(\.[0-9.]+)?$`,
		"the dynamic loader's own calls. The object reports the libraries that were loaded, and where the loader looked is computed (loadersearch.go)"},
	{"observer", "missed|seen|folder|read", `/(tls|x86_64|haswell|avx512_1)$|/\.\./lib$`, "the folders that the dynamic loader searches for a library that is loaded later"},
	{"observer", "read|missed|listed|folder|seen", `^/usr/(lib|share)/locale|/locale-archive$|\.mo$|/gconv/|/gconv-modules|/C\.utf8/|/locale\.alias$`,
		"the C library's own calls for the language of messages. LANG and LC_* are inputs, and the catalogues belong to the system"},
	{"observer", "read|missed|seen", `^/etc/(nsswitch\.conf|passwd|group|host\.conf|resolv\.conf|hosts)$|/libnss_|^/(var/)?run/nscd`, "the C library's own calls for the names of users"},
	{"observer", "read|seen|missed", `^/etc/localtime$|^/usr/share/zoneinfo|^/etc/timezone$`, "the C library's own calls for the time zone. That the zone was asked for is recorded (clock.c)"},
	{"object", ".*", `^cc(/|$)`, whyStatistics},
	{"observer", ".*", `^cc(/|$)`, whyStatistics},
	{"observer", "volatile|read", `^/(proc|sys)/`, "what the C library and allocators ask the kernel: the number of processors, memory, mounts"},
}

// Reasons of differences that depend on what else was reported.
const (
	whyRealpath   = "realpath: the object reports one path to follow, the observer sees a readlink of each part of it"
	whyStatistics = "ccache chooses the file of its statistics anew in each run"
	whyOpened     = "a folder that was opened: of one whose names were read the object reports only that, and opendir is as good as reading them"
)

// reported are the facts of an observation, as "kind path".
func (p *proof) reported(o Observation) map[string]bool {
	facts := make(map[string]bool)
	for kind, paths := range map[string][]string{
		"read": o.Read, "folder": o.Folders, "listed": o.Listed, "link": o.Links, "missed": o.Missed,
		"written": o.Written, "executed": o.Executed, "program": o.Programs, "volatile": o.Volatile,
	} {
		for _, path := range paths {
			if kind == "listed" || kind == "folder" { // an open folder is known by its real path
				if real, err := filepath.EvalSymlinks(p.abs(path)); err == nil {
					path = p.spell(real)
				}
			}
			facts[kind+" "+path] = true
		}
	}
	for _, path := range o.Seen {
		if !facts["read "+path] {
			facts["seen "+path] = true
		}
	}
	for path, w := range o.Writes {
		if w.Updated {
			facts["kept "+path] = true
		}
	}
	return facts
}

// unexplained are the facts that only one of two reports has, and that no difference allows.
// used counts what was allowed, by reason.
func (p *proof) unexplained(object, observer map[string]bool) (lines []string) {
	parts := p.parts(object)
	for _, fact := range slices.Sorted(maps.Keys(object)) {
		if !observer[fact] {
			why := explanation("object", fact)
			if kind, path, _ := strings.Cut(fact, " "); kind == "link" && (path == "/" || parts.followed(p.abs(path), observer, p)) {
				why = whyRealpath
			} else if kind == "listed" && observer["folder "+path] {
				why = whyOpened
			}
			lines = p.count(lines, "object", fact, why)
		}
	}
	for _, fact := range slices.Sorted(maps.Keys(observer)) {
		if !object[fact] {
			why := explanation("observer", fact)
			if kind, path, _ := strings.Cut(fact, " "); kind != "read" && kind != "written" && kind != "listed" && parts[p.abs(path)] {
				why = whyRealpath
			} else if kind == "folder" && object["listed "+path] {
				why = whyOpened
			}
			lines = p.count(lines, "observer", fact, why)
		}
	}
	return lines
}

func (p *proof) count(lines []string, only, fact, why string) []string {
	if why == "" {
		return append(lines, only+" only: "+fact)
	}
	p.used[why]++
	return lines
}

func (p *proof) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.dir, path)
}

// pathParts are paths that one comes by who follows others part by part.
type pathParts map[string]bool

// parts are those of all links and misses of a report, and of what was written: of that no
// more is reported.
func (p *proof) parts(facts map[string]bool) pathParts {
	parts := make(pathParts)
	for fact := range facts {
		if kind, path, _ := strings.Cut(fact, " "); kind == "link" || kind == "missed" || kind == "written" {
			parts.add(p.abs(path), 0)
		}
	}
	return parts
}

func (parts pathParts) add(path string, depth int) {
	for at := "/"; depth < 40; {
		rest := strings.TrimPrefix(strings.TrimPrefix(path, at), "/")
		parts[at] = true
		if rest == "" {
			return
		}
		next, left, _ := strings.Cut(rest, "/")
		at = filepath.Join(at, next)
		if target, err := os.Readlink(at); err == nil {
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(at), target)
			}
			parts[at] = true
			parts.add(filepath.Join(target, left), depth+1)
			return
		}
	}
}

// followed reports whether the observer has a link, or that there is none, for the last part
// that a path leads to.
func (pathParts) followed(path string, observer map[string]bool, p *proof) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && (observer["link "+p.spell(real)] || observer["link "+p.spell(path)])
}

func (p *proof) spell(path string) string { return NewReader(p.dir).Spell(path) }

func explanation(only, fact string) string {
	kind, path, _ := strings.Cut(fact, " ")
	for _, d := range explained {
		if d.only == only && regexp.MustCompile(`^(`+d.what+`)$`).MatchString(kind) && regexp.MustCompile(d.path).MatchString(path) {
			return d.why
		}
	}
	return ""
}

// proof runs commands under both observers and compares.
type proof struct {
	t       *testing.T
	dir     string
	env     []string
	lib     Library
	used    map[string]int
	actions int
	seconds [3]float64 // without an observer, with the object, by the second observer
}

func newProof(t *testing.T, dir string) *proof {
	return &proof{t: t, dir: dir, env: testEnv("HOME="+dir, "PYTHONDONTWRITEBYTECODE=1"), lib: libraryFor(t, program(t, "sh")), used: make(map[string]int)}
}

// try runs a line of a shell three times: without an observer, so that what it makes is
// there, and with each observer.
func (p *proof) try(name, line string) {
	p.t.Helper()
	sh := program(p.t, "sh")
	var seen [3]Observation
	for way := range seen {
		trace, err := NewTrace()
		check(p.t, err)
		command, env := []string{sh, "-c", line}, p.env
		switch way {
		case 1:
			env = p.lib.Env(env, trace)
		case 2:
			command = append(append(p.lib.observe(trace, "all"), sh), command...)
		}
		begin := time.Now()
		out, err := run(p.t.Context(), 10*time.Minute, env, p.dir, command[0], command[1:]...)
		p.seconds[way] += time.Since(begin).Seconds()
		if err != nil {
			p.t.Errorf("%s: %v\n%s", name, err, out)
		}
		seen[way] = NewReader(p.dir).Observe(trace, nil, nil)
		check(p.t, trace.Close())
		if way > 0 && !seen[way].Complete {
			p.t.Errorf("%s: not complete: %s", name, seen[way].WhyNot)
		}
	}
	p.actions++
	if lines := p.unexplained(p.reported(seen[1]), p.reported(seen[2])); len(lines) > 0 {
		p.t.Errorf("%s: %s\n\t%s", name, line, strings.Join(lines, "\n\t"))
	}
}

// report says how much was compared, what was explained, and what watching costs.
func (p *proof) report() {
	var b strings.Builder
	fmt.Fprintf(&b, "%d actions; seconds without an observer %.2f, with the object %.2f (%.3f), by the second observer %.2f (%.3f)\n",
		p.actions, p.seconds[0], p.seconds[1], p.seconds[1]/p.seconds[0], p.seconds[2], p.seconds[2]/p.seconds[0])
	for _, why := range slices.Sorted(maps.Keys(p.used)) {
		fmt.Fprintf(&b, "%6d differences: %s\n", p.used[why], why)
	}
	p.t.Log(b.String())
}

// zooTool is a command of the zoo; {go} stands for a generator in Go.
type zooTool struct {
	name, needs, line string
	short             bool // it is part of the short form
}

var zoo = []zooTool{
	{"sh", "sh", "cat a.txt missing.txt d/*.txt > out/sh.txt 2>/dev/null; [ -x a.txt ] || [ a.txt -nt b.txt ]; . ./lib.sh; cd d && pwd > ../out/pwd.txt", true},
	{"bash", "bash", `bash -c 'shopt -s nullglob; for f in d/*.txt no/*.x; do echo "$f $(<"$f")"; done > out/bash.txt; source ./lib.sh; [[ -e nothing ]] || true'`, true},
	{"dash", "dash", `dash -c 'while read -r l; do echo "$l"; done < a.txt >> out/dash.txt; command -v cat; test -L link'`, false},
	{"python", "python3", `python3 -S -c 'import os, json, helper; json.dump([sorted(os.listdir("d")), open("a.txt").read(), os.path.exists("none"), os.path.realpath("link"), os.stat("b.txt").st_size], open("out/py.json", "w")); [r for r in os.walk("d")]'`, true},
	{"python and a child", "python3", `python3 -c 'import subprocess, glob; open("out/sub.txt", "wb").write(subprocess.check_output(["cat", *sorted(glob.glob("d/*.txt"))]))'`, false},
	{"perl", "perl", `perl -e 'opendir(D, "d"); @n = readdir D; open(F, "<", "a.txt"); open(G, ">", "out/perl.txt"); print G sort(@n), <F>; print G -e "none", -x "a.txt", readlink "link"; rename "out/perl.txt", "out/perl2.txt"'`, true},
	{"cmake -E", "cmake", "cmake -E copy a.txt out/copied.txt && cmake -E copy_if_different b.txt out/copied.txt && cmake -E touch out/stamp && cmake -E make_directory out/x/y && cmake -E compare_files a.txt a.txt && cmake -E cat a.txt && cmake -E rm -f out/copied.txt", false},
	{"cmake script", "cmake", "cmake -P gen.cmake", false},
	{"protoc", "protoc", "protoc --cpp_out=out m.proto", false},
	{"flex", "flex", "flex -o out/lex.c l.l", false},
	{"bison", "bison", "bison -d -o out/parse.c y.y", false},
	{"a generator in Go", "go", "./gen-go", false},
	{"a static program", "gcc", "./gen-static", true},
	{"cpp", "gcc", "gcc -E -Id x.c -o out/x.i", false},
	{"gcc", "gcc", "gcc -O1 -Id -c x.c -o out/x.o", false},
	{"g++ -save-temps", "g++", "g++ -pipe -g -MMD -c x.cpp -o out/xx.o", false},
	{"clang", "clang-19", "clang-19 -O1 -Id -c x.c -o out/cx.o", false},
	{"ar", "ar", "gcc -Id -c x.c -o out/x.o; rm -f out/l.a; ar qc out/l.a out/x.o; ar r out/l.a out/x.o; ar t out/l.a; ranlib out/l.a", false},
	{"strip", "strip", "gcc -Id -c x.c -o out/s.o; strip -g out/s.o; objcopy out/s.o out/s2.o; nm out/s2.o > out/nm.txt; objdump -h out/s2.o > out/dump.txt", false},
	{"ld.bfd", "ld.bfd", "gcc -Id x.c -fuse-ld=bfd -o out/bfd", true},
	{"gold", "ld.gold", "gcc -Id x.c -fuse-ld=gold -o out/gold", false},
	{"lld", "ld.lld-19", "clang-19 -Id x.c -fuse-ld=lld -o out/lld", false},
	{"mold", "mold", "gcc -Id x.c -fuse-ld=mold -o out/mold", false},
	{"ccache", "ccache", "CCACHE_DIR=$PWD/cc ccache gcc -Id -c x.c -o out/cc.o", false},
	{"coreutils", "sh", "cp -p a.txt out/cp.txt; mv out/cp.txt out/mv.txt; ln -sf ../a.txt out/ln; install -m 755 b.txt out/inst; mkdir -p out/m/n; readlink -f link; head -c1 a.txt; sort a.txt b.txt -o out/sort.txt; diff a.txt a.txt; cat a.txt | tee out/tee.txt; cp -r d out/; wc -l a.txt; touch out/t; rm -rf out/m", false},
	{"sed, awk, grep", "awk", `sed -e s/a/b/ a.txt > out/sed.txt; sed -i s/b/c/ out/sed.txt; awk '{print FILENAME}' a.txt b.txt > out/awk.txt; grep -r a d > out/grep.txt; find d -name '*.txt' > out/find.txt; ls -l d | xargs echo > out/ls.txt`, false},
	{"tar", "tar", "tar cf out/d.tar d a.txt && tar xf out/d.tar -C out && gzip -kf out/d.tar", false},
	{"make", "make", "make -f gen.mk -B out/made", false},
	{"git", "git", "git -c safe.directory='*' hash-object a.txt; git --version", false},
	{"m4", "m4", "m4 a.txt > out/m4.txt", false},
}

// fillZoo makes the files that the tools of the zoo read.
func fillZoo(t *testing.T) string {
	t.Helper()
	dir := write(t, "a.txt", "b\na\n", "b.txt", "text\n", "d/one.txt", "1\n", "d/two.txt", "2\n", "d/h.h", "#define H 1\n", "lib.sh", "X=1\n",
		"helper.py", "x = 1\n", "x.c", "#include <stdio.h>\n#include \"h.h\"\n#if __has_include(\"none.h\")\n#endif\nint main(void) { return puts(\"x\") == H; }\n",
		"x.cpp", "#include <string>\nstd::string f() { return \"x\"; }\n", "out/keep", "",
		"gen.cmake", "file(GLOB f d/*.txt)\nfile(READ a.txt t)\nconfigure_file(b.txt out/conf.txt)\nfile(WRITE out/cm.txt \"${f}${t}\")\n",
		"m.proto", "syntax = \"proto3\";\nmessage M { int32 a = 1; }\n", "l.l", "%%\n. ;\n%%\n", "y.y", "%token A\n%%\ns: A;\n",
		"gen.mk", "out/made: a.txt $(wildcard d/*.txt)\n\tcat $^ > $@\n-include missing.mk\n")
	symlink(t, "a.txt", filepath.Join(dir, "link"))
	static(t, dir, "gen-static", `int main(void) { char b[9]; FILE *f = fopen("a.txt", "r"), *o = fopen("out/st.txt", "w"); fgets(b, 9, f); fputs(b, o); access("none", R_OK); return 0; }`)
	return dir
}

// TestTwoObservers is the short form of the proof; `make observe-proof` runs all of it.
func TestTwoObservers(t *testing.T) {
	t.Parallel()
	p := newProof(t, fillZoo(t))
	for _, tool := range zoo {
		if _, err := exec.LookPath(tool.needs); err == nil && tool.short {
			p.try(tool.name, tool.line)
		}
	}
	p.report()
}

// wantProof skips a test that `make observe-proof` runs, and names the sources of the real
// projects.
func wantProof(t *testing.T) string {
	if os.Getenv("REPLIBUILD_OBSERVE_PROOF") == "" {
		t.Skip("REPLIBUILD_OBSERVE_PROOF is not set: see `make observe-proof`")
	}
	return os.Getenv("REPLIBUILD_REAL")
}

func TestTwoObserversZoo(t *testing.T) {
	wantProof(t)
	p := newProof(t, fillZoo(t))
	if _, err := exec.LookPath("go"); err == nil {
		compileGo(t, p.dir, "gen-go", strings.ReplaceAll(strings.ReplaceAll(goReader, `"read"`, `"a.txt"`), `"written"`, `"out/go.txt"`), false)
	}
	var missing []string
	for _, tool := range zoo {
		if _, err := exec.LookPath(tool.needs); err != nil {
			missing = append(missing, tool.name)
			continue
		}
		p.try(tool.name, tool.line)
	}
	p.report()
	if len(missing) > 0 {
		t.Logf("not installed here: %s", strings.Join(missing, ", "))
	}
}

// TestTwoObserversReal runs every command that CMake and ninja have for the real projects.
// REPLIBUILD_OBSERVE_PROOF is "all" or names of projects.
func TestTwoObserversReal(t *testing.T) {
	real, want := wantProof(t), os.Getenv("REPLIBUILD_OBSERVE_PROOF")
	for _, name := range []string{"leveldb", "fmt", "yaml-cpp", "googletest"} {
		if want != "all" && !slices.Contains(strings.Split(want, ","), name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			sources, build := filepath.Join(real, name), t.TempDir()
			configure := exec.CommandContext(t.Context(), program(t, "cmake"), "-G", "Ninja", "-S", sources, "-B", build,
				"-DLEVELDB_BUILD_TESTS=OFF", "-DLEVELDB_BUILD_BENCHMARKS=OFF", "-DFMT_TEST=OFF", "-DYAML_CPP_BUILD_TESTS=OFF", "-DCMAKE_POLICY_VERSION_MINIMUM=3.5")
			if out, err := configure.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), program(t, "ninja"), "-C", build, "-t", "commands").Output()
			check(t, err)
			p := newProof(t, build)
			for line := range strings.Lines(string(out)) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "ninja:") {
					p.try(fmt.Sprint("action ", p.actions+1), line)
				}
			}
			if p.actions == 0 {
				t.Error("void: it has no actions")
			}
			p.report()
		})
	}
}
