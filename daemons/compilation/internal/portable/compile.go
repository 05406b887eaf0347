package portable

import (
	"slices"
	"strings"
)

// Compile says what is known of a compile with these arguments, without its source and
// output: mapped, that a prefix map hides each root but the home folder; why, a reason for which its result must
// not serve in another folder, "" if there is none.
//
// The list of accepted options is closed: what is not on it is refused. Options that put
// paths, random numbers or names of other files into what they make are missing on purpose:
// profiles and coverage, sanitizers, -flto, precompiled headers and modules, -save-temps,
// -frecord-command-line, -gz, -gsplit-dwarf, -frandom-seed,
// -funique-internal-linkage-names, plugins, -march=native. So is -fopenmp: clang makes names of
// target regions from the device and inode of the source.
func Compile(args []string, roots Roots) (mapped bool, why string) {
	hidden := map[string]bool{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		taken, known := accepted(args[i:])
		if !known {
			return false, arg + " is not known to be harmless"
		}
		if old, ok := mapOf(arg); ok {
			hidden[old] = true
		} else if !mayName(arg) && slices.ContainsFunc(args[i:i+taken], roots.In) {
			return false, arg + " names a folder of the project"
		}
		i += taken - 1
	}
	mapped = true
	for _, root := range roots.list {
		mapped = mapped && (root.home || hidden[root.path])
	}
	return mapped, ""
}

// mapOf is the folder that a prefix map hides everywhere.
func mapOf(arg string) (old string, ok bool) {
	text, ok := strings.CutPrefix(arg, "-ffile-prefix-map=")
	if !ok {
		return "", false
	}
	i := strings.LastIndexByte(text, '=') // as clang and gcc 12 cut it at the last one or the first: names have none
	if i < 0 || strings.IndexByte(text, '=') != i {
		return "", false
	}
	return text[:i], true
}

// mayName reports whether an option's path only says where something is, so that it matters
// by what is found there, which is among the inputs and misses.
func mayName(arg string) bool {
	for _, flag := range pathFlags {
		if strings.HasPrefix(arg, flag) {
			return true
		}
	}
	return strings.HasPrefix(arg, "-fdebug-prefix-map=") || strings.HasPrefix(arg, "-fmacro-prefix-map=") || strings.HasPrefix(arg, "-ffile-prefix-map=")
}

// pathFlags take a path, joined or as the next argument.
var pathFlags = []string{
	"-I", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-isysroot", "--sysroot",
	"-MF", "-MT", "-MQ",
}

// separateFlags take the next argument.
var separateFlags = []string{
	"-I", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-isysroot", "--sysroot",
	"-MF", "-MT", "-MQ", "-D", "-U", "-target",
}

// exactFlags are whole arguments.
var exactFlags = flagSet(
	"-c", "-w", "-v", "-pipe", "-pthread", "-ansi", "-pedantic", "-pedantic-errors", "-nostdinc", "-nostdinc++", "-nostdlibinc",
	"-g", "-g0", "-g1", "-g2", "-g3", "-ggdb", "-ggdb0", "-ggdb1", "-ggdb2", "-ggdb3", "-gdwarf", "-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5",
	"-gcolumn-info", "-gno-column-info", "-gline-tables-only", "-gstrict-dwarf", "-gno-strict-dwarf", "-glldb", "-gsimple-template-names",
	"-MD", "-MMD", "-MP", "-Qunused-arguments", "-fPIC", "-fpic", "-fPIE", "-fpie", "-m32", "-m64", "-mx32", "-ffast-math", "-fopenmp-simd",
	"-trigraphs", "-undef",
)

func flagSet(flags ...string) map[string]bool {
	set := make(map[string]bool, len(flags))
	for _, f := range flags {
		set[f] = true
	}
	return set
}

// joinedBeginnings begin arguments that are accepted whatever follows.
var joinedBeginnings = []string{
	"-O", "-std=", "-stdlib=", "-D", "-U", "--target=", "--sysroot=", "-fdiagnostics-color", "-fdiagnostics-show-", "-fcolor-diagnostics", "-ferror-limit=", "-fmessage-length=",
	"-fmax-errors=", "-ftemplate-depth", "-ftemplate-backtrace-limit=", "-fconstexpr-", "-fvisibility", "-finput-charset=", "-fexec-charset=",
	"-fwide-exec-charset=", "-ffile-prefix-map=", "-fdebug-prefix-map=", "-fmacro-prefix-map=", "-fstack-protector", "-fstack-clash-protection",
	"-fcf-protection", "-ftls-model=", "-ffp-contract=", "-ffp-model=", "-fexcess-precision=", "-finline-limit=", "-falign-", "-fabi-version=",
	"-ftrivial-auto-var-init=", "-fpack-struct", "-fspell-checking-limit=", "-ftabstop=", "-fbracket-depth=", "-falways-", "-ftree-",
	"-march=", "-mtune=", "-mcpu=", "-mabi=", "-mfpmath=", "-mcmodel=", "-mbranch-protection=",
}

