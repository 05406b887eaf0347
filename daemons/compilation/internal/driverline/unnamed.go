package driverline

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// Unnamed is a command line whose object does not depend on where it is written, so that a
// result that was written to other names is its result too.
type Unnamed struct {
	// Args are the arguments without the names of outputs, and without the target of the
	// dependency file if Target is set.
	Args    []string
	Object  string // where the object, or the assembly, is written
	Depfile string // where the dependency file is written, "" if there is none
	// Target is the target in the dependency file, as make reads it. It is "" if Args contain it:
	// there are several, it needs quotes for make, or the file belongs to an assembly.
	Target string
	// OfSource: gcc names the target after the source and not after the object, because only the
	// preprocessor was told to write the file (-Wp,-MD). clang writes Target.
	OfSource bool
}

// ReadUnnamed reads arguments as [Read] does. ok is false if an argument is not known to keep the
// names of outputs out of the result, or if the command has not one source.
func ReadUnnamed(dir string, args []string) (s Unnamed, ok bool) {
	p := unnamedParser{makes: ".o"}
	for args = expand(dir, args, 0); len(args) > 0 && !p.bad; {
		args = args[p.next(args):]
	}
	return p.finish()
}

// unnamedParser is what has been read so far.
type unnamedParser struct {
	Unnamed
	sources  []string
	depfile  string   // of -MF
	behind   string   // file of -Wp,-MD or -Wp,-MMD
	makes    string   // ending of the object
	language string   // of -x
	deps     bool     // -MD or -MMD
	targets  []string // -MT and -MQ with their values
	bad      bool
}

// next reads an argument with its value, and returns how many they are.
func (p *unnamedParser) next(args []string) int {
	arg := args[0]
	if name, n := value([]string{"-o"}, args); n > 0 {
		p.Object = name
		return n
	}
	if name, n := value([]string{"-MF"}, args); n > 0 {
		p.depfile = name
		return n
	}
	if flag, name, ok := preprocessorDepfile(arg); ok {
		p.behind = name
		p.Args = append(p.Args, flag)
		return 1
	}
	switch {
	case !strings.HasPrefix(arg, "-"):
		p.sources = append(p.sources, arg)
	case (arg == "-MT" || arg == "-MQ") && len(args) > 1:
		p.targets = append(p.targets, arg, args[1])
		return 2
	case slices.Contains(unnamedValues, arg) && len(args) > 1:
		if arg == "-x" {
			p.language = args[1]
		}
		p.Args = append(p.Args, arg, args[1])
		return 2
	case !isUnnamedFlag(arg):
		p.bad = true
	}
	p.deps = p.deps || arg == "-MD" || arg == "-MMD"
	if arg == "-S" {
		p.makes = ".s"
	}
	p.Args = append(p.Args, arg)
	return 1
}

// preprocessorDepfile reads -Wp,-MD,FILE and -Wp,-MMD,FILE.
func preprocessorDepfile(arg string) (flag, name string, ok bool) {
	for _, flag := range []string{"-Wp,-MD", "-Wp,-MMD"} {
		if name, ok := strings.CutPrefix(arg, flag+","); ok && name != "" && !strings.Contains(name, ",") {
			return flag, name, true
		}
	}
	return "", "", false
}

// finish adds the names that the compiler makes up. Of -MF and -Wp,-MD together gcc and clang
// take different ones.
func (p *unnamedParser) finish() (s Unnamed, ok bool) {
	deps := p.deps || p.behind != ""
	if p.bad || len(p.sources) != 1 || p.depfile != "" && (!p.deps || p.behind != "") {
		return s, false
	}
	if p.Object == "" && p.header() {
		return s, false // the name depends on the compiler and its version
	}
	if p.Object == "" {
		p.Object = withEnding(filepath.Base(p.sources[0]), p.makes)
	}
	if deps {
		p.Depfile = cmp.Or(p.behind, p.depfile, withEnding(p.Object, ".d"))
		p.OfSource = !p.deps && len(p.targets) == 0
		p.setTarget()
	} else {
		p.Args = append(p.Args, p.targets...)
	}
	return p.Unnamed, p.Object != p.Depfile && p.Object != "-" && p.Depfile != "-"
}

