package compilation

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// preambleSuffix makes the name of a source's block of includes. It lies in the
// source's own folder, so that the quoted includes of both are looked for in the same
// places, but on no disk: an overlay of the compiler's file system has it.
const preambleSuffix = ".replibuild-preamble.h"

// withoutPreamble are flags with which a preamble is of no use or not known to be
// safe: modules, precompiled headers of the project's own, plugins, and whatever
// writes the names of files into the object: clang spells those of a preamble
// absolutely.
var withoutPreamble = flagList("-fmodule", "-fcxx-modules", "-fno-modules", "-fprebuilt-module", "-fimplicit-module", "-include-pch",
	"-fpch-", "-emit-pch", "-gmodules", "-fplugin", "-fpass-plugin", "-load", "-Xclang", "-mllvm", "-save-temps", "--save-temps",
	"-E", "-S", "-fsyntax-only", "-emit-llvm", "-emit-ast", "-MV", "-traditional", "-fdirectives-only", "-frewrite", "-ivfsoverlay",
	"-vfsoverlay", "-no-integrated-cpp", "-fno-integrated-as", "-no-integrated-as", "-fembed-", "-x", "-working-directory", "-trigraphs",
	"-remap", "-fms-", "-verify", "-fsanitize", "-fxray", "-fprofile", "-fcoverage", "-Rpass", "-Wunused-macros", "-Weverything",
	"-fdump", "-H",
	"-flto", "-fthin")

// whyNoPreamble says why a command's units cannot have one, "" if they can. wish is what the
// command asks of its dependency file.
func whyNoPreamble(t ipc.Toolchain, c ipc.Command, flags flagFacts) (wish depfileWish, why string) {
	if wish, why = readDepfileWish(flags.args); why != "" {
		return wish, why
	}
	return wish, whyNoPreambleFor(t, c, readFlags(withoutDependencyFlags(flags.args)))
}

func whyNoPreambleFor(t ipc.Toolchain, c ipc.Command, flags flagFacts) string {
	switch {
	case t.Family != "clang":
		return t.Family + " has none"
	case c.Lang != "c" && c.Lang != "c++":
		return "the language is " + c.Lang
	case len(flags.forced) > 0:
		return "the command line includes " + flags.forced[0]
	case flags.uncacheable != "" || flags.named != "":
		return cmp.Or(flags.uncacheable, flags.named+" wants the name of the object")
	}
	for _, arg := range flags.args {
		if hasFlag(withoutPreamble, arg) {
			return arg + " does not go with one"
		}
	}
	return ""
}

// hasDebug reports whether arguments ask for debug information.
func hasDebug(args []string) bool {
	debug := false
	for _, arg := range args {
		if strings.HasPrefix(arg, "-g") && !strings.HasPrefix(arg, "-gcc") {
			debug = arg != "-g0" && arg != "-ggdb0"
		}
	}
	return debug
}

// frontEnd is the command of clang itself that its driver runs for a unit, as the
// driver says with -###.
type frontEnd []string

var errNotOneCommand = errors.New("the command takes more than one process")

// parseFrontEnd reads what the driver says: a line for each process.
func parseFrontEnd(output string) (frontEnd, error) {
	var commands [][]string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, ` "`) {
			args, err := unquoteLine(line)
			if err != nil {
				return nil, err
			}
			commands = append(commands, args)
		}
	}
	switch {
	case len(commands) == 0:
		return nil, errors.New("the driver does not say what it runs")
	case len(commands) > 1 || len(commands[0]) < 5 || commands[0][1] != "-cc1":
		return nil, errNotOneCommand
	}
	return frontEnd(commands[0]), nil
}

// excluded says what in the command forbids a preamble although the driver's own
// arguments did not: a configuration file of the driver's may add anything.
func (f frontEnd) excluded() string {
	for _, arg := range f {
		switch {
		case arg == "-include-pch" || arg == "-include" || arg == "-load" || arg == "-ivfsoverlay":
			return arg + " is in what the driver runs"
		case strings.HasPrefix(arg, "-fmodule") && arg != "-fmodules-validate-system-headers" || arg == "-fmodules":
			return arg + " is in what the driver runs"
		}
	}
	return ""
}

// dependsOf is the dependency file that a command of [frontEnd.to] writes.
func dependsOf(output string) string { return output + ".d" }

// to returns the command with another action, source and output, and with the dependency file
// beside that if it makes one.
func (f frontEnd) to(action, source, output, overlay string) ([]string, error) {
	args := slices.Clone(f)
	at, out := slices.Index(args, "-emit-obj"), slices.Index(args, "-o")
	if at < 0 || out < 0 || out+1 >= len(args)-1 {
		return nil, errors.New("what the driver runs does not make an object")
	}
	args[at], args[out+1] = action, output
	if dep := slices.Index(args, "-dependency-file"); dep >= 0 && dep+1 < len(args)-1 {
		args[dep+1] = dependsOf(output)
	}
	args[len(args)-1] = source
	return slices.Insert(args, len(args)-1, "-ivfsoverlay", overlay), nil
}

// forFrontEnd puts the driver's flags for a dependency file, which a tracker may
// have added, into the form of clang itself.
func forFrontEnd(args []string) []string {
	at := slices.Index(args, "-MD")
	if at < 0 || at+2 >= len(args) || args[at+1] != "-MF" {
		return args
	}
	own := []string{"-sys-header-deps", "-MT", "preamble", "-dependency-file", args[at+2]}
	return slices.Concat(args[:at], own, args[at+3:])
}