// switches are accepted as -fNAME and -fno-NAME.
var switches = flagSet(
	"exceptions", "rtti", "asynchronous-unwind-tables", "unwind-tables", "omit-frame-pointer", "omit-leaf-frame-pointer", "strict-aliasing",
	"strict-overflow", "strict-enums", "wrapv", "trapv", "trapping-math", "math-errno", "finite-math-only", "signed-zeros", "rounding-math",
	"associative-math", "reciprocal-math", "signaling-nans", "unsafe-math-optimizations", "cx-limited-range", "common", "function-sections", "data-sections",
	"unique-section-names", "merge-all-constants", "threadsafe-statics", "use-cxa-atexit", "char8_t", "signed-char", "unsigned-char", "short-enums",
	"short-wchar", "permissive", "ms-extensions", "gnu-keywords", "builtin", "freestanding", "hosted", "asm", "inline", "inline-functions",
	"inline-small-functions", "implicit-templates", "implicit-inline-templates", "keep-inline-functions", "unroll-loops", "vectorize",
	"slp-vectorize", "semantic-interposition", "plt", "ident", "coroutines", "concepts", "aligned-allocation", "aligned-new", "sized-deallocation",
	"operator-names", "nonansi-builtins", "access-control", "elide-constructors", "elide-type", "show-column", "show-source-location",
	"caret-diagnostics", "color-diagnostics", "diagnostics-color", "spell-checking", "strict-vtable-pointers", "devirtualize", "ipa-sra", "ipa-cp", "gcse",
	"optimize-sibling-calls", "delete-null-pointer-checks", "isolate-erroneous-paths-dereference", "zero-initialized-in-bss", "stack-check",
	"schedule-insns", "schedule-insns2", "reorder-functions", "reorder-blocks", "peel-loops", "split-loops", "prefetch-loop-arrays", "gnu-unique",
	"extended-identifiers", "complete-member-pointers", "relaxed-template-template-args", "standalone-debug",
	"eliminate-unused-debug-types", "debug-macro", "var-tracking", "var-tracking-assignments", "objc-exceptions", "blocks",
)

// accepted reports whether the first argument is on the list, and how many arguments it
// takes.
func accepted(args []string) (taken int, known bool) {
	arg := args[0]
	switch {
	case exactFlags[arg]:
		return 1, true
	case arg == "-x":
		return 2, len(args) > 1 && isSourceLanguage(args[1])
	case slices.Contains(separateFlags, arg):
		return 2, len(args) > 1
	case strings.HasSuffix(arg, "=native") || strings.HasPrefix(arg, "-include-"): // -include-pch
		return 1, false
	case isWarning(arg) || isMachineSwitch(arg):
		return 1, true
	}
	for _, flag := range slices.Concat(joinedBeginnings, pathFlags) {
		if strings.HasPrefix(arg, flag) {
			return 1, true
		}
	}
	name, ok := strings.CutPrefix(arg, "-f")
	return 1, ok && (switches[name] || switches[strings.TrimPrefix(name, "no-")])
}

// isSourceLanguage leaves out headers and modules, whose compiles make something else than
// an object.
func isSourceLanguage(name string) bool {
	return name == "c" || name == "c++" || name == "assembler-with-cpp"
}

// isWarning reports whether an argument only chooses warnings. -Wa, -Wp and -Wl pass
// arguments on.
func isWarning(arg string) bool {
	return strings.HasPrefix(arg, "-W") && !strings.HasPrefix(arg, "-Wa,") && !strings.HasPrefix(arg, "-Wp,") && !strings.HasPrefix(arg, "-Wl,")
}

// isMachineSwitch accepts the names of instruction sets: -mavx2, -mno-sse4.1.
func isMachineSwitch(arg string) bool {
	name, ok := strings.CutPrefix(arg, "-m")
	if !ok {
		return false
	}
	name = strings.TrimPrefix(name, "no-")
	for _, set := range []string{"sse", "ssse", "avx", "fma", "bmi", "popcnt", "aes", "pclmul", "sha", "lzcnt", "f16c", "mmx", "crc32", "red-zone", "outline-atomics", "fpu"} {
		if strings.HasPrefix(name, set) {
			return true
		}
	}
	return false
}
