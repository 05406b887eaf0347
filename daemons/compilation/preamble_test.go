package compilation

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// withPreambles makes a project of clang's that keeps preambles.
func withPreambles(t *testing.T) *project {
	t.Helper()
	tool, ok := toolchains(t)["clang"]
	if !ok {
		t.Skip("clang-19 is not installed")
	}
	p := newProject(t, tool)
	p.usePreambles()
	p.depfile = true // a tracer takes a second to build
	return p
}

func (p *project) usePreambles() {
	p.cfg.PreambleDir, p.cfg.MaxPreamble = filepath.Join(filepath.Dir(p.cache), "preambles"), 256<<20
}

// idle waits until no preamble is wanted any more, and returns how many were made.
func (p *project) idle() int {
	p.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		made, waiting := p.start().preambles.counts()
		if waiting == 0 {
			return made
		}
		if time.Now().After(end) {
			p.t.Fatal("the preambles are not made")
		}
	}
}

// whileBusy keeps preambles from being made until do returns, as a request does.
func (p *project) whileBusy(do func()) {
	maker := p.start().preambles.maker
	maker.begins()
	defer maker.ends()
	do()
}

func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// edited compiles a source that counts as being edited, so that it has a preamble
// then if it can have one.
func (p *project) edited(source, text string) {
	p.t.Helper()
	p.write(source, text)
	p.start().preambles.maker.isEdited(unitOf(source).ID)
	p.build(source)
	p.idle()
}

// used compiles a source and expects that its preamble helped, and that the object is
// the plain compile's.
func (p *project) used(what, source string) ipc.ActionResult {
	p.t.Helper()
	r := p.build(source)
	if r.Status != ipc.StatusCompiled || r.Reason.Preamble != "used" {
		p.t.Errorf("%s: %s, preamble %q (%s)", what, r.Status, r.Reason.Preamble, r.Reason.Text)
	}
	p.sameAsPlain(source)
	return r
}

// plain compiles a source and expects that it is done without a preamble, for a
// reason that contains why.
func (p *project) plain(what, source, why string) ipc.ActionResult {
	p.t.Helper()
	r := p.build(source)
	if r.Status != ipc.StatusCompiled || r.Reason.Preamble == "used" || !strings.Contains(r.Reason.Preamble, why) {
		p.t.Errorf("%s: %s, preamble %q (%s), want one with %q", what, r.Status, r.Reason.Preamble, r.Reason.Text, why)
	}
	p.sameAsPlain(source)
	return r
}

const usesList = `#include "a.h"
#include <initializer_list>
int main() { std::initializer_list<int> v{a(), 2}; return v.size(); }
`

const usesHeader = "#include \"a.h\"\n#include <cstdlib>\nint main() { return a(); }\n"

