package oracle

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// settings is what replibuild.toml says.
type settings struct {
	compiler     string
	includeDirs  []string // relative to the root, or absolute
	defines      []string
	flags        []string // of C and C++
	optimization string
	debug        bool
	generated    bool // gen.h is copied from gen.in by a step
	targets      []target
	fixed        []string // flags that no change takes away
	libs         []string
	steps        []string // further ones, as they stand in the file
	gated        bool     // the assembler waits at the gate
	assign       string   // a variable of the compiler, as in "env NAME=VALUE g++"
	linkFlags    []string
	sharedPaths  bool   // debug information names the same folder in all trees
	remote       string // URL of a remote cache, "" = none
	stamp        string // how the time of a compile gets into objects
}

type target struct {
	name, kind string
	depends    []string
}

func (s settings) clone() settings {
	s.includeDirs, s.defines, s.flags = slices.Clone(s.includeDirs), slices.Clone(s.defines), slices.Clone(s.flags)
	s.targets, s.libs, s.steps = slices.Clone(s.targets), slices.Clone(s.libs), slices.Clone(s.steps)
	return s
}

func list(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (s settings) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[project]\nname = \"oracle\"\n[compilation]\ncompiler = %q\noptimization = %q\ndebug = %v\n", strings.TrimSpace(s.assign+" "+s.compiler), s.optimization, s.debug)
	fmt.Fprintf(&b, "include_dirs = %s\ndefines = %s\ncxx_flags = %s\nc_flags = %s\nlink_libs = %s\nlink_flags = %s\n", list(s.includeDirs), list(s.allDefines()), list(s.allFlags()), list(s.allFlags()), list(s.libs), list(s.linkFlags))
	if s.sharedPaths {
		b.WriteString("debug_paths = \"shared\"\n")
	}
	if s.remote != "" {
		fmt.Fprintf(&b, "[remote]\ncache = %q\nupload = \"always\"\n", s.remote)
	}
	for _, t := range s.targets {
		fmt.Fprintf(&b, "[targets.%s]\nkind = %q\nsource_dirs = [\"src/%s\"]\ndepends = %s\n", t.name, t.kind, t.name, list(t.depends))
	}
	if s.generated {
		b.WriteString("[[generate]]\ncommand = [\"cp\", \"gen.in\", \"{out}/gen.h\"]\ninputs = [\"gen.in\"]\noutputs = [\"gen.h\"]\n")
	}
	for _, step := range s.steps {
		b.WriteString(step)
	}
	return b.String()
}

// allFlags are those of C and C++ in the order of the file.
func (s settings) allFlags() []string {
	flags := slices.Concat(s.flags, s.fixed)
	if s.gated {
		flags = append(flags, gateFlags(s.compiler)...)
	}
	return append(flags, stampFlags(s.stamp)...)
}

func (s settings) allDefines() []string {
	return append(slices.Clone(s.defines), stampDefines(s.stamp)...)
}

// assigned are the variables that the compiler gets besides those of the plan.
func (s settings) assigned() []string {
	if i := strings.LastIndexByte(s.assign, ' '); s.assign != "" {
		return []string{s.assign[i+1:]}
	}
	return nil
}

// shapes are how a project may be divided.
var shapes = [][]target{
	{{"app", "executable", nil}},
	{{"core", "static", nil}, {"app", "executable", []string{"core"}}},
	{{"dyn", "shared", nil}, {"app", "executable", []string{"dyn"}}},
	{{"core", "static", nil}, {"dyn", "shared", []string{"core"}}, {"app", "executable", []string{"dyn", "core"}}},
}

// names are the headers that texts may include; one includes only those after it.
var names = []string{"a.h", "b.h", "sub/s.h", "c.h", "link.h", "d.h", "gen.h", "e.h", "opt.h"}

// values are the macros by which headers get into objects, one a name.
func value(name string) string {
	return strings.ToUpper(strings.NewReplacer("/", "_", ".h", "").Replace(name))
}

// headerDirs are where headers may lie; some do not exist at first.
func (w *world) headerDirs() []string {
	dirs := []string{"p/include", "p/include", "p/include/sub", "p/inc1", "p/inc2", "p/inc3", "ext/v1", "ext/v2"}
	for _, t := range w.settings.targets {
		dirs = append(dirs, "p/src/"+t.name)
	}
	return dirs
}

