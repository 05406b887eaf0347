package setup

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/ipc"
)

// The build systems that [build] can name.
const (
	SystemCMake = "cmake"
	SystemMeson = "meson"
	SystemNinja = "ninja"
	SystemMake  = "make"
)

// BuildSystem is the table [build] of a replibuild.toml: the project is built by the
// files of another build system, in a build folder.
type BuildSystem struct {
	Root        string   // the project's folder, in which the system's programs run
	System      string   // SystemCMake, SystemMeson, SystemNinja or SystemMake; "" if the table has a mistake there
	SourceDir   string   // with CMakeLists.txt or meson.build: absolute, symlinks resolved
	BuildDir    string   // absolute, symlinks resolved as far as it exists
	Options     []string // arguments for cmake, meson setup or make
	Targets     []string // that `compile` builds; none = the build system's default
	Environment []string // KEY=VALUE in the order of the file: for configuring and for building
}

// optionKeys are the keys of the options, by system.
var optionKeys = map[string]string{SystemCMake: "cmake_options", SystemMeson: "meson_options", SystemMake: "make_options"}

// buildFiles are what a system configures from, in the source folder.
var buildFiles = map[string]string{SystemCMake: "CMakeLists.txt", SystemMeson: "meson.build"}

// buildTable is [build] as it was written.
type buildTable struct {
	location
	system, sourceDir, buildDir word
	options                     map[string]*words // by system
	targets                     words
	environment                 []string
}

// mayHaveBuild finds every file with a [build] in any spelling. It spares other projects
// the reading of the file in each command.
var mayHaveBuild = lazyregexp.New(`(?m)^[ \t]*\[?[ \t]*["']?build["']?[ \t]*[].=]`)

// ReadBuildSystem reads [build] of the replibuild.toml in root, nil if there is none. env
// says which programs are installed. With mistakes in the file the error is an [ipc.Error]
// with their places; what could be read of the table is returned beside it.
func ReadBuildSystem(root string, env []string) (*BuildSystem, error) {
	text, err := os.ReadFile(filepath.Join(root, configFile))
	if err != nil || !mayHaveBuild().Match(text) {
		return nil, nil // a file that cannot be read is the planner's to report
	}
	ps := &problems{}
	d := parseDocument(configFile, string(text), ps)
	if d == nil {
		return nil, nil
	}
	t := readProject(d, "", ps).build
	if t == nil {
		return nil, nil
	}
	b := t.resolve(root)
	t.check(b, env, ps)
	return b, ps.err()
}

// readBuild reads the table.
func (r *reader) readBuild(n node) *buildTable {
	t := &buildTable{location: n.location, options: map[string]*words{}}
	known := fields{
		"system":      r.word(&t.system, oneOf(SystemCMake, SystemMeson, SystemNinja, SystemMake)),
		"source_dir":  r.word(&t.sourceDir, notEmpty, cleanPath),
		"build_dir":   r.word(&t.buildDir, notEmpty, cleanPath),
		"targets":     r.words(&t.targets, notEmpty, oneLine),
		"environment": func(n node) { r.environment(n, t) },
	}
	for system, key := range optionKeys {
		t.options[system] = &words{}
		known[key] = r.words(t.options[system], notEmpty)
	}
	r.table(n, known)
	if tree, ok := n.value.(map[string]any); ok && tree["system"] == nil {
		r.problems.at(n.key(), `write system = "cmake", or "meson", "ninja", "make"`, "%s does not say which system", n.path)
	}
	return t
}

func (r *reader) environment(n node, t *buildTable) {
	r.each(n, func(name string, n node) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			r.problems.at(n.key(), "", "%q cannot be the name of a variable", name)
			return
		}
		var value word
		r.word(&value, noNUL)(n)
		t.environment = append(t.environment, name+"="+value.text)
	})
}

func noNUL(text string) (message, suggestion string) {
	if strings.ContainsRune(text, 0) {
		return "holds a NUL", ""
	}
	return "", ""
}

// resolve gives the table's values, defaults filled in.
func (t *buildTable) resolve(root string) *BuildSystem {
	folder := func(w word, other string) string {
		if !w.given() {
			return resolveExisting(absolute(root, other))
		}
		return resolveExisting(absolute(root, w.text))
	}
	b := &BuildSystem{
		Root: root, System: t.system.text, SourceDir: folder(t.sourceDir, "."), BuildDir: folder(t.buildDir, "build"),
		Targets: t.targets.texts(), Environment: t.environment,
	}
	if b.System == SystemMake && !t.buildDir.given() {
		b.BuildDir = b.SourceDir
	}
	if options := t.options[b.System]; options != nil {
		b.Options = options.texts()
	}
	return b
}

// resolveExisting resolves the symlinks of a path whose end need not exist.
func resolveExisting(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil || path == filepath.Dir(path) {
		return cmp.Or(real, path)
	}
	return filepath.Join(resolveExisting(filepath.Dir(path)), filepath.Base(path))
}