// TestPreambleOfOneWhoSavesOften: a source that is saved before its preamble has been
// tried gets it all the same, without another compile of the block.
func TestPreambleOfOneWhoSavesOften(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/a.h", "inline int a() { return 1; }\n")
	p.write("src/a.cc", usesList)
	p.build("src/a.cc")
	drafts := func() []string {
		found, err := filepath.Glob(filepath.Join(p.cfg.PreambleDir, "*", pchFile))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	p.whileBusy(func() { // so that the preamble is made after the second save
		p.write("src/a.cc", usesList+"int edited;\n")
		p.plain("edited", "src/a.cc", "")
		p.write("src/a.cc", usesList+"int saved;\n")
	})
	if p.idle() != 0 {
		t.Fatal("a preamble was made that could not be tried")
	}
	first := drafts()
	if len(first) != 1 {
		t.Fatalf("the drafts are %q, want one", first)
	}
	p.plain("saved", "src/a.cc", "")
	if p.idle() != 1 || !slices.Equal(drafts(), first) {
		t.Errorf("made %d, of %q, want it of %q", p.idle(), drafts(), first)
	}
	p.write("src/a.cc", usesList+"int again;\n")
	p.used("saved again", "src/a.cc")

	// A draft of headers that have changed is of no use.
	p.write("src/b.cc", usesList)
	p.build("src/b.cc")
	p.whileBusy(func() { // so that the preamble is made after the second save
		p.write("src/b.cc", usesList+"int edited;\n")
		p.plain("edited", "src/b.cc", "")
		p.write("src/b.cc", usesList+"int saved;\n")
	})
	p.idle()
	p.write("src/a.h", "inline int a() { return 2; }\n")
	p.plain("another header", "src/b.cc", "")
	p.idle()
	p.write("src/b.cc", usesList+"int again;\n")
	p.used("saved again", "src/b.cc")
}

func TestPreambleUsed(t *testing.T) {
	t.Parallel()
	for _, depfile := range []bool{false, true} {
		t.Run(map[bool]string{false: "traced", true: "depfile"}[depfile], func(t *testing.T) {
			t.Parallel()
			p := withPreambles(t)
			p.depfile = depfile
			p.write("src/a.h", "inline int a() { return 1; }\n")
			p.write("src/a.cc", usesList)
			p.build("src/a.cc")
			if p.idle() != 0 {
				t.Error("a preamble was made of a source that nobody has edited")
			}
			p.write("src/a.cc", usesList+"int edited;\n")
			p.plain("edited", "src/a.cc", "")
			p.idle()
			p.write("src/a.cc", strings.Replace(usesList, "size()", "size() + 7", 1))
			p.used("edited again", "src/a.cc")
			_, untraced := p.s.tracers.status()
			for exe, why := range untraced {
				if why != errNotYet.Error() {
					t.Errorf("%s is not traced: %s", exe, why)
				}
			}
			p.expect("nothing to do", "src/a.cc", ipc.StatusCached, ipc.ReasonUnchanged)
			if seen := p.inputs("app:src/a.cc"); !strings.Contains(seen, " src/a.h ") || !strings.Contains(seen, "/initializer_list ") ||
				strings.Contains(seen, "preamble") {
				t.Errorf("the inputs are %s", seen)
			}
			p.remove("build")
			p.expect("outputs deleted", "src/a.cc", ipc.StatusCached, ipc.ReasonHit)
			p.sameAsPlain("src/a.cc")

			p.stop() // what is on the disk serves the next service
			p.write("src/a.cc", strings.Replace(usesList, "size()", "size() + 8", 1))
			p.used("after a restart", "src/a.cc")

			p.write("src/a.h", "inline int a() { return 2; }\n")
			p.plain("a header edited", "src/a.cc", "src/a.h changed since it was made")
			p.idle()
			p.write("src/a.cc", strings.Replace(usesList, "size()", "size() + 9", 1))
			p.used("edited after the header", "src/a.cc")
		})
	}
}

// inputs are the recorded inputs of a unit, between blanks.
func (p *project) inputs(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, f := range p.files[id] {
		b.WriteString(" " + f.Path + " ")
	}
	return b.String()
}

func TestPreambleValidity(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.depfile = false
	p.args = append(p.args, "-Ifirst", "-Isecond")
	for _, f := range []string{"src/util.h", "second/util.h", "second/found.h", "src/sub/deep.h"} {
		p.write(f, "#pragma once\ninline const char *"+strings.NewReplacer("/", "_", ".", "_").Replace(f)+"() { return __FILE__; }\n")
	}
	text := "#include \"util.h\"\n#include <util.h>\n#include \"found.h\"\n#include \"sub/deep.h\"\n" +
		"#if __has_include(\"maybe.h\")\n#include \"maybe.h\"\n#endif\n#include <cstddef>\n" +
		"const char *f(int i) { return i == 0 ? src_util_h() : i == 1 ? second_util_h() : second_found_h(); }\n" +
		"const char *g() { return src_sub_deep_h(); }\nint line() { return __LINE__; }\nconst char *file() { return __FILE__; }\n"
	if err := os.MkdirAll(p.path("first"), 0o755); err != nil {
		t.Fatal(err)
	}
	edits := 0
	edit := func() {
		edits++
		p.write("src/a.cc", text+strings.Repeat("\n", edits)+"int after() { return __LINE__; }\n")
	}
	p.edited("src/a.cc", text)
	edit()
	p.used("the right util.h of three places", "src/a.cc")

	p.write("second/found.h", p.read("second/found.h"))
	edit()
	p.used("a header was touched", "src/a.cc")

	p.write("first/found.h", "inline const char *second_found_h() { return \"shadow\"; }\n")
	edit()
	p.plain("a shadowing header appeared", "src/a.cc", "first/found.h appeared")
	p.idle()
	edit()
	p.used("with the shadowing header", "src/a.cc")

	p.write("src/maybe.h", "#define MAYBE\n")
	edit()
	p.plain("a header came that was asked for", "src/a.cc", "src/maybe.h appeared")
	p.idle()

	p.remove("src/maybe.h")
	edit()
	p.plain("it went", "src/a.cc", "src/maybe.h was removed")
	p.idle()

	p.write("src/a.cc", "#include <cstdint>\n"+text)
	p.plain("the includes themselves were edited", "src/a.cc", "")
	p.idle()
	p.write("src/a.cc", "#include <cstdint>\n"+text+"int more;\n")
	p.used("after that", "src/a.cc")
	edit()
	p.used("and back", "src/a.cc")

	// The driver makes options of variables: the compiler proper does not ask for them.
	p.write("third/found.h", "inline const char *second_found_h() { return \"by a variable\"; }\n")
	p.remove("first/found.h")
	p.remove("second/found.h")
	p.env = append(slices.Clone(p.env), "CPATH=third")
	edit()
	p.build("src/a.cc")
	p.idle()
	edit()
	p.used("with a variable", "src/a.cc")
	p.write("fourth/found.h", "inline const char *second_found_h() { return \"by another\"; }\n")
	p.env = append(slices.Clone(p.env), "CPATH=fourth:third")
	edit()
	p.plain("another value", "src/a.cc", "CPATH changed")
}

// What is done while a preamble is at hand must not make a wrong object of it.
func TestPreambleDamaged(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/a.h", "inline int a() { return 1; }\n")
	p.edited("src/a.cc", usesHeader)
	pch, _ := filepath.Glob(filepath.Join(p.cfg.PreambleDir, "*", pchFile))
	if len(pch) != 1 {
		t.Fatalf("there are %d preambles", len(pch))
	}
	b := []byte(p.readAbs(pch[0]))
	b[len(b)/2] ^= 1
	p.writeAbs(pch[0], string(b))
	p.write("src/a.cc", usesHeader+"int b;\n")
	p.plain("one bit is wrong", "src/a.cc", "gone or damaged")
	p.idle()
	p.write("src/a.cc", usesHeader+"int c;\n")
	p.used("made again", "src/a.cc")

	if err := os.RemoveAll(p.cfg.PreambleDir); err != nil {
		t.Fatal(err)
	}
	p.write("src/a.cc", usesHeader+"int d;\n")
	p.plain("all are gone", "src/a.cc", "gone or damaged")
}

// A compile error is reported as the plain compiler reports it.
func TestPreambleOfBadSource(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/a.h", "inline int a() { return 1; }\n")
	p.edited("src/a.cc", usesHeader)
	p.write("src/a.cc", usesHeader+"int bad() { return undeclared; }\n")
	r := p.try("src/a.cc")
	if r.Status != ipc.StatusFailed || !strings.Contains(r.Diagnostics, "src/a.cc:4:20: error:") {
		t.Errorf("%s\n%s", r.Status, r.Diagnostics)
	}
	p.write("src/a.cc", usesHeader+"int good() { return 0; }\n")
	p.used("repaired", "src/a.cc")
}

func TestPreambleDiagnostics(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.depfile = false
	p.args = append(p.args, "-Wall", "-Wextra", "-Wpedantic")
	p.write("src/a.h", "#pragma once\n#include \"b.h\"\nstatic int undefined(int x);\nstatic inline int unused_arg(int x) { return 1; }\n"+
		"template <class T> int later(T t) { int u; return t; }\n")
	p.write("src/b.h", "#pragma once\n#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wunused-variable\"\n"+
		"template <class T> int quiet(T t) { int v; return t; }\n#pragma GCC diagnostic pop\n#warning \"from b.h\"\n")
	text := "#include \"a.h\" // c\n#include <cstddef>\nint f(int y) { return later(1) + quiet(2) + undefined(3); }\n"
	p.edited("src/a.cc", text)
	p.write("src/a.cc", text+"int g(int z) { return 0; }\n")
	r := p.used("edited", "src/a.cc")
	line := p.plainLine("src/a.cc", "/dev/null")
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Dir = p.root
	want, _ := cmd.CombinedOutput()
	if sortedLines(r.Diagnostics) != sortedLines(string(want)) {
		t.Errorf("the diagnostics are\n%s\nwant\n%s", r.Diagnostics, want)
	}
	p.remove("build")
	if again := p.expect("from the cache", "src/a.cc", ipc.StatusCached, ipc.ReasonHit); again.Diagnostics != r.Diagnostics {
		t.Errorf("the cache has\n%s", again.Diagnostics)
	}
}

// Each of these has a reason why there is no preamble.
func TestPreambleDisqualified(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header, source string
		args           []string
		why            string
	}{
		"date":            {header: "inline const char *d() { return __DATE__; }", why: "__DATE__"},
		"counter":         {header: "inline int d() { return __COUNTER__; }", why: "__COUNTER__"},
		"in the source":   {source: "#define C __COUNTER__\n#include \"h.h\"\nint x = C;\n", why: "__COUNTER__"},
		"open pack":       {header: "#pragma pack(push, 1)", source: "#include \"h.h\"\nstruct s { char c; int i; }; int x = sizeof(s);\n#pragma pack(pop)\n", why: "push open, of pack"},
		"pack":            {header: "#pragma pack(1)", source: "#include \"h.h\"\nstruct s { char c; int i; }; int x = sizeof(s);\n", why: "#pragma pack"},
		"open diagnostic": {header: "_Pragma(\"GCC diagnostic push\")", why: "push open, of diagnostic"},
		"diagnostic":      {header: "#pragma GCC diagnostic ignored \"-Wall\"", why: "#pragma GCC diagnostic"},
		"push_macro":      {header: "#pragma push_macro(\"X\")", source: "#include \"h.h\"\n#pragma pop_macro(\"X\")\nint x;\n", why: "push_macro"},
		"attribute":       {header: "#pragma clang optimize off", why: "#pragma clang optimize"},
		"open namespace":  {header: "namespace n {", source: "#include \"h.h\"\nint x; }\n", why: "does not compile by itself"},
		"no includes":     {source: "int x;\n", why: "does not begin with includes"},
		"conditional":     {source: "#ifdef __cplusplus\n#include \"h.h\"\n#endif\nint x;\n", why: "does not begin with includes"},
		"forced include":  {args: []string{"-include", "src/h.h"}, why: "includes src/h.h"},
		"modules":         {args: []string{"-fmodules"}, why: "-fmodules"},
		"saved":           {args: []string{"-save-temps=obj"}, why: "-save-temps"},
		"coverage":        {args: []string{"--coverage"}, why: "--coverage"},
		"assembler":       {args: []string{"-fno-integrated-as"}, why: "-fno-integrated-as"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := withPreambles(t)
			p.args = append(p.args, tt.args...)
			source := tt.source
			if source == "" {
				source = "#include \"h.h\"\nint x;\n"
			}
			p.write("src/h.h", tt.header+"\n")
			p.edited("src/a.cc", source)
			p.write("src/a.cc", source+"int y;\n")
			r := p.build("src/a.cc")
			if r.Status != ipc.StatusCompiled || !strings.HasPrefix(r.Reason.Preamble, "none: ") || !strings.Contains(r.Reason.Preamble, tt.why) {
				t.Errorf("%s, preamble %q, want one with %q", r.Status, r.Reason.Preamble, tt.why)
			}
			if p.idle() != 0 {
				t.Error("a preamble was made")
			}
		})
	}
}

