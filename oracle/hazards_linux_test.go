package oracle

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// hazard is one row of docs/correctness.md: a project that is built, changed and built
// again, each time beside a plain build.
type hazard struct {
	row    int
	name   string
	toml   string            // beneath [compilation]
	files  map[string]string // beneath the project
	before func(w *world)    // the first build
	change func(w *world)
	env    []string
	// makes are the units that the second build has to compile; none: whatever is
	// needed for the right object.
	makes []string
	// keeps: the second build must compile nothing.
	keeps bool
	// goes is one more change, after which nothing may be compiled.
	goesBack func(w *world)
}

const unit = "hazard:src/main.cpp"

// mainOf includes a header that defines VALUE.
var mainOf = map[string]string{
	"src/main.cpp":    "#include \"value.h\"\nint value = VALUE;\nint main() { return 0; }\n",
	"include/value.h": "#define VALUE 10001\n",
}

func with(more map[string]string) map[string]string {
	all := maps.Clone(mainOf)
	maps.Copy(all, more)
	return all
}

func write(file, text string) func(*world) {
	return func(w *world) { w.save("p/"+file, text, true) }
}

func environment(env ...string) func(*world) { return func(w *world) { w.extra = env } }

const other = "#define VALUE 20002\n"

var hazards = []hazard{
	{row: 1, name: "same size, same second", files: mainOf, change: write("include/value.h", other), makes: []string{unit},
		goesBack: write("include/value.h", mainOf["include/value.h"])},
	{row: 2, name: "written again and again within a tick", files: mainOf, makes: []string{unit}, change: func(w *world) {
		for range 20 {
			write("include/value.h", "#define VALUE 30003\n")(w)
			write("include/value.h", other)(w)
		}
	}},
	{row: 3, name: "time set back", files: mainOf, makes: []string{unit}, change: func(w *world) {
		info, err := os.Stat(w.abs("p/include/value.h"))
		w.must(err)
		write("include/value.h", other)(w)
		w.must(os.Chtimes(w.abs("p/include/value.h"), info.ModTime(), info.ModTime()))
	}},
	{row: 3, name: "only the time set back", files: mainOf, keeps: true, change: func(w *world) {
		info, err := os.Stat(w.abs("p/src/main.cpp"))
		w.must(err)
		at := info.ModTime().AddDate(-1, 0, 0)
		w.must(os.Chtimes(w.abs("p/include/value.h"), at, at))
	}},
	{row: 7, name: "shadowed beside the source", files: mainOf, change: write("src/value.h", other), makes: []string{unit},
		goesBack: func(w *world) { w.must(os.Remove(w.abs("p/src/value.h"))) }},
	{row: 7, name: "shadowed by CPATH", files: map[string]string{"src/main.cpp": mainOf["src/main.cpp"], "second/value.h": mainOf["include/value.h"]},
		toml: "include_dirs = []\n", env: []string{"CPATH=first:second"}, change: write("first/value.h", other), makes: []string{unit}},
	{row: 8, name: "missing folder", files: mainOf, toml: "cxx_flags = [\"-Iabsent\"]\n", change: write("absent/value.h", other), makes: []string{unit}},
	{row: 9, name: "asked for in vain", makes: []string{unit}, change: write("include/opt.h", ""),
		files: map[string]string{"src/main.cpp": "#if __has_include(<opt.h>)\nint has;\n#endif\nint main() { return 0; }\n", "include/x.h": ""}},
	{row: 9, name: "asked for, and goes", makes: []string{unit}, change: func(w *world) { w.must(os.Remove(w.abs("p/include/opt.h"))) },
		files: map[string]string{"src/main.cpp": "#if __has_include(<opt.h>)\nint has;\n#endif\nint main() { return 0; }\n", "include/opt.h": "", "include/x.h": ""}},
	{row: 10, name: "header deleted", files: mainOf, change: func(w *world) { w.must(os.Remove(w.abs("p/include/value.h"))) }},
	{row: 10, name: "header renamed", files: mainOf, change: func(w *world) {
		w.must(os.Rename(w.abs("p/include/value.h"), w.abs("p/include/values.h")))
	}},
	{row: 10, name: "header becomes a folder", files: mainOf, change: func(w *world) {
		w.must(os.Remove(w.abs("p/include/value.h")))
		w.must(os.Mkdir(w.abs("p/include/value.h"), 0o755))
	}},
	{row: 11, name: "link to a header turned", files: map[string]string{"src/main.cpp": mainOf["src/main.cpp"], "one.h": "#define VALUE 1\n", "two.h": "#define VALUE 2\n"},
		before: link("../one.h", "include/value.h"), change: link("../two.h", "include/value.h"), makes: []string{unit},
		goesBack: link("../one.h", "include/value.h")},
	{row: 11, name: "absolute link to a folder turned", files: map[string]string{"src/main.cpp": mainOf["src/main.cpp"], "one/value.h": "#define VALUE 1\n", "two/value.h": "#define VALUE 2\n"},
		before: func(w *world) { link(w.abs("p/one"), "include")(w) }, change: func(w *world) { link(w.abs("p/two"), "include")(w) }, makes: []string{unit}},
	{row: 13, name: "unusual names", makes: []string{unit}, change: write("include/a b\tc\xff$'\\\".h", other),
		files: map[string]string{"src/main.cpp": "#include \"a b\tc\xff$'\\\".h\"\nint value = VALUE;\nint main() { return 0; }\n", "include/x.h": "", "include/a b\tc\xff$'\\\".h": "#define VALUE 1\n"}},
	{row: 16, name: "specs file", toml: "compiler = \"g++\"\ncxx_flags = [\"-specs=my.specs\"]\n", files: with(map[string]string{"my.specs": "%rename cpp_options old\n*cpp_options:\n-DMORE=1 %(old)\n\n"}),
		change: write("my.specs", "%rename cpp_options old\n*cpp_options:\n-DMORE=2 %(old)\n\n")},
	{row: 17, name: "CPATH", files: with(map[string]string{"first/value.h": other}), change: environment("CPATH=first")},
	{row: 17, name: "CPLUS_INCLUDE_PATH", files: map[string]string{"src/main.cpp": "#include <value.h>\nint value = VALUE;\nint main() { return 0; }\n", "one/value.h": "#define VALUE 1\n", "two/value.h": "#define VALUE 2\n"},
		env: []string{"CPLUS_INCLUDE_PATH=one"}, change: environment("CPLUS_INCLUDE_PATH=two"), makes: []string{unit}, goesBack: environment("CPLUS_INCLUDE_PATH=one")},
	{row: 17, name: "a variable that does not matter", files: mainOf, change: environment("TERM=other", "SOMETHING=1"), keeps: true},
	{row: 18, name: "project reached through a link", toml: "debug = true\n", files: mainOf, keeps: true, change: func(w *world) {
		w.must(os.Symlink("p", w.abs("q")))
		w.through = "q"
	}},
	{row: 19, name: "__FILE__", files: with(map[string]string{"include/value.h": "#define VALUE 1\nstatic const char where[] = __FILE__;\n", "src/main.cpp": "#include \"value.h\"\nconst char *at = where;\nint main() { return 0; }\n"}),
		change: func(w *world) { w.must(os.Rename(w.abs("p/include/value.h"), w.abs("p/src/value.h"))) }, makes: []string{unit}},
	{row: 20, name: "response file", toml: "cxx_flags = [\"@flags.txt\"]\n", files: with(map[string]string{"flags.txt": "-DMORE=1\n", "src/main.cpp": "int more = MORE;\nint main() { return 0; }\n"}),
		change: write("flags.txt", "-DMORE=2\n")},
	{row: 21, name: "order of folders", toml: "cxx_flags = [\"-Ione\", \"-Itwo\"]\n", files: map[string]string{"src/main.cpp": mainOf["src/main.cpp"], "one/value.h": "#define VALUE 1\n", "two/value.h": "#define VALUE 2\n"},
		change: settingsOf("cxx_flags = [\"-Itwo\", \"-Ione\"]\n"), makes: []string{unit}, goesBack: settingsOf("cxx_flags = [\"-Ione\", \"-Itwo\"]\n")},
	{row: 21, name: "repeated definition", toml: "cxx_flags = [\"-Wno-macro-redefined\", \"-w\", \"-DX=1\", \"-DX=2\"]\n", files: map[string]string{"src/main.cpp": "int x = X;\nint main() { return 0; }\n"},
		change: settingsOf("cxx_flags = [\"-Wno-macro-redefined\", \"-w\", \"-DX=2\", \"-DX=1\"]\n"), makes: []string{unit}},
	{row: 21, name: "-include", toml: "cxx_flags = [\"-include\", \"forced.h\"]\n", files: with(map[string]string{"forced.h": "int forced = 1;\n"}), change: write("forced.h", "int forced = 2;\n"), makes: []string{unit}},
	{row: 35, name: "object changed in place", files: mainOf, keeps: true, change: func(w *world) {
		w.must(os.WriteFile(w.abs("p/build/obj/hazard/src/main.cpp.o"), []byte("stripped"), 0o644))
	}},
	{row: 56, name: "folder filled at once", files: mainOf, toml: "cxx_flags = [\"-Inew/deep\"]\n", change: write("new/deep/value.h", other), makes: []string{unit}},
	{row: 57, name: "folder deleted and made again", files: mainOf, makes: []string{unit}, change: func(w *world) {
		w.must(os.RemoveAll(w.abs("p/include")))
		write("include/value.h", other)(w)
	}},
	{row: 70, name: "ancestor renamed", files: mainOf, makes: []string{unit}, change: func(w *world) {
		write("other/value.h", other)(w)
		w.must(os.Rename(w.abs("p/include"), w.abs("p/was")))
		w.must(os.Rename(w.abs("p/other"), w.abs("p/include")))
	}},
	{row: 73, name: "new source", files: mainOf, change: write("src/more.cpp", "int more;\n"), makes: []string{"hazard:src/more.cpp"}},
}

