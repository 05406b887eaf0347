//go:build !unix

package ninjabuild

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
)

// No line of a POSIX shell is recognised here.
const (
	hasShell = false
	shell    = ""
)

// Shell runs each command by cmd.exe.
type Shell struct {
	Stdin, Stdout, Stderr *os.File // for commands of the console pool
}

// Run implements [Runner].
func (s Shell) Run(ctx context.Context, c Command) Result {
	cmd := exec.CommandContext(ctx, "cmd.exe", "/c", c.Line)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	var output bytes.Buffer
	if c.Console {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	} else {
		cmd.Stdout, cmd.Stderr = &output, &output
	}
	err := cmd.Run()
	r := Result{Output: output.Bytes()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.Code, r.Interrupted = exitInterrupted, true
	case errors.As(err, &exit):
		r.Code = exit.ExitCode()
	case err != nil:
		r.Code, r.Err = 1, err
	}
	return r
}
