package ipc

import (
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// The flags that an unproved request may add to a compile. Clang and GCC know some
// four thousand; those that load code (-fplugin, -B, -specs, -wrapper, -Xclang
// -load), write elsewhere (-o, -MF, -save-temps, -fdump-*), read any file (-include,
// -imacros, -x, @file, an input file) or reach other tools (-Wl, -Wa, -Wp, -mllvm)
// are many and grow with each release, so this is a list of what is allowed.

// allowedFlags are flags without an argument of their own; the values that some take
// cannot name a file, because they have no slash. Compiled at first use; a command never
// needs it.
var allowedFlags = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(` + strings.Join([]string{
		`-O([0-3sgz]|fast)?`,
		`-g[0-3]?`, `-ggdb[0-3]?`, `-gdwarf(-[2-5])?`, `-gline-tables-only`, `-gcolumn-info`, `-gz`, `-gno-column-info`,
		`-std=(c|c\+\+|gnu|gnu\+\+|iso9899:)[0-9a-z]{2,6}`, `-ansi`, `-pedantic(-errors)?`, `-pthread`, `-w`,
		`-W[A-Za-z0-9][A-Za-z0-9+=_-]{2,}`,
		`-f(no-)?(` + allowedFeatures + `)`,
		`-f(` + allowedSettings + `)`,
		`-m(arch|tune|cpu|fpu|float-abi|fpmath|cmodel|tls-dialect|branch-protection|prefer-vector-width|stack-alignment)=[A-Za-z0-9.+_-]+`,
		`-m(no-)?(sse|sse2|sse3|ssse3|sse4|sse4\.1|sse4\.2|sse4a|avx|avx2|avx512[a-z0-9]+|fma|fma4|f16c|bmi|bmi2|lzcnt|popcnt|aes|pclmul|sha|adx|rdrnd|rdseed|cx16|movbe|red-zone|omit-leaf-frame-pointer|outline-atomics)`,
		`-m(16|32|64|x32|thumb|arm)`,
	}, "|") + `)$`)
})

// allowedFeatures are what -f turns on and -fno- turns off.
const allowedFeatures = `exceptions|rtti|pic|PIC|pie|PIE|plt|common|builtin|freestanding|hosted|strict-aliasing|` +
	`strict-overflow|strict-enums|wrapv|trapv|delete-null-pointer-checks|omit-frame-pointer|inline|` +
	`inline-functions|unroll-loops|vectorize|slp-vectorize|tree-vectorize|fast-math|math-errno|` +
	`trapping-math|signed-zeros|finite-math-only|associative-math|reciprocal-math|` +
	`unsafe-math-optimizations|rounding-math|honor-nans|honor-infinities|stack-protector|` +
	`stack-protector-strong|stack-protector-all|stack-clash-protection|signed-char|unsigned-char|` +
	`short-enums|char8_t|wchar|function-sections|data-sections|merge-constants|merge-all-constants|` +
	`permissive|ms-extensions|gnu-keywords|asm|visibility-inlines-hidden|semantic-interposition|` +
	`threadsafe-statics|sized-deallocation|aligned-new|coroutines|concepts|operator-names|` +
	`access-control|elide-constructors|implicit-templates|asynchronous-unwind-tables|unwind-tables|` +
	`unique-section-names|jump-tables|zero-initialized-in-bss|color-diagnostics|diagnostics-color|` +
	`caret-diagnostics|show-column|elide-type|show-source-location|diagnostics-show-caret|` +
	`diagnostics-show-option|openmp|openmp-simd|standalone-debug|limit-debug-info|` +
	`split-machine-functions|stack-size-section|use-cxa-atexit|emulated-tls|sanitize-recover`

// allowedSettings are what -f sets to a value.
const allowedSettings = `visibility=(default|hidden|internal|protected)|` +
	`fp-contract=(off|on|fast|fast-honor-pragmas)|` +
	`fp-model=(precise|strict|fast|aggressive)|` +
	`excess-precision=(fast|standard|16)|` +
	`(no-)?sanitize=[a-z-]+(,[a-z-]+)*|` +
	`sanitize-(no-)?(recover|trap)=[a-z-]+(,[a-z-]+)*|` +
	`diagnostics-color=(auto|always|never)|` +
	`cf-protection(=(none|branch|return|full|check))?|` +
	`tls-model=(global-dynamic|local-dynamic|initial-exec|local-exec)|` +
	`strict-flex-arrays(=[0-3])?|` +
	`(template-depth|constexpr-depth|constexpr-steps|constexpr-loop-limit|constexpr-ops-limit)=[0-9]+|` +
	`(message-length|error-limit|max-errors|template-backtrace-limit|bracket-depth|macro-backtrace-limit)=[0-9]+|` +
	`(inline-limit|pack-struct|abi-version|abi-compat-version|tabstop)=[0-9]+|` +
	`align-(functions|loops|jumps|labels)(=[0-9]+)?|` +
	`trivial-auto-var-init=(uninitialized|pattern|zero)|` +
	`debug-types-section|` +
	`zero-call-used-regs=[a-z-]+`

// allowedMacro is NAME, NAME=VALUE or NAME(ARGS)=VALUE. A macro may be what an
// #include names, so a value holds nothing that could leave a folder: no slash, and
// no backslash to write one with.
var allowedMacro = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z_]\w*(\([\w, .]*\))?(=[^/\\[:cntrl:]]*)?$`)
})

// AllowedFlags reports the first flag of an unproved compile request that is not on
// the list of those that load no code, write nowhere else and read no file outside
// the project. The error is an [Error] with CodeUnauthorized that names the flag.
// Folders to search must be relative to the project's root, where compilers run, and
// stay beneath it.
func AllowedFlags(flags []string) error {
	for i := 0; i < len(flags); i++ {
		if allowedFlags().MatchString(flags[i]) {
			continue
		}
		option, value, ok := splitOption(flags[i])
		if ok && value == "" && i+1 < len(flags) {
			i++
			value = flags[i]
		}
		if !ok || !allowedValue(option, value) {
			return Errorf(CodeUnauthorized, "flag %q is not allowed without a proof of identity", flags[i]).
				WithHint("put it into replibuild.toml, or use the replibuild command")
		}
	}
	return nil
}

// splitOption takes apart an option whose value is joined to it or follows it.
func splitOption(flag string) (option, value string, ok bool) {
	for _, o := range []string{"-isystem", "-iquote", "-idirafter", "-I", "-D", "-U"} {
		if value, ok := strings.CutPrefix(flag, o); ok {
			return o, value, true
		}
	}
	return "", "", false
}

func allowedValue(option, value string) bool {
	switch option {
	case "-D":
		return allowedMacro().MatchString(value)
	case "-U":
		return allowedMacro().MatchString(value) && !strings.ContainsAny(value, "=(")
	}
	return filepath.IsLocal(value) && !meansMore(value)
}

// meansMore reports whether an argument is more than a path to a compiler: "-x" is a
// flag, "@x" a file with flags wherever it stands, "=x" lies in the system root.
func meansMore(path string) bool {
	return strings.IndexAny(path, "-@=") == 0 || strings.ContainsFunc(path, unicode.IsControl)
}
