package ninjabuild

import (
	"context"

	"github.com/RepliBuild/replibuild/ipc"
)

// Command is one edge to run.
type Command struct {
	Line        string // for the shell
	Dir         string // the build folder; "" is the process's own
	Env         []string
	Inputs      []string // explicit and implicit, with those that the last run named
	Outputs     []string // the folders above them are there
	Description string
	Depfile     string
	Deps        string // "gcc", "msvc" or ""
	HasDeps     bool   // the log of deps has what the last run named
	Rspfile     string // it is written already
	Pool        string
	Console     bool // the command has the terminal
	Restat      bool
	Generator   bool
	Always      bool // it runs in each build: an input is a phony edge without inputs
	// Linked reports a program that a link of the same manifest makes. nil knows none.
	Linked func(program string) bool
}

// Result is how a command ended.
type Result struct {
	Output      []byte // standard output and error, as they came
	Code        int    // the shell's, or 128 and the signal; 0 is success
	Interrupted bool   // it was ended by SIGINT, SIGTERM or SIGHUP
	Err         error  // it could not be started at all: the build ends

	// Service is what the compilation service said, nil if it did not run the command.
	Service *ipc.ActionResult
	// Untouched: the command was skipped, and its outputs and what it named as its inputs are those
	// of its last run.
	Untouched bool
}

// Runner runs commands, several at the same time. It is the place for a cache.
type Runner interface {
	// Run runs a command to its end. When the context ends, so does the command, and Run
	// returns after all its processes are gone.
	Run(ctx context.Context, c Command) Result
}

// Restorer is a Runner that may know the result of a command already.
type Restorer interface {
	// Restore gives the results of those commands that it knows, with their outputs in place,
	// without running anything. It calls done once for each command, in any order, one call
	// after the other, before it returns. A command whose result is not known is to be run.
	Restore(ctx context.Context, commands []Command, done func(i int, r Result, known bool))
}

// Interrupt is the cause of a context that a signal ended.
type Interrupt struct{ Signal int }

func (Interrupt) Error() string { return "interrupted by user" }

// Doubter is a Runner that knows more of what commands read than ninja's logs say: names that
// they looked for, programs, libraries, variables of the environment.
type Doubter interface {
	// Doubts begins to find out which outputs are out of date although they are up to date by
	// ninja's rule, and returns at once: the manifest and the logs are read meanwhile. dir is
	// the build folder ("" = the process's own), env the environment of the commands. The end
	// of the context ends the search.
	Doubts(ctx context.Context, dir string, env []string) Doubts
}

// Doubts is an answer that may not be there yet.
type Doubts struct {
	Ready <-chan struct{} // is closed when Answer need not wait any more

	// Answer waits, and returns a function that says why an output is out of date; a reason
	// without a text means that nothing speaks against it. made reports whether the manifest
	// still makes an output. A nil function knows nothing.
	Answer func(made func(output string) bool) func(output string) ipc.Reason
}
