package compilation

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// besideFlagSets are flags with which compilers write more than the object, or put its name
// into what they write. only is the compiler that knows them, "" for both.
var besideFlagSets = []struct{ only, flags string }{
	{"", "--coverage"}, {"", "-g -gsplit-dwarf"}, {"", "-fstack-usage"}, {"clang", "-ftime-trace"}, {"", "-save-temps=obj"},
	{"gcc", "-Wa,-adhln=build/main.lst"}, {"", "-Wp,-MMD,build/deps.d"}, {"", "-MD -MF build/own.d"}, {"", "-MMD"},
	{"clang", "-Xclang -dependency-dot -Xclang build/deps.dot"}, {"clang", "-fproc-stat-report=build/stats.csv"},
	{"", "-fprofile-generate"}, {"clang", "-fprofile-instr-generate"}, {"gcc", "-fcallgraph-info"}, {"clang", "-fsave-optimization-record -O1"},
	{"gcc", "-fsave-optimization-record -O1"}, {"clang", "-MJ build/one.json"}, {"gcc", "-fdump-tree-optimized -O1"},
	{"gcc", "-flto"}, {"clang", "-flto=thin"}, {"clang", "-frecord-command-line"}, {"clang", "-g -grecord-command-line"}, {"gcc", "-frecord-gcc-switches"},
	{"clang", "--serialize-diagnostics build/main.dia"}, {"gcc", "-aux-info build/main.aux"}, {"gcc", "-Wa,--MD,build/as.d"},
}

// eachFlagSet runs a test with each set of flags and each compiler that knows them.
func eachFlagSet(t *testing.T, test func(t *testing.T, p *project)) {
	t.Helper()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		for _, set := range besideFlagSets {
			if set.only != "" && set.only != family {
				continue
			}
			t.Run(family+" "+set.flags, func(t *testing.T) {
				t.Parallel()
				p := newProject(t, tool)
				p.args = append(p.args, strings.Fields(set.flags)...)
				p.write("src/value.h", "inline int value() { return 1; }\n")
				p.write("src/main.cpp", "#include \"value.h\"\nint f(int n) { int s = 0; for (int i = 0; i < n; i++) s += value() * i; return s; }\n")
				p.write("build/kept", "")
				test(t, p)
			})
		}
	}
}

// builtFiles are the files beneath the build folder, by name, but for one that keeps it.
func (p *project) builtFiles() map[string]string {
	p.t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(p.path("build"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "kept" {
			return err
		}
		files[strings.TrimPrefix(path, p.root+"/")] = p.readAbs(path)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return files
}

// clean empties the build folder.
func (p *project) clean() {
	p.t.Helper()
	p.remove("build")
	p.write("build/kept", "")
}

// plainFiles are the files that the plain compiler makes in a build folder.
func (p *project) plainFiles(source string) map[string]string {
	p.t.Helper()
	p.clean()
	if err := os.MkdirAll(filepath.Dir(p.path(unitOf(source).Output())), 0o755); err != nil {
		p.t.Fatal(err)
	}
	line := p.plainLine(source, unitOf(source).Output())
	cmd := exec.CommandContext(p.t.Context(), line[0], line[1:]...)
	cmd.Dir, cmd.Env = p.root, environment.ForCommands(p.env, p.root)
	if text, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("plain compile: %v\n%s", err, text)
	}
	return p.builtFiles()
}

func (p *project) sameFiles(what string, got, want map[string]string, unsteady map[string]bool) {
	p.t.Helper()
	if names, wanted := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(names, wanted) {
		p.t.Errorf("%s: files %q, want %q", what, names, wanted)
	}
	for name, text := range want {
		if got[name] != text && !unsteady[name] {
			p.t.Errorf("%s: %s differs: %.300q, want %.300q", what, name, got[name], text)
		}
	}
}

// All that a compiler writes beside the object is as a plain compile writes it, and comes
// back from the cache together with the object: after the build folder was deleted, after a
// restart, and without what the service remembers.
func TestFilesBeside(t *testing.T) {
	t.Parallel()
	const source = "src/main.cpp"
	eachFlagSet(t, func(t *testing.T, p *project) {
		plain, again := p.plainFiles(source), p.plainFiles(source)
		unsteady := make(map[string]bool) // what the compiler itself does not make twice
		for name, text := range plain {
			unsteady[name] = again[name] != text
		}
		p.clean()
		p.expect("first", source, ipc.StatusCompiled, ipc.ReasonNew)
		first := p.builtFiles()
		p.sameFiles("beside a plain compile", first, plain, unsteady)
		if r := p.build(source); !r.InPlace {
			t.Errorf("again: %s because of %s", r.Status, r.Reason.Text)
		}
		for _, step := range []string{"deleted", "restarted", "without its memory"} {
			p.clean()
			if step != "deleted" {
				p.stop()
			}
			if step == "without its memory" {
				if err := os.Remove(p.state); err != nil {
					t.Fatal(err)
				}
			}
			if r := p.build(source); r.Status != ipc.StatusCached || r.InPlace {
				t.Errorf("%s: %s because of %s", step, r.Status, r.Reason.Text)
			}
			p.sameFiles(step, p.builtFiles(), first, nil)
		}
		for name := range first {
			p.remove(name)
			if r := p.build(source); r.Status != ipc.StatusCached || r.InPlace {
				t.Errorf("%s deleted: %s because of %s", name, r.Status, r.Reason.Text)
			}
			p.sameFiles(name+" deleted", p.builtFiles(), first, nil)
		}
		p.write("src/value.h", "inline int value() { return 2; }\n")
		if r := p.build(source); r.Status != ipc.StatusCompiled {
			t.Errorf("edited: %s because of %s", r.Status, r.Reason.Text)
		}
		p.write("src/value.h", "inline int value() { return 1; }\n")
		if r := p.build(source); r.Status != ipc.StatusCached {
			t.Errorf("edited back: %s because of %s", r.Status, r.Reason.Text)
		}
		p.sameFiles("edited back", p.builtFiles(), first, nil)
	})
}

// A flag that is not in the table of those that see the object's name makes the same under
// every name.
func TestNamedFlags(t *testing.T) {
	t.Parallel()
	const source = "src/main.cpp"
	eachFlagSet(t, func(t *testing.T, p *project) {
		plain, again := p.plainFiles(source), p.plainFiles(source)
		object := unitOf(source).Output()
		other := strings.Replace(object, "main.cpp.o", ".other.o", 1)
		p.clean()
		if err := os.MkdirAll(filepath.Dir(p.path(object)), 0o755); err != nil {
			t.Fatal(err)
		}
		line := p.plainLine(source, p.path(other))
		cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
		cmd.Dir, cmd.Env = p.root, environment.ForCommands(p.env, p.root)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("plain compile: %v\n%s", err, text)
		}
		renamed := p.builtFiles()
		renamed[object] = renamed[other]
		delete(renamed, other)
		sees := !slices.Equal(slices.Sorted(maps.Keys(renamed)), slices.Sorted(maps.Keys(plain)))
		for name, text := range plain {
			sees = sees || again[name] == text && renamed[name] != text
		}
		if named := readFlags(p.args).named; sees && named == "" {
			t.Error("the compiler makes other files under another name, and the table does not have the flag")
		}
	})
}

