package compilation

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// flagFacts is what a compiler's arguments mean for caching.
type flagFacts struct {
	args   []string // without those that ask for a dependency file: we ask for our own
	files  []string // files that they name and no dependency file lists
	forced []string // names of -include and -imacros
	native bool     // code for the machine that compiles
	// direct: the name of the object gets into it or into other files that are
	// written beside it, so the compiler must be given the final one.
	direct bool
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
		"-fxray-attr-list=", "-fproc-stat-report=")
	forcedFlags = flagList("-include ", "--include ", "--include=", "-imacros ", "--imacros ", "--imacros=")
	directFlags = flagList("-gsplit-dwarf", "--coverage", "-coverage", "-fprofile-arcs", "-ftest-coverage", "-frecord-command-line",
		"-frecord-gcc-switches", "-grecord-command-line", "-save-temps", "--save-temps", "-fdump-", "-fstack-usage",
		"-fcallgraph-info", "-ftime-trace", "-fsave-optimization-record", "-foptimization-record-file=", "-dumpbase", "-dumpdir",
		"-serialize-diagnostics", "--serialize-diagnostics", "-fprofile-generate", "-fprofile-instr-generate", "-fmodules",
		"-fcxx-modules", "-fmodules-ts", "-fmodule-output", "-gen-cdb-fragment-path", "-aux-info", "-fopt-info", "-fcrash-diagnostics-dir")
)

// flagList is there to name what such a list of strings means.
func flagList(flags ...string) []string { return flags }

// readFlags sorts arguments out.
func readFlags(args []string) flagFacts {
	var f flagFacts
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if n, _ := takes(dependencyFlags, args[i:], true); n > 0 {
			i += n - 1
			continue
		}
		n, value := takes(fileFlags, args[i:], false)
		if n > 0 {
			f.files = append(f.files, value)
		}
		if n2, value := takes(forcedFlags, args[i:], false); n2 > 0 {
			n = n2
			f.forced = append(f.forced, value)
		}
		switch {
		case strings.HasPrefix(arg, "@"):
			f.uncacheable = arg + " is read by the compiler itself"
			f.files = append(f.files, arg[1:])
		case hasFlag(directFlags, arg):
			f.direct = true
			f.uncacheable = arg + " makes the compiler write more than the object"
		case arg == "-march=native" || arg == "-mtune=native" || arg == "-mcpu=native":
			f.native = true
		}
		f.args = append(f.args, args[i:i+max(n, 1)]...)
		i += max(n, 1) - 1
	}
	return f
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
