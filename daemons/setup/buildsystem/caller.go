package buildsystem

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/ipc"
)

// Caller is what a build system's program gets from the command that runs it.
type Caller struct {
	Env            []string // KEY=VALUE, without that of [build]
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// patience is how long a program may take to end after an interrupt.
const patience = 10 * time.Second

// configure runs the build system's program with args.
func (c Caller) configure(ctx context.Context, b *setup.BuildSystem, args []string) error {
	program, err := b.Program(c.Env)
	if err != nil {
		return err
	}
	cmd := c.command(ctx, b, program, args)
	defer endWithParent(cmd)()
	err = cmd.Run()
	var exit *exec.ExitError
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return ipc.Errorf(ipc.CodeBuildFailed, "%s ended with exit code %d while it configured %s", b.System, exit.ExitCode(), b.BuildDir).
			WithHint("its messages are above; change what they name, or %s_options in [build] of replibuild.toml, and run `replibuild compile` again", b.System)
	}
	return ipc.Errorf(ipc.CodeBuildFailed, "%s failed while it configured %s: %v", b.System, b.BuildDir, err).
		WithHint("run `replibuild compile` again")
}

func (c Caller) command(ctx context.Context, b *setup.BuildSystem, program string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = b.Root // options may name files
	cmd.Env = append(Env(b, c.Env), "PWD="+b.Root)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	return cmd
}

// Env returns env for a build in the folder: with the table's variables, and with our ninja
// for Meson, which looks for one whenever it configures.
func Env(b *setup.BuildSystem, env []string) []string {
	if b.System == setup.SystemMeson {
		env = append(slices.Clip(env), "NINJA="+ninjaLink(b))
	}
	return b.Env(env)
}

// Make runs make in the build folder and returns its exit code. jobs is its -j, 0 for what
// make_options and MAKEFLAGS say.
func Make(ctx context.Context, b *setup.BuildSystem, c Caller, jobs int, targets []string) (int, error) {
	program, err := b.Program(c.Env)
	if err != nil {
		return 0, err
	}
	if err := b.CheckMakefile(targets); err != nil {
		return 0, err
	}
	args := append([]string{"-C", b.BuildDir}, b.Options...)
	if jobs > 0 {
		args = append(args, "-j"+strconv.Itoa(jobs))
	}
	err = c.command(ctx, b, program, append(args, targets...)).Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), nil
	case err != nil:
		return 0, ipc.Errorf(ipc.CodeBuildFailed, "make %s: %v", strings.Join(targets, " "), err)
	}
	return 0, nil
}