// linkFlagSets are flags with which linkers write more than the output.
var linkFlagSets = []string{
	"-Wl,-Map=build/app.map", "-Wl,-Map,build/app.map", "-Xlinker -Map=build/app.map", "-Wl,--dependency-file=build/app.d", "-flto -save-temps=obj",
}

// What a linker writes beside its output is as a plain link writes it, and comes back from
// the cache with the output.
func TestLinkFilesBeside(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		for name, program := range linkers() {
			for _, flags := range linkFlagSets {
				t.Run(family+" "+name+" "+flags, func(t *testing.T) {
					t.Parallel()
					p := newProject(t, tool)
					p.tool.Linker, p.tool.LinkerPath = name, program
					p.testLinkBeside(strings.Fields(flags))
				})
			}
		}
	}
}

func (p *project) testLinkBeside(flags []string) {
	t := p.t
	t.Helper()
	if p.tool.Linker != "" && p.tool.Family == "gcc" {
		flags = append(flags, "-fuse-ld="+p.tool.Linker)
	} else if p.tool.Linker != "" {
		flags = append(flags, "--ld-path="+p.tool.LinkerPath)
	}
	p.write("main.cpp", "int main() { return 0; }\n")
	objects := p.objects("main.cpp")
	target := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++", LinkFlags: flags}
	plain, err := p.plainLink(target, objects)
	if err != nil {
		t.Skipf("the linker itself fails: %v", err)
	}
	again, err := p.plainLink(target, objects)
	if err != nil {
		t.Fatal(err)
	}
	unsteady := make(map[string]bool)
	for name, text := range plain {
		unsteady[name] = again[name] != text
	}
	p.removeLinked(objects)
	if r := p.link(target, objects...); r.Status != ipc.StatusCompiled {
		t.Fatalf("first: %s because of %s\n%s", r.Status, r.Reason.Text, r.Diagnostics)
	}
	first := p.builtFiles()
	p.sameFiles("beside a plain link", first, plain, unsteady)
	for _, what := range []string{"again", "deleted", "restarted"} {
		if what != "again" {
			p.removeLinked(objects)
		}
		if what == "restarted" {
			p.stop()
		}
		if r := p.link(target, objects...); r.Status != ipc.StatusCached || r.InPlace != (what == "again") {
			t.Errorf("%s: %s because of %s", what, r.Status, r.Reason.Text)
		}
		p.sameFiles(what, p.builtFiles(), first, nil)
	}
}

// plainLink links by the plain command, and returns what lies in the build folder then.
func (p *project) plainLink(target linkTarget, objects []string) (map[string]string, error) {
	p.t.Helper()
	p.removeLinked(objects)
	req := target.request(p, objects)
	line := req.Commands[0].Line(p.tool, &req.Actions[0].Action, target.Output)
	cmd := exec.CommandContext(p.t.Context(), line[0], line[1:]...)
	cmd.Dir, cmd.Env = p.root, environment.ForCommands(p.env, p.root)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return p.builtFiles(), nil
}

// removeLinked removes all but the objects from the build folder.
func (p *project) removeLinked(objects []string) {
	p.t.Helper()
	for name := range p.builtFiles() {
		if !slices.Contains(objects, name) {
			p.remove(name)
		}
	}
}