func link(to, at string) func(*world) {
	return func(w *world) {
		abs := w.abs("p/" + at)
		w.must(os.MkdirAll(filepath.Dir(abs), 0o755))
		w.must(os.RemoveAll(abs))
		w.must(os.Symlink(to, abs))
	}
}

func settingsOf(toml string) func(*world) {
	return func(w *world) { w.saveHazard(toml) }
}

func (w *world) saveHazard(toml string) {
	text := "[project]\nname = \"hazard\"\n[compilation]\noptimization = \"0\"\n"
	if !bytes.Contains([]byte(toml), []byte("debug")) {
		text += "debug = false\n"
	}
	w.save("p/replibuild.toml", text+toml, true)
}

// TestHazards shows one half of the hazards to the services in one process and the
// other to the set: what TestOracle does of itself to both need not be done twice.
func TestHazards(t *testing.T) {
	t.Parallel()
	for _, set := range []bool{false, true} {
		name := "process"
		if set {
			name = "set"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFolder(t, 1)
			w.daemon = set
			for i, h := range hazards {
				if set != (i%2 == 0) {
					continue
				}
				t.Run(h.name, func(t *testing.T) { h.test(t, w) })
			}
		})
	}
}

// test uses one project for all hazards, one after the other: what the compilers are
// is found out once, and what lies about from the last is one hazard more.
func (h *hazard) test(t *testing.T, w *world) {
	if _, err := os.Stat("/usr/bin/g++"); err != nil && h.row == 16 {
		t.Skip("g++ is not installed")
	}
	w.t, w.through, w.extra = t, "", h.env
	w.saveHazard(h.toml) // without which it is no project
	w.clear()
	w.saveHazard(h.toml)
	for file, text := range h.files {
		w.save("p/"+file, text, true)
	}
	if h.before != nil {
		h.before(w)
	}
	w.sameAsPlain(w.build(nil))
	h.change(w)
	b := w.build(nil)
	w.sameAsPlain(b)
	compiled := b.compiled()
	if h.makes != nil && !slices.Equal(compiled, h.makes) || h.keeps && len(compiled) > 0 {
		t.Errorf("row %d: compiled %q: %s", h.row, compiled, b.summary())
	}
	if h.goesBack != nil {
		h.goesBack(w)
		b := w.build(nil)
		w.sameAsPlain(b)
		if compiled := b.compiled(); len(compiled) > 0 {
			t.Errorf("row %d, back again: compiled %q: %s", h.row, compiled, b.summary())
		}
	}
}

