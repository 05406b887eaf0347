package compilation

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"strings"
)

// flagFacts is what a compiler's arguments mean for caching.
type flagFacts struct {
	args   []string
	files  []string // files that they name and no dependency file lists
	forced []string // names of -include and -imacros
	native bool     // code for the machine that compiles
	// named is a flag with which the name of the object gets into it or into other files,
	// or more files are written, so that the compiler must be given the final name. "" if
	// there is none.
	named string
	// beside are files that flags name and the compiler writes.
	beside []string
	// uncacheable says why the result must not be stored, "" if it may be.
	uncacheable string
}

// Flags are told by their beginning; a flag that ends in a space takes the next
// argument as its value. Sources: the option indices of GCC 12 and Clang 19.
var (
	dependencyFlags = flagList("-M", "-MM", "-MD", "-MMD", "-MP", "-MG", "-MF ", "-MT ", "-MQ ", "-MJ ")
	fileFlags       = flagList("-specs=", "--specs=", "--config ", "--config=", "-fplugin=", "-fpass-plugin=", "-load ",
		"-fprofile-use=", "-fprofile-instr-use=", "-fprofile-sample-use=", "-fauto-profile=", "-fbolt-profile=",
		"-fsanitize-ignorelist=", "-fsanitize-blacklist=", "-ivfsoverlay ", "-fmodule-map-file=", "-include-pch ",
		"-fxray-attr-list=")
	// besideFlags name a file that the compiler writes.
	besideFlags = flagList("-MF ", "-MJ ", "-Wp,-MD,", "-Wp,-MMD,", "-foptimization-record-file=", "-ftime-trace=", "-fproc-stat-report=",
		"-aux-info ", "--serialize-diagnostics ", "-serialize-diagnostics ")
	forcedFlags = flagList("-include ", "--include ", "--include=", "-imacros ", "--imacros ", "--imacros=")
	// namedFlags put the name of the object into what is written, make names of further
	// files of it, or write more files. TestNamedFlags holds this list.
	namedFlags = flagList("-gsplit-dwarf", "--coverage", "-coverage", "-fprofile-arcs", "-ftest-coverage", "-frecord-command-line",
		"-frecord-gcc-switches", "-grecord-command-line", "-save-temps", "--save-temps", "-fdump-", "-fstack-usage",
		"-fcallgraph-info", "-ftime-trace", "-fsave-optimization-record", "-foptimization-record-file=", "-dumpbase", "-dumpdir",
		"-serialize-diagnostics", "--serialize-diagnostics", "-fprofile-generate", "-fprofile-instr-generate", "-fmodules-ts",
		"-fmodule-output", "-gen-cdb-fragment-path", "-aux-info", "-fopt-info", "-fcrash-diagnostics-dir",
		"-fprofile-use", "-fbranch-probabilities", "-fproc-stat-report", "-Wp,-M")
)

// flagList is there to name what such a list of strings means.
func flagList(flags ...string) []string { return flags }

// readFlags sorts arguments out.
func readFlags(args []string) flagFacts {
	f := flagFacts{args: args}
	for i := 0; i < len(args); i++ {
		arg, n := args[i], 0
		for _, kind := range []struct {
			flags []string
			into  *[]string
		}{{fileFlags, &f.files}, {forcedFlags, &f.forced}, {besideFlags, &f.beside}} {
			if taken, value := takes(kind.flags, args[i:], false); taken > 0 {
				n = max(n, taken)
				*kind.into = append(*kind.into, value)
			}
		}
		dependency, _ := takes(dependencyFlags, args[i:], true)
		n = max(n, dependency)
		switch {
		case strings.HasPrefix(arg, "@"):
			f.uncacheable = arg + " is read by the compiler itself"
			f.files = append(f.files, arg[1:])
		case arg == "-fmodules" || arg == "-fcxx-modules":
			f.uncacheable = cmp.Or(f.uncacheable, arg+" uses a cache of the compiler's own")
		case dependency > 0 || hasFlag(namedFlags, arg):
			f.named = cmp.Or(f.named, arg)
		case strings.HasPrefix(arg, "-Wa,"):
			f.beside = append(f.beside, assemblerFiles(arg)...)
			if len(f.beside) > 0 {
				f.named = cmp.Or(f.named, arg)
			}
		case arg == "-Xclang" && i+3 < len(args) && args[i+1] == "-dependency-dot":
			f.named = cmp.Or(f.named, args[i+1])
			f.beside = append(f.beside, args[i+3])
			n = 4
		case arg == "-march=native" || arg == "-mtune=native" || arg == "-mcpu=native":
			f.native = true
		}
		i += max(n, 1) - 1
	}
	return f
}

// assemblerFiles are the files that an argument for the assembler has it write: a listing
// (-a…=FILE) or a dependency file (--MD FILE).
func assemblerFiles(arg string) (files []string) {
	parts := strings.Split(arg, ",")[1:]
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, "-a"); ok {
			if _, file, ok := strings.Cut(name, "="); ok {
				files = append(files, file)
			}
		}
		if (p == "--MD" || p == "-MD") && i+1 < len(parts) {
			files = append(files, parts[i+1])
		}
	}
	return files
}

// withoutDependencyFlags leaves out what asks for a dependency file: a command can ask for
// one only.
func withoutDependencyFlags(args []string) (out []string) {
	for i := 0; i < len(args); i++ {
		if n, _ := takes(dependencyFlags, args[i:], true); n > 0 {
			i += n - 1
			continue
		}
		out = append(out, args[i])
	}
	return out
}

// takes returns how many of the arguments one of the flags takes, 0 if the first is
// none of them, and its value. exact flags without a value must be the whole
// argument.
func takes(flags, args []string, exact bool) (int, string) {
	for _, flag := range flags {
		name, separate := strings.CutSuffix(flag, " ")
		rest, ok := strings.CutPrefix(args[0], name)
		switch {
		case !ok || exact && !separate && rest != "":
		case rest != "" && separate && name == "--include": // --include-directory and kin
		case rest != "" || !separate:
			return 1, rest
		case len(args) > 1:
			return 2, args[1]
		}
	}
	return 0, ""
}

func hasFlag(flags []string, arg string) bool {
	return slices.ContainsFunc(flags, func(flag string) bool { return strings.HasPrefix(arg, flag) })
}

// cpu describes the machine that "native" means: the kernel's list of the first
// processor's features.
func cpu() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	var lines []string
	for _, line := range strings.Split(string(b), "\n") {
		if line == "" {
			break
		}
		name, _, _ := strings.Cut(line, "\t")
		switch strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), ":")) {
		case "vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU implementer", "CPU part", "CPU variant", "cache size":
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
