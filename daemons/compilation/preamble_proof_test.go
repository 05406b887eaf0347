package compilation

import (
	"cmp"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// Every source here is compiled plainly and with a preamble, in each of these ways,
// and the objects must be equal, with -g but for the debug information.
var proofModes = []string{"-O0", "-O0 -g", "-O2", "-O2 -g"}

// proofGroup is how many units are edited at a time: fewer than the service takes for
// being edited.
const proofGroup = 12

// prove compiles sources in one mode and returns how many were made with a preamble,
// and why the others were not.
func (p *project) prove(sources []string) (used int, others []string) {
	p.t.Helper()
	p.start()
	for group := range slices.Chunk(sources, proofGroup) {
		originals, plain := make(map[string]string), make(map[string]string)
		for _, s := range group {
			originals[s] = p.read(s)
			p.s.preambles.maker.isEdited(unitOf(s).ID)
		}
		first := p.all(group)
		for _, s := range group {
			if first[s].Reason.Preamble == "used" {
				p.t.Errorf("%s: the first compile had a preamble", s)
			}
			plain[s] = p.content(s)
		}
		p.idle()
		for _, s := range group {
			end := strings.Repeat("\n", strings.Count(originals[s][len(originals[s])-1:], "\n"))
			p.write(s, originals[s]+"\n// edited"+end)
		}
		second := p.all(group)
		for _, s := range group {
			if why := second[s].Reason.Preamble; why != "used" {
				others = append(others, s+": "+cmp.Or(why, second[s].Status))
				continue
			}
			used++
			if p.content(s) != plain[s] {
				p.t.Errorf("%s: the object is not what a plain compile makes (%s)", s, strings.Join(p.args, " "))
			}
			if a, b := first[s].Diagnostics, second[s].Diagnostics; sortedLines(a) != sortedLines(b) {
				p.t.Errorf("%s: the diagnostics are\n%s\nplainly\n%s", s, b, a)
			}
		}
	}
	return used, others
}

// all compiles sources that must compile.
func (p *project) all(sources []string) map[string]ipc.ActionResult {
	p.t.Helper()
	out, err := p.run(p.t.Context(), p.batch(sources...))
	if err != nil {
		p.t.Fatal(err)
	}
	for s, r := range out {
		if r.Status != ipc.StatusCompiled {
			p.t.Fatalf("%s: %s: %s\n%s", s, r.Status, r.Reason.Text, r.Diagnostics)
		}
	}
	return out
}

// content is that of an object, without debug information if it has some.
func (p *project) content(source string) string {
	p.t.Helper()
	object := p.path(unitOf(source).Output())
	if !hasDebug(p.args) {
		return p.readAbs(object)
	}
	copied := filepath.Join(p.t.TempDir(), "object.o")
	p.writeAbs(copied, p.readAbs(object))
	sum, err := withoutDebug(p.t.Context(), copied)
	if err != nil {
		p.t.Fatal(err)
	}
	return sum.String()
}

// proofSamples have something in them that a preamble could get wrong.
var proofSamples = map[string]string{
	"plain":           "#include <vector>\n#include <string>\nint main() { std::vector<std::string> v{\"a\"}; return v[0].size(); }\n",
	"comments":        "/* licence\n * #include <nothing>\n */\n// more\n#include <cstring> // why\n\n\nconst char *f() { return __FILE__; }\nint line() { return __LINE__; }\n",
	"CRLF":            "#include <cstring>\r\n// c\r\n#include <cstdlib>\r\nint line() {\r\n return __LINE__; }\r\n",
	"BOM":             "\xef\xbb\xbf#include <cstring>\nint line() { return __LINE__; }\nconst char *s = \"\xc3\xa9\";\n",
	"continued":       "#include \\\n <cstring>\n// a \\\n#include <cstdlib>\n#include <cstdio>\nint line() { return __LINE__; }\n",
	"conditional":     "#include <cstring>\n#ifdef __cplusplus\n# include <cstdio>\n#else\n# error \"no\"\n#endif\n#include <cstdlib>\n#if __has_include(\"maybe.h\")\n#endif\n#include <cstdio>\n#ifdef SET\n#endif\nint line() { return __LINE__; }\n",
	"macros":          "#define NAME \"h.h\"\n#define N 3\n#include NAME\n#undef N\n#include <cstddef>\n#ifndef N\nint n = H_N;\n#endif\nconst char *place = NAME;\n",
	"raw string":      "#include <cstring>\nconst char *r = R\"(\n#include <cstdlib>\n)\";\nint line() { return __LINE__; }\n",
	"include later":   "#include <cstring>\nint before;\n#include \"h.h\"\nint after = H_N;\n",
	"no line end":     "#include <cstring>\nint x;",
	"guard":           "#include \"h.h\"\n#ifndef GUARD\n#define GUARD\n#include \"h.h\"\nint x = H_N;\n#endif\n",
	"own header":      "#include \"h.h\"\n#include \"twice.h\"\n#include \"twice.h\"\nint x = twice1() + twice2();\n",
	"file names":      "#include <cassert>\n#include \"h.h\"\nvoid f(int i) { assert(i); check(i); where(); }\nconst char *g() { return __FILE_NAME__; }\n",
	"types unnamed":   "#include \"h.h\"\n#include <typeinfo>\nconst char *f() { return pretty(H_N); }\nconst char *g() { return typeid(h_class).name(); }\n",
	"inline and weak": "#include \"h.h\"\nint f() { return counted() + counted() + later<int>() + h_inline; }\nstatic int s = counted();\n",
	"thread local":    "#include \"h.h\"\n#include <iostream>\nint f() { return h_thread++; }\nvirt *make() { return new derived; }\n",
	"pragmas":         "#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wunused\"\n#include \"h.h\"\n#pragma GCC diagnostic pop\n#include \"packed.h\"\nint f(packed *p) { return p->i + sizeof(*p) + sizeof(unpacked); }\nstruct after { char c; int i; };\nint g = sizeof(after);\n",
	"warnings":        "#include \"warns.h\"\n#include <cstddef>\nint unused_arg(int a) { return later_warns(1); }\n",
	"exceptions":      "#include <stdexcept>\n#include <memory>\n#include <functional>\n#include <unordered_map>\nint f(std::function<int()> g) try { return g(); } catch (std::out_of_range &) { return 1; }\nstd::unordered_map<int, std::shared_ptr<int>> m;\n",
	"algorithms":      "#include <algorithm>\n#include <iostream>\n#include <map>\n#include <memory>\n#include <regex>\n#include <sstream>\n#include <string>\n#include <thread>\n#include <vector>\nint main() { std::map<std::string, int> m; std::cout << m[\"a\"]; std::vector<int> v{2, 1}; std::sort(v.begin(), v.end()); return v[0]; }\n",
}

// proofLarge take longest, and have nothing in them that others have not; on demand.
var proofLarge = []string{"algorithms", "exceptions"}

var proofHeaders = map[string]string{
	"h.h": "#ifndef H_H\n#define H_H\n#define H_N 7\n#include <cassert>\ninline int counted() { static int n; return ++n; }\n" +
		"template <class T> T later() { static T t; return ++t; }\ninline int h_inline = counted();\ninline thread_local int h_thread = 3;\n" +
		"struct virt { virtual ~virt() {} virtual int f() = 0; };\nstruct derived : virt { int f() override { return 1; } };\n" +
		"class h_class {};\ntemplate <class T> const char *pretty(T) { return __PRETTY_FUNCTION__; }\n" +
		"inline void check(int i) { assert(i > 1); }\ninline const char *where() { return __FILE__; }\n#endif\n",
	"twice.h":  "#ifndef ONCE\n#define ONCE\ninline int twice1() { return __LINE__; }\n#else\ninline int twice2() { return __LINE__; }\n#endif\n",
	"packed.h": "#pragma once\n#pragma pack(push, 1)\nstruct packed { char c; int i; };\n#pragma pack(pop)\nstruct unpacked { char c; int i; };\n",
	"warns.h": "#pragma once\n#warning \"look\"\nstatic inline int quiet(int unused) { return 1; }\n" +
		"template <class T> int later_warns(T) { int u; if (T t = 0) return 1; return -1u > T() ? 1 : 0; }\n",
}

// TestPreambleProof tries each sample in one of two modes; in all of them on demand.
func TestPreambleProof(t *testing.T) {
	t.Parallel()
	all := os.Getenv("REPLIBUILD_PREAMBLE_PROOF") != ""
	for i, mode := range proofModes {
		if !all && i%3 != 0 {
			continue
		}
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := withPreambles(t)
			p.args = append([]string{"-std=c++17", "-Wall", "-Wextra"}, strings.Fields(mode)...)
			var sources []string
			for name, text := range proofHeaders {
				p.write("src/"+name, text)
			}
			for n, name := range slices.Sorted(maps.Keys(proofSamples)) {
				if !all && (n%2 != i%2 || slices.Contains(proofLarge, name)) {
					continue
				}
				text := proofSamples[name]
				s := "src/" + strings.ReplaceAll(name, " ", "_") + ".cc"
				p.write(s, text)
				sources = append(sources, s)
			}
			if used, others := p.prove(sources); used != len(sources) {
				t.Errorf("%d of %d had a preamble, but not\n%s", used, len(sources), strings.Join(others, "\n"))
			}
		})
	}
}