// check looks for mistakes that concern several keys, the folders and the machine.
func (t *buildTable) check(b *BuildSystem, env []string, ps *problems) {
	t.checkAlone(ps)
	if b.System == "" {
		return
	}
	for _, system := range slices.Sorted(maps.Keys(optionKeys)) {
		if given := t.options[system]; system != b.System && given.given() {
			ps.at(given.key(), "", "%s is for system = %q, and system is %q", given.path, system, b.System)
		}
	}
	if b.System == SystemCMake {
		checkCMakeOptions(t.options[SystemCMake].items, ps)
	}
	at := t.system.location
	if t.sourceDir.given() {
		at = t.sourceDir.location
	}
	if file := buildFiles[b.System]; file != "" {
		t.checkSources(b, at, file, ps)
	}
	if b.System != SystemNinja && lookIn(b.Env(env), b.System) == "" {
		ps.at(t.system.location, "install it, for example: apt install "+b.System, "%s is not installed: no folder of PATH has it", b.System)
	}
}

// checkAlone refuses tables that describe a build of our own.
func (t *buildTable) checkAlone(ps *problems) {
	for _, key := range []string{"compilation", "output", "targets", "generate", "dependencies"} {
		if _, there := t.doc.tree[key]; there {
			at := location{doc: t.doc, path: tomlplace.Path("").Child(key)}
			ps.at(at.key(), "leave out one of the two", "%s and build cannot be in one file: build leaves the targets to another build system", at.path)
		}
	}
}

// checkSources looks for the file that the system configures from.
func (t *buildTable) checkSources(b *BuildSystem, at location, file string, ps *problems) {
	if _, err := os.Stat(filepath.Join(b.SourceDir, file)); err != nil {
		ps.at(at, "source_dir names the folder that has it", "there is no %s in %s", file, b.SourceDir)
	}
	if b.SourceDir == b.BuildDir {
		at := t.location
		if t.buildDir.given() {
			at = t.buildDir.location
		}
		ps.at(at, `for example "build"`, "the build folder is the source folder")
	}
}

// checkCMakeOptions refuses options that say what other keys say.
func checkCMakeOptions(items []word, ps *problems) {
	for i, w := range items {
		value := ""
		if len(w.text) > 2 {
			value = w.text[2:]
		} else if i+1 < len(items) {
			value = items[i+1].text
		}
		switch {
		case strings.HasPrefix(w.text, "-G") && value != "Ninja":
			ps.at(w.location, "leave it out", "%s asks for another generator: builds go by Ninja's files", w.path)
		case strings.HasPrefix(w.text, "-S"):
			ps.at(w.location, "set source_dir", "%s names the source folder", w.path)
		case strings.HasPrefix(w.text, "-B"):
			ps.at(w.location, "set build_dir", "%s names the build folder", w.path)
		}
	}
}

// lookIn returns the path of a program in PATH of env, "" if there is none.
func lookIn(env []string, program string) string {
	for _, dir := range filepath.SplitList(ipc.EnvValue(env, "PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil && filepath.IsAbs(path) {
			return path
		}
	}
	return ""
}

// Program returns the path of the build system's own program in PATH of env.
func (b *BuildSystem) Program(env []string) (string, error) {
	if path := lookIn(b.Env(env), b.System); path != "" {
		return path, nil
	}
	return "", ipc.Errorf(ipc.CodeConfig, "%s is not installed: no folder of PATH has it", b.System)
}

// Env returns env with the table's variables, which win.
func (b *BuildSystem) Env(env []string) []string {
	var all []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(b.Environment, func(own string) bool { return strings.HasPrefix(own, name+"=") }) {
			all = append(all, kv)
		}
	}
	return append(all, b.Environment...)
}

// errOtherSystem says that a project has no plan.
func (t *buildTable) errOtherSystem(root string) error {
	b := t.resolve(root)
	err := ipc.Errorf(ipc.CodeBadRequest, "%s builds this project in %s: RepliBuild has no targets and files of its own here", b.System, b.BuildDir)
	if b.System == SystemMake {
		return err.WithHint("`replibuild compile` works; `replibuild cc --explain` lists the last compiles")
	}
	return err.
		WithHint("`replibuild compile` and `run` work; `replibuild ninja -C %s -t targets` lists the targets", b.BuildDir)
}

// proposeBuild returns the replibuild.toml for a folder that has another build system's
// files, "" for one that has none.
func proposeBuild(root string) string {
	for _, system := range []string{SystemCMake, SystemMeson} {
		text, err := os.ReadFile(filepath.Join(root, buildFiles[system]))
		if err == nil && projectCall().Match(text) {
			return fmt.Sprintf("[build]\nsystem = %q\nbuild_dir = \"build\"\n", system)
		}
	}
	return ""
}