// searched are what include_dirs may name: p/lnk is a link to ext/v1 or ext/v2.
func (w *world) searched() []string {
	return []string{"include", "inc1", "inc2", "lnk", "include/sub", w.abs("ext/v2")}
}

// generate makes the project.
func (w *world) generate() {
	s := &w.settings
	s.optimization = "0"
	if s.compiler = pick(w, compilers(w.t)); w.chance(40) { // each campaign has all of them
		s.compiler = compilers(w.t)[w.seed%uint64(len(compilers(w.t)))]
	}
	s.includeDirs = []string{"include", "inc1"}
	s.targets = slices.Clone(pick(w, shapes))
	s.generated = w.chance(50)
	s.debug = w.chance(30)
	for _, dir := range []string{"p/include/sub", "p/inc1", "p/inc2", "ext/v1/sub", "ext/v2"} {
		w.must(os.MkdirAll(w.abs(dir), 0o755))
	}
	w.must(os.Symlink("../ext/v1", w.abs("p/lnk")))
	for i, name := range names {
		if name == "gen.h" {
			w.save("p/gen.in", w.header(i), true)
		} else if name != "opt.h" {
			w.save(path.Join(pick(w, []string{"p/include", "p/inc1"}), name), w.header(i), true)
		}
	}
	w.save("ext/v1/link.h", w.header(4), true)
	w.save("ext/v2/link.h", w.header(4), true)
	w.prepareKinds()
	for _, t := range s.targets {
		for range 1 + w.between(3) {
			w.addSource(t)
		}
	}
	w.saveSettings()
	w.preamble = pick(w, []string{"auto", "auto", "auto", "auto", "exact", "exact", "off"})
	w.save("p/.replibuild/daemon_config.toml", w.daemonConfig(), true)
}

// saveSettings writes the project's file. Objects that hold the time of their compile have no
// debug information: gcc orders the strings of that by a hash of their text.
func (w *world) saveSettings() {
	w.settings.debug = w.settings.debug && w.settings.stamp == ""
	w.save("p/replibuild.toml", w.settings.toml(), w.chance(50))
}

// daemonConfig gives some projects another way to be built.
func (w *world) daemonConfig() string {
	verify := "watch"
	// There it matters who built last, or other trees see the same changes.
	w.auto = w.chance(15) && !slices.ContainsFunc([]string{"places", "clock", "caller", "sharing", "remote"}, w.has)
	if w.chance(25) {
		verify = "stat"
	}
	text := ""
	if w.chance(15) {
		text = "enable_" + pick(w, []string{"discovery", "setup", "compilation", "orchestrator"}) + " = false\n"
	}
	return fmt.Sprintf("[daemons]\n%s[daemons.discovery]\nverify = %q\n[daemons.compilation]\npreamble = %q\n[daemons.orchestrator]\nauto_build = %v\n",
		text, verify, w.preamble, w.auto)
}

// number is always five digits, so that another one makes an edit of the same size.
func (w *world) number() int { return 10000 + w.between(90000) }

// include is a way to ask for a header.
func (w *world) include(name string) string {
	form := fmt.Sprintf("%q", name)
	if w.chance(40) {
		form = "<" + name + ">"
	}
	line := "#include " + form + "\n"
	n := w.between(100)
	if name == "opt.h" && n > 2 { // it is not there at first, and most projects should compile
		n = 25 + n/3
	}
	switch {
	case n < 25:
		return line
	case n < 60:
		return "#if __has_include(" + form + ")\n" + line + "#endif\n"
	case n < 70:
		return fmt.Sprintf("#ifdef FLAG%d\n%s#endif\n", w.between(3), line)
	case n < 80:
		return fmt.Sprintf("#if defined(%s) && %s %% 2\n%s#endif\n", value(pick(w, names)), value(pick(w, names)), line)
	case n < 85:
		return "#ifdef __clang__\n" + line + "#endif\n"
	case n < 90:
		w.fresh++
		return fmt.Sprintf("#if __has_include(%s)\n#define ASKED%d %s\n#include ASKED%d\n#endif\n", form, w.fresh, form, w.fresh)
	}
	return "#if __has_include(" + form + ")\n#define HAVE_" + value(name) + " 1\n#endif\n"
}

