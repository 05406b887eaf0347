package driverline

import (
	"slices"
	"strings"
)

// Options come to a compiler by other ways than its command line. [ReadUnnamed] does not see them.

// optionVariables begin the names of variables by which clang and gcc take options, or are told to
// print or to log what they run, with the names of its outputs.
var optionVariables = []string{"CCC_OVERRIDE_OPTIONS=", "CCC_ADD_ARGS=", "CCC_PRINT_", "CC_PRINT_", "CC_LOG_", "GCC_COMPARE_DEBUG="}

// AddsOptions reports whether an environment may add options to a command.
func AddsOptions(env []string) bool {
	return slices.ContainsFunc(env, func(kv string) bool {
		return slices.ContainsFunc(optionVariables, func(name string) bool { return strings.HasPrefix(kv, name) })
	})
}

// configPrefixes begin options that are in configuration files, and name no output. Those of the
// linker do nothing in a compile.
var configPrefixes = []string{
	"--gcc-", "--target=", "--sysroot=", "-stdlib=", "--stdlib=", "-rtlib=", "--rtlib=", "-unwindlib=", "--unwindlib=", "-fuse-ld=", "-resource-dir=",
	"-L", "-B", "-l", "-Wl,",
}

// ConfigKeepsNames reports whether no option in the text of a configuration file of clang is one that
// may bring the names of outputs into the result. Files that it includes count as such.
func ConfigKeepsNames(text string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		args := split(line)
		for i := 0; i < len(args); i++ {
			arg := args[i]
			switch {
			case slices.Contains(unnamedValues, arg):
				i++
			case !isUnnamedFlag(arg) && !slices.ContainsFunc(configPrefixes, func(prefix string) bool { return strings.HasPrefix(arg, prefix) }):
				return false
			}
		}
	}
	return true
}
