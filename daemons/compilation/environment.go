package compilation

import (
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/internal/environment"
)

// The environment is an input: each variable that a process asked for, by its value or
// by its absence, is a predicate of the set (snapshot.Variable). What cannot be seen is
// added here by rules: what the C library and the dynamic loader read for themselves, and
// what the programs read that may read everything.

// addVariables adds what a trace has of the environment. Programs of the toolchain ask by
// name. A foreign program that may read all variables is taken to have read them, but for
// those of the session; so is one that was not seen. A driver of gcc, which a wrapper runs,
// hands all of them on.
func (w *traceTracking) addVariables(o preload.Observation, seen *observation) {
	names := slices.DeleteFunc(slices.Clone(o.Variables), func(name string) bool { return !environment.Counts(name) })
	names = append(names, environment.Loader, "GLIBC_TUNABLES")
	if seen.foreign = o.Foreign != ""; seen.foreign {
		names = append(names, "PATH")
	}
	if !o.Complete || slices.ContainsFunc(o.WholeBy, w.asksMore) {
		names = append(names, environment.Whole)
	}
	w.about.view.AddVariables(&seen.listings, names)
	seen.environment = true
}

// localeVariables are those by which the C library chooses language and characters. The
// result of a compiler or linker does not depend on them, what it prints does: so they
// count where something was printed, and where foreign programs ran.
var localeVariables = []string{"LANG", "LANGUAGE", environment.Locale}

// completeVariables adds what no process asks for. Where nothing was traced, that is what
// compilers are known to read, and for commands of the plan everything.
func (w *work) completeVariables(a *action, seen *observation, output string) {
	var names []string
	if !seen.environment {
		names = append(environment.OfCompilers(), environment.Loader, "GLIBC_TUNABLES")
		if a.command != nil {
			names = append(names, environment.Whole, "PATH")
		}
	}
	if seen.foreign || output != "" || a.command != nil {
		names = append(names, localeVariables...)
	}
	w.view.AddVariables(&seen.listings, names)
}

// compilerVariables are the variables that compilers are known to read, as one text: what
// a tool says of itself may depend on them.
func (w *work) compilerVariables() string {
	var all strings.Builder
	for _, name := range append(environment.OfCompilers(), "PATH", environment.Loader) {
		all.WriteString("\x00" + w.view.Variables.Text(name))
	}
	return all.String()
}
