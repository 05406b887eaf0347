package ipc

import (
	"sort"
	"strings"
)

// callerVariables are the variables that may change what a compiler, linker,
// pkg-config or a step does, and so travel with a request; a trailing * matches
// any rest. The list is rule 5 of docs/correctness.md and what toolchain probing
// reads. Everything else stays behind: daemons outlive the shell that started them
// and must not depend on its environment.
var callerVariables = [...]string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "LC_*", "TZ",
	"CC", "CXX", "AR", "LD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS",
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH",
	"LIBRARY_PATH", "LD_LIBRARY_PATH", "LD_RUN_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "GCC_COMPARE_DEBUG",
	"GCC_COLORS", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CCC_OVERRIDE_OPTIONS", "CLANG_CONFIG_FILE_*",
	"SOURCE_DATE_EPOCH", "PKG_CONFIG*", "SDKROOT", "*_DEPLOYMENT_TARGET",
	"REPLIBUILD_MODULE_PATH", "CCACHE_*", "PYTHONPATH", "VIRTUAL_ENV",
}

// CallerEnv cuts an environment (KEY=VALUE, as os.Environ returns it) to the
// variables that a build may depend on, sorted, the last of several equal keys.
func CallerEnv(environ []string) []string {
	last := make(map[string]string, len(environ))
	for _, kv := range environ {
		key, _, ok := strings.Cut(kv, "=")
		if ok && key != "" && isCallerVariable(key) {
			last[key] = kv
		}
	}
	out := make([]string, 0, len(last))
	for _, kv := range last {
		out = append(out, kv)
	}
	sort.Strings(out)
	return out
}

func isCallerVariable(key string) bool {
	for _, p := range callerVariables {
		if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(key, prefix) {
			return true
		}
		if suffix, ok := strings.CutPrefix(p, "*"); ok && strings.HasSuffix(key, suffix) {
			return true
		}
		if key == p {
			return true
		}
	}
	return false
}

// EnvValue returns the value of key in a KEY=VALUE list, "" if it is not set.
func EnvValue(env []string, key string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == key {
			return v
		}
	}
	return ""
}