// header is a text for the name with that index.
func (w *world) header(index int) string {
	v := value(names[index])
	var b strings.Builder
	once := w.chance(30)
	if once { // which tells in the object when it is read again, as another file
		fmt.Fprintf(&b, "#pragma once\n\n#ifdef ONCE_%s\n__attribute__((used)) static int twice_%s = 1;\n#endif\n#define ONCE_%s\n", v, v, v)
	} else {
		fmt.Fprintf(&b, "#ifndef GUARD_%s\n#define GUARD_%s\n", v, v)
	}
	for i := index + 1; i < len(names); i++ {
		if w.chance(25) {
			b.WriteString(w.include(names[i]))
		}
	}
	fmt.Fprintf(&b, "#define %s %d\n", v, w.number())
	b.WriteString(w.declarations(v))
	if !once {
		b.WriteString("#endif\n")
	}
	return b.String()
}

// declarations are what a header has besides its value: a place, code, types, and what
// no preamble can be made of.
func (w *world) declarations(v string) (text string) {
	if w.chance(30) {
		text += fmt.Sprintf("#define FILE_%s __FILE__\nstatic const char file_%s[] = __FILE__;\n", v, v)
	}
	if w.chance(30) {
		text += fmt.Sprintf("#define CODE_%s 1\nstatic inline int code_%s(int n) { int %s_local = n; return %s_local + %s; }\n", v, v, v, v, v)
	}
	if w.chance(20) {
		text += fmt.Sprintf("#define TYPE_%s 1\n#pragma pack(push, 1)\nstruct type_%s { char c; int unused; };\n#pragma pack(pop)\n", v, v)
	}
	if w.chance(8) {
		text += fmt.Sprintf("enum { count_%s = %s };\n", v, pick(w, []string{"__COUNTER__", "__LINE__", "__INCLUDE_LEVEL__"}))
	}
	return text
}

// addSource writes a source of a target; the first of a target is what others call.
func (w *world) addSource(t target) string {
	w.fresh++
	name, first := fmt.Sprintf("%s_u%d", t.name, w.fresh), len(w.sourcesOf(t)) == 0
	ending := pick(w, []string{".c", ".cpp"})
	if w.wrapper.name != "" { // it stands for a C++ compiler only
		ending = ".cpp"
	}
	function := name
	if first && t.kind == "executable" {
		name, function, ending = "main", "main", ".cpp"
	} else if first {
		function = t.name + "_first"
	}
	path := fmt.Sprintf("p/src/%s/%s%s", t.name, name, ending)
	w.save(path, w.source(t, function, ending), true)
	return path
}

func (w *world) sourcesOf(t target) []string {
	return w.files(func(p string) bool { return isSource(p) && strings.HasPrefix(p, "p/src/"+t.name+"/") })
}

// source is the text of a source file: every header that it reaches leaves a value in
// its object.
func (w *world) source(t target, function, ending string) string {
	var b strings.Builder
	for _, name := range names {
		if w.chance(45) {
			b.WriteString(w.include(name))
		}
	}
	if w.chance(85) { // what stands before a plain include can be kept precompiled
		fmt.Fprintf(&b, "#include \"%s\"\n", pick(w, names[:6]))
	}
	open := ""
	if ending == ".cpp" {
		open = "extern \"C\" "
	}
	for _, name := range names {
		v := value(name)
		fmt.Fprintf(&b, "#ifdef %s\nint %s_%s = %s;\n#endif\n", v, function, v, v)
		fmt.Fprintf(&b, "#ifdef HAVE_%s\nint %s_have_%s;\n#endif\n", v, function, v)
		fmt.Fprintf(&b, "#ifdef FILE_%s\nconst char *%s_file_%s = file_%s;\n#endif\n", v, function, v, v)
		fmt.Fprintf(&b, "#ifdef CODE_%s\nint %s_code_%s(void) { return code_%s(1); }\n#endif\n", v, function, v, v)
		fmt.Fprintf(&b, "#ifdef TYPE_%s\nint %s_type_%s = sizeof(struct type_%s);\n#endif\n", v, function, v, v)
	}
	fmt.Fprintf(&b, "#ifdef FLAG0\nint %s_flag = FLAG0;\n#endif\n", function)
	b.WriteString(w.kindSource(function, ending))
	if function != "main" {
		fmt.Fprintf(&b, "%sint %s(void) { return %d; }\n", open, function, w.number())
		return b.String()
	}
	call := "0"
	for _, d := range t.depends {
		fmt.Fprintf(&b, "%sint %s_first(void);\n", open, d)
		call += fmt.Sprintf(" + %s_first()", d)
	}
	fmt.Fprintf(&b, "int main() { return %s; }\n", call)
	return b.String()
}
