package cli

import (
	"errors"
	"os/exec"

	"github.com/RepliBuild/replibuild/ipc"
)

// execute cannot replace a process here.
func execute(path string, _, _ []string) error {
	return ipc.Errorf(ipc.CodeUnavailable, "cannot execute %s: this system cannot replace a process", path)
}

// becomeCompiler runs a compiler as it is.
func (a *app) becomeCompiler(args []string) error {
	c := exec.Command(args[0], args[1:]...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = a.Env, a.Stdin, raw(a.Stdout), raw(a.Stderr)
	err := c.Run()
	if status := (*exec.ExitError)(nil); errors.As(err, &status) {
		return exitStatus(status.ExitCode())
	}
	if err != nil {
		return ipc.Errorf(ipc.CodeNoCompiler, "cannot run %s: %v", args[0], err)
	}
	return nil
}