// What means something else in a preamble is found wherever it stands as a word.
func TestSpecialWord(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"__DATE__", "__TIME__", "__TIMESTAMP__", "__BASE_FILE__", "__COUNTER__", "__INCLUDE_LEVEL__",
		"__builtin_FILE", "__builtin_source_location", "__builtin_FILE_NAME",
	} {
		if got := specialWord([]byte("#include <a>\n#define X f(" + word + ")\n")); got != word {
			t.Errorf("%s: %q", word, got)
		}
		if got := specialWord([]byte("int my" + word + ", " + word + "x;")); got != "" {
			t.Errorf("within another word: %q", got)
		}
	}
}

func TestPreambleModes(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.args = append(p.args, "-g")
	p.write("src/a.h", "inline int a() { return 1; }\n")
	p.edited("src/a.cc", usesHeader)
	p.write("src/a.cc", usesHeader+"int b;\n")
	if r := p.build("src/a.cc"); r.Reason.Preamble != "used" {
		t.Errorf("with -g: %q", r.Reason.Preamble)
	}
	p.stop()
	p.cfg.Preamble = PreambleExact
	r := p.build("src/a.cc")
	if r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonFlags || !strings.Contains(r.Reason.Text, "made with a preamble") {
		t.Errorf("with \"exact\": %s because of %s (%s)", r.Status, r.Reason.Code, r.Reason.Text)
	}
	p.sameAsPlain("src/a.cc")
	p.write("src/a.cc", usesHeader+"int c;\n")
	p.plain("with \"exact\" and -g", "src/a.cc", "exact")
	p.remove("build")
	p.expect("the plain one is delivered", "src/a.cc", ipc.StatusCached, ipc.ReasonHit)
	p.sameAsPlain("src/a.cc")

	p.stop()
	p.cfg.Preamble = PreambleOff
	p.write("src/a.cc", usesHeader+"int d;\n")
	p.plain("with \"off\"", "src/a.cc", "")
}