// C has them too.
func TestPreambleProofOfC(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.lang, p.args = "c", []string{"-std=c11", "-O0", "-g", "-Wall", "-Wpedantic"}
	p.write("src/a.c", "#include <stdio.h>\n#include \"m.h\"\nint main(void) { struct s x = {M}; printf(\"%d %s\\n\", x.i, __FILE__); return 0; }\n")
	p.write("src/only.c", "#include \"m.h\"\n#define P(x) x\nstruct s P(s);\n")
	p.write("src/m.h", "#define M 3\nstruct s { int i; };\nstatic inline int unused(void) { return 0; }\n")
	if used, others := p.prove([]string{"src/a.c", "src/only.c"}); used != 2 {
		t.Errorf("%d of 2 had a preamble, but not\n%s", used, strings.Join(others, "\n"))
	}
}

// The name of a type without one has the place of a header in it, which clang spells
// in another way in a preamble: the unit is compiled plainly.
func TestPreambleTellsPlaces(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/h.h", "inline auto lambda = [](int i) { return i; };\nenum { one };\n"+
		"template <class T> const char *pretty(T) { return __PRETTY_FUNCTION__; }\n")
	for _, what := range []string{"lambda", "one"} {
		text := "#include \"h.h\"\nconst char *f() { return pretty(" + what + "); }\n"
		source := "src/" + what + ".cc"
		p.edited(source, text)
		p.write(source, text+"int y;\n")
		p.plain(what, source, "none: ")
	}
	// The comparison with which a preamble is made does not know of a later edit.
	const source, text = "src/later.cc", "#include \"h.h\"\nconst char *f() { return pretty(1); }\n"
	p.edited(source, text)
	p.write(source, text+"const char *g() { return pretty(lambda); }\n")
	p.plain("a later edit", source, "none: the object has the name of a place")
	p.write(source, text+"const char *g() { return pretty(lambda); }\nint z;\n")
	p.plain("and again", source, "none: the object has the name of a place")
}

