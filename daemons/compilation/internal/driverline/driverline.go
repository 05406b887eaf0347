// Package driverline reads the command line of a compiler's driver (gcc, clang) as far as a
// launcher needs it: whether the command may be taken from a cache, which files it is told
// to write, and which sources it names.
//
// What it promises: it decides only what is worth looking up. What a command reads and writes
// is found by tracing it; an argument that is misread here costs time, and makes no wrong
// result. What is not known to be safe is refused, with the reason in words.
package driverline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Line is what a command line says.
type Line struct {
	Outputs []string // files that arguments name and the command writes, as spelled
	Sources []string // arguments that name sources, as spelled

	depfile string // of -MF
}

// Read reads arguments, the program's name left out. dir is the folder in which response
// files (@file) are found. why says why the command is not looked up, "" if it is.
func Read(dir string, args []string) (l Line, why string) {
	args = expand(dir, args, 0)
	makes := false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if why := refusal(arg); why != "" {
			return l, why
		}
		if arg == "-c" || arg == "-S" {
			makes = true
		}
		if name, n := value(outputFlags, args[i:]); n > 0 {
			if name == "-" {
				return l, "it writes to its standard output"
			}
			l.addOutput(arg, name)
			i += n - 1
			continue
		}
		if _, name, ok := preprocessorDepfile(arg); ok {
			l.Outputs = append(l.Outputs, name)
			continue
		}
		if lang, n := value([]string{"-x"}, args[i:]); n > 0 {
			if slices.Contains(deviceLanguages, lang) {
				return l, "it compiles " + lang + " for more than one machine"
			}
			i += n - 1
			continue
		}
		if slices.Contains(separateFlags, arg) {
			i++
			continue
		}
		if !strings.HasPrefix(arg, "-") && isSource(arg) {
			l.Sources = append(l.Sources, arg)
		}
	}
	switch {
	case !makes:
		return l, "it makes no object and no assembly (-c or -S)"
	case slices.ContainsFunc(l.Sources, func(s string) bool { return slices.Contains(deviceEndings, filepath.Ext(s)) }):
		return l, "it compiles for more than one machine"
	}
	return l, ""
}

// addOutput adds a file that an argument names. The last -MF counts.
func (l *Line) addOutput(arg, name string) {
	if strings.HasPrefix(arg, "-MF") {
		l.Outputs = slices.DeleteFunc(l.Outputs, func(out string) bool { return out == l.depfile })
		l.depfile = name
	}
	l.Outputs = append(l.Outputs, name)
}

// outputFlags name a file that is written, in the same argument or the next.
var outputFlags = []string{"-o", "-MF", "-MJ", "-aux-info", "--serialize-diagnostics", "-serialize-diagnostics", "-dependency-file", "-foptimization-record-file=", "-ftime-trace="}

// separateFlags take the next argument, which is no source.
var separateFlags = []string{
	"-MT", "-MQ", "-I", "-isystem", "-iquote", "-idirafter", "-iprefix", "-iwithprefix", "-iwithprefixbefore", "-isysroot",
	"-iframework", "-F", "-include", "-imacros", "-include-pch", "-D", "-U", "-L", "-l", "-T", "-u", "-z", "-e", "-B", "-b", "-V", "-G",
	"-target", "--target", "-arch", "-Xclang", "-Xpreprocessor", "-Xassembler", "-Xlinker", "-mllvm", "--param", "--sysroot",
	"-framework", "-specs", "-wrapper", "-dumpdir", "-dumpbase", "-dumpbase-ext", "-ivfsoverlay", "--config",
}

var (
	deviceLanguages = []string{"cuda", "hip", "cl", "clcpp"}
	deviceEndings   = []string{".cu", ".hip", ".cl"}
	sourceEndings   = []string{
		".c", ".i", ".ii", ".cc", ".cp", ".cxx", ".cpp", ".CPP", ".c++", ".C", ".m", ".mi", ".mm", ".mii", ".M",
		".s", ".S", ".sx", ".h", ".hh", ".hpp", ".hxx", ".H", ".tcc", ".ixx", ".cppm",
	}
)

// isSource tells a source by its ending.
func isSource(arg string) bool {
	return slices.Contains(sourceEndings, filepath.Ext(arg)) || slices.Contains(deviceEndings, filepath.Ext(arg))
}

// refusal says why an argument keeps a command from being looked up.
func refusal(arg string) string {
	switch arg {
	case "-E", "-M", "-MM", "-fsyntax-only", "--preprocess", "--syntax-only":
		return arg + " prints what it finds"
	case "-v", "-###", "--version", "-dumpversion", "-dumpmachine", "--help", "-h":
		return arg + " asks the compiler about itself"
	case "-":
		return "it reads its standard input"
	case "-fmodules", "-fcxx-modules", "-fmodules-ts", "-fmodule-header":
		return arg + " uses a cache of the compiler's own"
	}
	for _, prefix := range []string{"-print-", "--print-", "--help="} {
		if strings.HasPrefix(arg, prefix) {
			return arg + " asks the compiler about itself"
		}
	}
	for _, prefix := range []string{"-fmodule-", "-fprebuilt-module", "-index-store-path"} {
		if strings.HasPrefix(arg, prefix) {
			return arg + " uses files that other compiles write"
		}
	}
	return ""
}

// value returns the value of one of some flags and how many arguments it takes, 0 if the
// first argument is none of them.
func value(flags, args []string) (string, int) {
	for _, flag := range flags {
		rest, ok := strings.CutPrefix(args[0], flag)
		switch {
		case !ok:
		case rest != "" && (len(flag) > 2 && !strings.HasSuffix(flag, "=") && flag != "-MF" && flag != "-MJ"):
			// another flag that begins the same
		case rest != "":
			return rest, 1
		case len(args) > 1 && !strings.HasSuffix(flag, "="):
			return args[1], 2
		}
	}
	return "", 0
}

// maxDepth is how deep response files may name others.
const maxDepth = 16

// expand puts the arguments of response files in their places. One that cannot be read is
// an argument like any other, as for the compiler.
func expand(dir string, args []string, depth int) []string {
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "@") }) || depth > maxDepth {
		return args
	}
	var out []string
	for _, arg := range args {
		name, is := strings.CutPrefix(arg, "@")
		if !is {
			out = append(out, arg)
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		text, err := readFile(name)
		if err != nil {
			out = append(out, arg)
			continue
		}
		out = append(out, expand(dir, split(string(text)), depth+1)...)
	}
	return out
}

// readFile reads a regular file. A pipe's content would be gone for the compiler, and /dev/fd/3 is
// another file here than there.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/") {
		return nil, os.ErrInvalid
	}
	return os.ReadFile(name)
}

// split cuts a response file into arguments as libiberty's buildargv does.
func split(text string) (args []string) {
	var arg strings.Builder
	begun, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			arg.WriteByte(text[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			arg.WriteByte(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case strings.IndexByte(" \t\n\r\v\f", c) >= 0:
			if begun {
				args = append(args, arg.String())
				arg.Reset()
				begun = false
			}
		default:
			arg.WriteByte(c)
			begun = true
		}
	}
	if begun {
		args = append(args, arg.String())
	}
	return args
}