// The folder stays within its limit; what was used least recently goes.
func TestPreambleRoom(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/a.h", "inline int a() { return 1; }\n")
	sources := []string{"src/a.cc", "src/b.cc", "src/c.cc"}
	p.edited(sources[0], usesHeader)
	one := folderSize(p.folders()[0])
	p.stop()
	p.cfg.MaxPreamble = 2*one + one/2
	for _, s := range sources {
		p.edited(s, usesHeader)
	}
	if left := p.folders(); len(left) != 2 {
		t.Fatalf("%d preambles are left", len(left))
	}
	p.write(sources[0], usesHeader+"int x;\n")
	p.plain("the oldest", sources[0], "")
	p.write(sources[2], usesHeader+"int x;\n")
	p.used("the newest", sources[2])
}

func (p *project) folders() []string {
	dirs, _ := filepath.Glob(filepath.Join(p.cfg.PreambleDir, "*"))
	return dirs
}

// A batch does not wait for a preamble that is being made, which is made after it.
func TestPreambleGivesWay(t *testing.T) {
	t.Parallel()
	p := withPreambles(t)
	p.write("src/a.h", "inline int a() { return 1; }\n")
	p.write("src/a.cc", usesHeader)
	p.build("src/a.cc")
	p.write("src/a.cc", usesHeader+"int b;\n")
	p.build("src/a.cc")
	k := p.s.preambles.maker
	testkit.Until(t, "the preamble's beginning", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.stop != nil
	})
	p.write("src/b.cc", "int b;\n")
	p.build("src/b.cc")
	if n := p.idle(); n != 1 {
		t.Errorf("%d preambles were made", n)
	}
	p.write("src/a.cc", usesHeader+"int c;\n")
	p.used("after all", "src/a.cc")
}
