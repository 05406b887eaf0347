package setup

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// drivers are the two compiler commands, and the arguments that CXX and CC had after
// them.
type drivers struct {
	CXX, CC         string // absolute; CC is "" if there is none
	CXXArgs, CCArgs []string
	Foreign         bool // CC was named by the environment and need not belong to CXX
	Notices         []string
}

// wrappers run another compiler. They are not needed here: objects are cached already,
// and a wrapper would hide the compiler from the warm process.
var wrappers = map[string]bool{"ccache": true, "sccache": true, "distcc": true, "icecc": true, "buildcache": true, "env": true}

// noCompiler is why there are no drivers, and what to do.
type noCompiler struct{ message, suggestion string }

// installHint is the next step where nothing was found.
const installHint = `install one ("apt install clang-19 lld-19" or "apt install g++"), or name it: [compilation] compiler = "PATH"`

// chooseDrivers finds the compilers that the configuration asks for: "auto" or "" is
// CXX, else what belongs to CC, else clang++, the newest clang++-N, g++, the newest
// g++-N, c++. Everything looked at is noted in w.
func chooseDrivers(w watcher, root, wanted string, env []string) (drivers, *noCompiler) {
	auto := wanted == "" || wanted == "auto"
	cxx, cc := ipc.EnvValue(env, "CXX"), ipc.EnvValue(env, "CC")
	f := finder{w, root, env}
	var d drivers
	switch {
	case !auto:
		if no := f.named(&d, wanted, "compiler"); no != nil {
			return d, no
		}
		d.CC = f.sibling(d.CXX, cNames)
		return d, nil
	case cxx != "":
		if no := f.named(&d, cxx, "CXX"); no != nil {
			return d, no
		}
	case cc != "":
	default:
		if d.CXX = f.best(); d.CXX == "" {
			return d, &noCompiler{"there is no C++ compiler on the PATH: looked for clang++, clang++-N, g++, g++-N and c++", installHint}
		}
	}
	return f.withC(d, cc)
}

// withC adds the C driver: CC, else the one that belongs to the C++ driver; and the
// C++ driver if only CC was given.
func (f finder) withC(d drivers, cc string) (drivers, *noCompiler) {
	if cc == "" {
		d.CC = f.sibling(d.CXX, cNames)
		return d, nil
	}
	var c drivers
	if no := f.named(&c, cc, "CC"); no != nil {
		return d, no
	}
	d.CC, d.CCArgs, d.Notices = c.CXX, c.CXXArgs, append(d.Notices, c.Notices...)
	if d.CXX != "" {
		d.Foreign = d.CC != f.sibling(d.CXX, cNames)
		return d, nil
	}
	d.CXXArgs = c.CXXArgs
	if d.CXX = f.sibling(d.CC, cxxNames); d.CXX == "" {
		return d, &noCompiler{fmt.Sprintf("CC is %q, and the C++ compiler that belongs to it cannot be found", cc), "set CXX too"}
	}
	return d, nil
}

// finder looks for programs of a caller's environment.
type finder struct {
	watcher
	root string
	env  []string
}

// named finds the driver of a command that may carry a wrapper and arguments.
func (f finder) named(d *drivers, command, origin string) *noCompiler {
	words, no := behindWrappers(d, splitShell(command), origin)
	if no != nil {
		return no
	}
	if len(words) == 0 {
		return &noCompiler{origin + " is empty", installHint}
	}
	d.CXX = f.unwrapped(f.findProgram(f.root, words[0], f.env), d, origin)
	d.CXXArgs = words[1:]
	if d.CXX == "" {
		suggestion := installHint
		if names := f.compilerNames(); len(names) > 0 {
			suggestion = orList(words[0], names, "found on the PATH")
		}
		return &noCompiler{fmt.Sprintf("%s is %q, which cannot be found", origin, words[0]), suggestion}
	}
	return nil
}

// behindWrappers takes wrappers with their own settings off the front of a command. A
// variable for the compiler, or an option of env, cannot be passed on and is refused.
func behindWrappers(d *drivers, words []string, origin string) ([]string, *noCompiler) {
	refused := func(word, what string) *noCompiler {
		return &noCompiler{
			fmt.Sprintf("%s has %q, and a compiler cannot be given %s here", origin, word, what),
			"write a script that sets it and runs the compiler, and name the script",
		}
	}
	var skipped []string
	defer func() {
		for _, wrapper := range skipped {
			d.Notices = append(d.Notices, fmt.Sprintf("%s names %s; RepliBuild has a cache of its own and runs %s directly", origin, wrapper, words[0]))
		}
	}()
	behind := "" // the wrapper before this word
	for len(words) > 1 {
		word := words[0]
		switch name := programName(word); {
		case behind == "env" && strings.HasPrefix(word, "-"):
			return nil, refused(word, "an option of env")
		case strings.Contains(word, "=") && !strings.Contains(filepath.ToSlash(name), "/"):
			if setting, _, _ := strings.Cut(word, "="); (behind == "" || behind == "env") && !settingOfWrapper(setting) {
				return nil, refused(word, "a variable")
			}
		case !wrappers[name]:
			return words, nil
		default:
			behind = name
			if name != "env" {
				skipped = append(skipped, word)
			}
		}
		words = words[1:]
	}
	return words, nil
}

