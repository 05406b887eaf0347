package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
)

// Exit codes; docs/errors.md lists them for users.
const (
	exitDone        = 0
	exitBuildFailed = 1   // a build failed, a timeout too
	exitUsage       = 2   // the command line is wrong, or names an unknown file
	exitDaemon      = 3   // a daemon could not be reached or started; the queue is full
	exitConfig      = 4   // replibuild.toml, daemon_config.toml, a module or the compiler
	exitDamaged     = 5   // the cache is damaged
	exitInterrupted = 130 // Ctrl-C, or cancelled by someone else
)

// exitStatus ends a command with a code of its own after everything was printed.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// finish prints err, if there is one that has not been printed, and returns the
// exit code that it means.
func (a *app) finish(ctx context.Context, err error) int {
	var status exitStatus
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &status):
		return int(status)
	case ctx.Err() != nil:
		fmt.Fprintln(a.Stderr, "interrupted")
		return exitInterrupted
	}
	a.printError(err)
	return exitCode(err)
}

// exitCode maps an error's code to the program's exit code.
func exitCode(err error) int {
	switch ipc.CodeOf(err) {
	case ipc.CodeBadRequest, ipc.CodeUnknownFile, ipc.CodeNotFound:
		return exitUsage
	case ipc.CodeConfig, ipc.CodeNoProject, ipc.CodeNoCompiler:
		return exitConfig
	case ipc.CodeQueueFull, ipc.CodePortInUse, ipc.CodeUnreachable, ipc.CodeStopping,
		ipc.CodeUnauthorized, ipc.CodeUnavailable:
		return exitDaemon
	case ipc.CodeCacheDamaged:
		return exitDamaged
	case ipc.CodeCancelled:
		return exitInterrupted
	}
	var e *ipc.Error
	if !errors.As(err, &e) {
		return exitUsage // cobra's own: unknown command, wrong number of arguments
	}
	return exitBuildFailed
}