// clear removes the project and what was made of it, but not what is known of the
// compilers.
func (w *world) clear() {
	w.removeCache()
	w.removeTree(w.abs("p/build"))
	entries, err := os.ReadDir(w.root())
	w.must(err)
	for _, e := range entries {
		if !ours("p/" + e.Name()) {
			w.must(os.RemoveAll(w.abs("p/" + e.Name())))
		}
	}
}

func (b *built) compiled() (units []string) {
	for id, u := range b.units {
		if u.Status == ipc.StatusCompiled {
			units = append(units, id)
		}
	}
	slices.Sort(units)
	return units
}

// sameAsPlain compares all objects with those of the plan's commands.
func (w *world) sameAsPlain(b *built) {
	w.t.Helper()
	if b.err != nil {
		w.t.Fatal(b.err)
	}
	plan, err := w.project().Plan(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for u := range plan.Units() {
		line := plan.Line(u)
		want := w.plain.run(plan, line[:len(line)-2], "object")
		if failed := b.units[u.ID].Status == ipc.StatusFailed; failed != (want.output == nil) {
			w.t.Errorf("%s: failed is %v: %s; plainly %s", u.ID, failed, b.summary(), want.text)
			continue
		}
		if is, err := os.ReadFile(inRoot(plan.Root, u.Output())); want.output != nil && (err != nil || !bytes.Equal(is, want.output)) {
			w.t.Errorf("%s: the object is not what the compiler makes: %s", u.ID, b.summary())
		}
	}
}