// settingOfWrapper reports whether a variable is about a wrapper, which does not run here.
func settingOfWrapper(name string) bool {
	return slices.ContainsFunc([]string{"CCACHE_", "SCCACHE_", "DISTCC_", "ICECC_", "BUILDCACHE_"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// unwrapped skips links to ccache and similar programs, as in /usr/lib/ccache: the next
// program of that name on the PATH is the real one.
func (f finder) unwrapped(program string, d *drivers, origin string) string {
	if program == "" || !wrappers[programName(realPath(program))] || programName(program) == programName(realPath(program)) {
		return program
	}
	for _, dir := range pathDirs(f.root, f.env) {
		file := filepath.Join(dir, filepath.Base(program))
		if file != program && f.isFile(file) && executable(f.sign(file)) && !wrappers[programName(realPath(file))] {
			d.Notices = append(d.Notices, fmt.Sprintf("%s is a link to %s; RepliBuild has a cache of its own and runs %s directly",
				program, filepath.Base(realPath(program)), file))
			return file
		}
	}
	return ""
}

func realPath(file string) string {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		return target
	}
	return file
}

func programName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".exe") }

// best is what "auto" means without CC and CXX.
func (f finder) best() string {
	var d drivers
	for _, family := range []string{"clang++", "g++"} {
		if file := f.unwrapped(f.findProgram(f.root, family, f.env), &d, "auto"); file != "" {
			return file
		}
		if file := f.newest(family); file != "" {
			return file
		}
	}
	return f.unwrapped(f.findProgram(f.root, "c++", f.env), &d, "auto")
}

// newest is the driver of a family with the highest version in its name. The names
// are listed, so that a newer one makes the plan dirty.
func (f finder) newest(family string) string {
	best, version := "", -1
	for _, dir := range pathDirs(f.root, f.env) {
		names, _ := f.list(dir, escapePattern(family)+"-*")
		for _, name := range names {
			n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(name, ".exe"), family+"-"))
			file := filepath.Join(dir, name)
			if err == nil && n > version && f.isFile(file) && executable(f.sign(file)) {
				best, version = file, n
			}
		}
	}
	return best
}

// compilerNames lists what looks like a compiler on the PATH, for suggestions.
func (f finder) compilerNames() []string {
	var out []string
	for _, dir := range pathDirs(f.root, f.env) {
		names, _ := listNames(dir, "{clang++,g++,c++}*")
		for _, name := range names {
			if driverName().MatchString(name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	sort.Strings(out)
	return out
}

// driverName splits a driver's name into prefix of a cross compiler, name and version.
var driverName = lazyregexp.New(`^(.*-)?(clang\+\+|clang|g\+\+|gcc|c\+\+|cc)(-[0-9.]+)?(\.exe)?$`)

// What the driver for one language is called for the other.
var (
	cNames   = map[string]string{"clang++": "clang", "g++": "gcc", "c++": "cc"}
	cxxNames = map[string]string{"clang": "clang++", "gcc": "g++", "cc": "c++"}
)

// sibling finds the driver for the other language beside a driver, else on the PATH;
// "" if it cannot be found.
func (f finder) sibling(driver string, names map[string]string) string {
	m := driverName().FindStringSubmatch(filepath.Base(driver))
	if m == nil {
		return f.generic(driver, names)
	}
	other, ok := names[m[2]]
	if !ok {
		return driver // it was the other one already: CXX=clang serves both
	}
	name := m[1] + other + m[3] + m[4]
	if file := filepath.Join(filepath.Dir(driver), name); f.isFile(file) {
		return file
	}
	if file := f.findProgram(f.root, name, f.env); file != "" {
		return file
	}
	// On some systems /usr/bin/c++ is a link to g++ and there is no link cc.
	if target := realPath(driver); target != driver {
		return f.sibling(target, names)
	}
	return ""
}

// generic is sibling for a driver with a name of its own: one that its target, or
// one whose name contains a known one, tells.
func (f finder) generic(driver string, names map[string]string) string {
	base := filepath.Base(driver)
	for _, name := range []string{"clang++", "clang", "g++", "gcc", "c++", "cc"} {
		other, ok := names[name]
		if ok && strings.Contains(base, name) {
			if file := filepath.Join(filepath.Dir(driver), strings.Replace(base, name, other, 1)); f.isFile(file) {
				return file
			}
		}
	}
	if target := realPath(driver); target != driver {
		return f.sibling(target, names)
	}
	return ""
}