// header reports whether the source may be a header, which is precompiled.
func (p *unnamedParser) header() bool {
	return p.language != "" && strings.Contains(p.language, "header") || p.language == "" && strings.HasPrefix(strings.ToLower(filepath.Ext(p.sources[0])), ".h")
}

// setTarget decides whether the target can be replaced in the dependency file, or is one of the
// arguments that count.
func (p *unnamedParser) setTarget() {
	target := p.Object
	if len(p.targets) > 0 {
		target = p.targets[1]
	}
	switch {
	case len(p.targets) > 2:
		p.Args = append(p.Args, p.targets...)
	case p.makes == ".s" || !isPlainTarget(target):
		p.Args = append(append(p.Args, p.targets...), "target", target)
	default:
		p.Target = target
	}
}

// isPlainTarget reports whether compilers write a target as it is. gcc leaves out a ./ that it
// begins with (apply_vpath in libcpp/mkdeps.cc).
func isPlainTarget(target string) bool {
	return plainTarget().MatchString(target) && !strings.HasPrefix(target, "./")
}

// plainTarget matches targets that are the same with quotes for make (-MQ) and without (-MT).
var plainTarget = lazyregexp.New(`^[A-Za-z0-9_./+=,@-]+$`)

func withEnding(name, ending string) string {
	return strings.TrimSuffix(name, filepath.Ext(name)) + ending
}

// unnamedValues take the next argument, which is no output.
var unnamedValues = []string{"-I", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-D", "-U", "-x"}

// unnamedFlags are whole arguments, unnamedPrefixes their beginnings. TestUnnamed compiles with each
// kind of them to different names, and compares the objects. Left out is what makes further
// files, or writes names or the command line into the object: -gsplit-dwarf, coverage and
// profiles, -frecord-gcc-switches, -save-temps, LTO, options for the assembler.
var (
	unnamedFlags = []string{
		"-c", "-S", "-MD", "-MMD", "-MP", "-pipe", "-pthread", "-ansi", "-pedantic", "-pedantic-errors", "-w", "-nostdinc", "-nostdinc++",
		"-g", "-g0", "-g1", "-g2", "-g3", "-ggdb", "-ggdb3", "-gdwarf-4", "-gdwarf-5",
	}
	unnamedPrefixes = []string{"-I", "-D", "-U", "-O", "-std=", "-isystem", "-iquote", "-march=", "-mtune=", "-mcpu=", "-msse", "-mavx", "-mno-", "-m32", "-m64"}
	// unnamedFeatures follow -f or -fno-, and may have a value.
	unnamedFeatures = []string{
		"exceptions", "rtti", "PIC", "PIE", "pic", "pie", "plt", "visibility", "visibility-inlines-hidden", "omit-frame-pointer",
		"strict-aliasing", "wrapv", "common", "data-sections", "function-sections", "stack-protector", "stack-protector-strong",
		"stack-protector-all", "stack-clash-protection", "cf-protection", "color-diagnostics", "diagnostics-color", "signed-char",
		"unsigned-char", "short-enums", "math-errno", "fast-math", "inline", "inline-functions", "unroll-loops", "threadsafe-statics",
		"sized-deallocation", "coroutines", "asynchronous-unwind-tables", "unwind-tables", "ident", "builtin", "freestanding",
		"permissive", "semantic-interposition",
	}
)

func isUnnamedFlag(arg string) bool {
	if slices.Contains(unnamedFlags, arg) {
		return true
	}
	if feature, ok := strings.CutPrefix(arg, "-f"); ok {
		feature, _, _ = strings.Cut(strings.TrimPrefix(feature, "no-"), "=")
		return slices.Contains(unnamedFeatures, feature)
	}
	if strings.HasPrefix(arg, "-W") {
		return !strings.Contains(arg, ",") // -Wa, -Wp, -Wl, hand options on
	}
	return slices.ContainsFunc(unnamedPrefixes, func(prefix string) bool { return strings.HasPrefix(arg, prefix) && arg != "-I-" })
}
