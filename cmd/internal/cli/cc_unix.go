//go:build unix

package cli

import (
	"errors"
	"os/exec"
	"syscall"

	"github.com/RepliBuild/replibuild/ipc"
)

// execute replaces this process by another program.
func execute(path string, args, env []string) error {
	err := syscall.Exec(path, args, env)
	return ipc.Errorf(ipc.CodeNoCompiler, "cannot execute %s: %v", path, err)
}

// becomeCompiler executes a compiler as it is.
func (a *app) becomeCompiler(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return ipc.Errorf(ipc.CodeNoCompiler, "%s: command not found", args[0])
	}
	return execute(path, args, a.Env)
}