// Clang emits what a header defines outright in another order from a preamble.
func TestPreambleOfDefinitions(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/one.h", "#pragma once\nint one();\nint two();\nint three();\n")
	p.write("src/h.h", "#include \"one.h\"\nint three() { return two() + one(); }\nint one() { return 1; }\nint two() { return 2; }\nint t = two(), o = one();\n")
	text := "#include \"h.h\"\nint four() { return three(); }\n"
	p.edited("src/a.cc", text)
	p.write("src/a.cc", text+"int five() { return 5; }\n")
	p.build("src/a.cc") // with or without: it depends on the version of clang
	p.sameAsPlain("src/a.cc")
}

// proofProject is a project from Debian's sources with the flags of its example.
type proofProject struct {
	name    string
	sources []string // globs
	except  *regexp.Regexp
	args    string
}

var proofProjects = []proofProject{
	{"leveldb", []string{"db/*.cc", "table/*.cc", "util/*.cc", "helpers/memenv/memenv.cc"}, regexp.MustCompile(`_test\.cc|_windows|testutil`),
		"-std=c++11 -Iinclude -I. -Ibuild/gen -DLEVELDB_PLATFORM_POSIX=1 -DLEVELDB_COMPILE_LIBRARY -fno-exceptions"},
	{"fmt", []string{"src/*.cc"}, regexp.MustCompile(`src/fmt\.cc`), "-std=c++17 -Iinclude -DFMT_EXPORT -fPIC"},
	{"yaml-cpp", []string{"src/*.cpp", "src/*/*.cpp", "util/parse.cpp"}, nil, "-std=c++11 -Iinclude -Isrc"},
	{"googletest", []string{"googletest/src/*.cc", "googlemock/src/*.cc", "googletest/samples/*.cc", "googlemock/test/gmock_test.cc"}, regexp.MustCompile(`-all\.cc`),
		"-std=c++11 -Igoogletest/include -Igooglemock/include -Igoogletest -Igooglemock"},
}

