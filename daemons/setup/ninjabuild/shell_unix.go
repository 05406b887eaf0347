//go:build unix

package ninjabuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

const (
	hasShell = true
	shell    = "/bin/sh" // that ninja runs commands by
)

// Shell runs each command by /bin/sh, in a process group of its own.
type Shell struct {
	Stdin, Stdout, Stderr *os.File // for commands of the console pool
}

// Run implements [Runner].
func (s Shell) Run(ctx context.Context, c Command) Result {
	cmd := exec.Command(shell, "-c", c.Line)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	var output bytes.Buffer
	if c.Console {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	} else {
		// A group of its own: an interrupt from the terminal reaches us alone, and we pass
		// it on. A command of the console is in the terminal's group.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Stdout, cmd.Stderr = &output, &output
	}
	if err := cmd.Start(); err != nil {
		return Result{Code: 1, Err: fmt.Errorf("posix_spawn: %s", reason(err))}
	}
	stop := context.AfterFunc(ctx, func() { s.interrupt(ctx, cmd.Process.Pid, c.Console) })
	defer stop()
	return result(cmd.Wait(), output.Bytes())
}

// interrupt passes the signal on that ended the context.
func (s Shell) interrupt(ctx context.Context, pid int, console bool) {
	number := syscall.SIGINT
	var cause Interrupt
	if errors.As(context.Cause(ctx), &cause) && cause.Signal != 0 {
		number = syscall.Signal(cause.Signal)
	}
	if !console {
		syscall.Kill(-pid, number)
	}
}

func result(err error, output []byte) Result {
	r := Result{Output: output}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return r
	case !errors.As(err, &exit):
		r.Code, r.Err = 1, err
		return r
	}
	status := exit.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		r.Code = status.ExitStatus()
		r.Interrupted = r.Code == exitInterrupted // how a shell says so of its command
		return r
	}
	switch status.Signal() {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP:
		r.Code, r.Interrupted = exitInterrupted, true
	default:
		r.Code = 128 + int(status.Signal())
	}
	return r
}