// TestPreambleProofReal takes an hour on 2 cores, so it runs on demand only:
// REPLIBUILD_PREAMBLE_PROOF is "all" or modes and projects, as in "leveldb,-O0,-O0 -g".
func TestPreambleProofReal(t *testing.T) {
	real, want := os.Getenv("REPLIBUILD_REAL"), os.Getenv("REPLIBUILD_PREAMBLE_PROOF")
	if real == "" || want == "" {
		t.Skip("REPLIBUILD_REAL and REPLIBUILD_PREAMBLE_PROOF are not set: see `make preamble-proof`")
	}
	wanted := strings.Split(want, ",")
	for _, project := range proofProjects {
		for _, mode := range proofModes {
			chosen := func(what string, all []string) bool {
				return slices.Contains(wanted, what) || !slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(all, w) })
			}
			if !chosen(mode, proofModes) || !chosen(project.name, proofNames()) {
				continue
			}
			t.Run(project.name+" "+mode, func(t *testing.T) { project.prove(t, filepath.Join(real, project.name), mode) })
		}
	}
}

func proofNames() (names []string) {
	for _, p := range proofProjects {
		names = append(names, p.name)
	}
	return names
}

// fill copies the sources into a project.
func (x *proofProject) fill(t *testing.T, p *project, from string) {
	if err := os.CopyFS(p.root, os.DirFS(from)); err != nil {
		t.Skipf("%s is not there: %v", from, err)
	}
	if x.name == "leveldb" {
		p.write("build/gen/port/port_config.h", "#define HAVE_FDATASYNC 1\n#define HAVE_O_CLOEXEC 1\n#define HAVE_CRC32C 0\n#define HAVE_SNAPPY 0\n")
	}
}

func (x *proofProject) prove(t *testing.T, from, mode string) {
	p := withPreambles(t)
	x.fill(t, p, from)
	p.args = append(strings.Fields(mode), strings.Fields(x.args)...)
	var sources []string
	for _, glob := range x.sources {
		found, _ := filepath.Glob(p.path(glob))
		for _, f := range found {
			if s, _ := filepath.Rel(p.root, f); x.except == nil || !x.except.MatchString(s) {
				sources = append(sources, s)
			}
		}
	}
	if len(sources) == 0 {
		t.Fatalf("%s has no sources", from)
	}
	used, others := p.prove(sources)
	t.Logf("%d of %d units had a preamble; not\n%s", used, len(sources), strings.Join(others, "\n"))
}

// TestPreambleInDebugger compares what gdb says of a program that was made plainly and
// one that was made with a preamble.
func TestPreambleInDebugger(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("gdb is not installed")
	}
	p := withPreambles(t)
	p.args = []string{"-std=c++17", "-O0", "-g"}
	p.write("src/t.h", "#pragma once\n#include <string>\nenum class color { red, green };\n"+
		"template <class T> struct box { T value; T get() const {\n  return value;\n} };\n"+
		"inline int twice(int n) {\n  int doubled = 2 * n;\n  return doubled;\n}\n")
	text := "#include \"t.h\"\n#include <vector>\nstatic color shade = color::green;\nstruct local { int a; box<int> b; };\n" +
		"int main() {\n  std::vector<int> v{1, 2};\n  std::string s = \"text\";\n  local l{3, {4}}; int n = 0;\n  box<std::string> b{s};\n" +
		"  n = twice(l.b.get()) + v[1];\n  return n + (shade == color::red);\n}\n"
	p.write("src/a.cc", text)
	p.start()
	p.s.preambles.maker.isEdited("app:src/a.cc")
	p.build("src/a.cc")
	plain := p.debug()
	p.idle()
	p.write("src/a.cc", text+"// edited\n")
	p.build("src/a.cc")
	if r := p.try("src/a.cc"); r.Status != ipc.StatusCached {
		t.Fatal(r.Status)
	}
	if p.s.records.get("app:src/a.cc").Mode != modePreamble {
		t.Fatal("the unit was made without a preamble")
	}
	if ours := p.debug(); ours != plain {
		t.Errorf("gdb says\n%s\nof the program with a preamble, plainly\n%s", ours, plain)
	}
	if !strings.Contains(plain, "doubled = 8") || !strings.Contains(plain, "type = struct local") || !strings.Contains(plain, "src/t.h:8") {
		t.Errorf("gdb does not say what it should:\n%s", plain)
	}
}

// addresses and numbers of processes are not the same twice.
var addresses = regexp.MustCompile(`0x[0-9a-f]+|process \d+|Thread .*|\[Inferior.*|warning: Error disabling.*`)

// debug links the object and steps through the program.
func (p *project) debug() string {
	p.t.Helper()
	program := filepath.Join(p.t.TempDir(), "program")
	if out, err := exec.CommandContext(p.t.Context(), p.tool.CXX, p.path(unitOf("src/a.cc").Output()), "-o", program).CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	args := []string{"-batch", "-nx"}
	for _, c := range []string{
		"set confirm off", "set disable-randomization off", "break 10", "break twice", "run", "info locals", "print l", "print v", "print s", "print b.value", "ptype l", "ptype v[0]",
		"whatis b", "print shade", "print color::red", "continue", "next", "info args", "info locals", "bt", "info source", "up", "info line", "info scope main", "list twice",
	} {
		args = append(args, "-ex", c)
	}
	cmd := exec.CommandContext(p.t.Context(), "gdb", append(args, program)...)
	cmd.Dir = p.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("gdb: %v\n%s", err, out)
	}
	return strings.ReplaceAll(addresses.ReplaceAllString(string(out), "…"), program, "program")
}

// TestPreambleGain logs what a preamble gains when one source is edited again and
// again, in turn with a service without any; it runs with the proof.
func TestPreambleGain(t *testing.T) {
	real := os.Getenv("REPLIBUILD_REAL")
	if real == "" || os.Getenv("REPLIBUILD_PREAMBLE_PROOF") == "" {
		t.Skip("REPLIBUILD_REAL and REPLIBUILD_PREAMBLE_PROOF are not set: see `make preamble-proof`")
	}
	leveldb := &proofProjects[0]
	for name, x := range map[string]struct {
		source string
		args   string
	}{
		"leveldb's db/db_impl.cc -O0 -g":    {"db/db_impl.cc", "-O0 -g " + leveldb.args},
		"leveldb's table/table.cc -O0":      {"table/table.cc", "-O0 " + leveldb.args},
		"a file of nine std headers -O0":    {"nine.cc", "-O0 -std=c++17"},
		"a file of nine std headers -O0 -g": {"nine.cc", "-O0 -g -std=c++17"},
	} {
		t.Run(name, func(t *testing.T) {
			ways := []struct {
				name           string
				preamble, warm bool
			}{{"plain", false, false}, {"warm", false, true}, {"preamble", true, false}, {"both", true, true}}
			projects := make([]*project, len(ways))
			seconds := make([][]float64, len(ways))
			for i, way := range ways {
				p := withPreambles(t)
				p.depfile = false
				if p.cfg.Warm = way.warm; !way.preamble {
					p.cfg.Preamble = PreambleOff
				}
				leveldb.fill(t, p, filepath.Join(real, "leveldb"))
				p.write("nine.cc", proofSamples["algorithms"])
				p.args = strings.Fields(x.args)
				projects[i] = p
			}
			for round := range 8 {
				for i, p := range projects {
					p.write(x.source, p.read(x.source)+"\n// edited\n")
					r := p.build(x.source)
					if ways[i].preamble {
						p.idle()
					}
					if round >= 3 {
						seconds[i] = append(seconds[i], r.Seconds)
						if used := r.Reason.Preamble == "used"; used != ways[i].preamble {
							t.Errorf("%s: preamble %q", ways[i].name, r.Reason.Preamble)
						}
					}
				}
			}
			for i := range ways {
				slices.Sort(seconds[i])
				t.Logf("%-8s median %.3f s, of plain %.2f", ways[i].name, seconds[i][2], seconds[i][2]/seconds[0][2])
			}
		})
	}
}
