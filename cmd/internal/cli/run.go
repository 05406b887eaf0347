package cli

import (
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) runCommand() *cobra.Command {
	var f compileFlags
	c := &cobra.Command{
		Use:   "run TARGET [-- ARGS]",
		Short: "Build a target and run it; the exit code is the program's",
		Args:  cobra.MinimumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.run(cmd, f, args) },
	}
	f.add(c)
	return c
}

func (a *app) run(cmd *cobra.Command, f compileFlags, args []string) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	plan, err := p.Plan(cmd.Context())
	if err != nil {
		return err
	}
	target := plan.Target(args[0])
	if target == nil || target.Kind != ipc.KindExecutable {
		return ipc.Errorf(ipc.CodeUnknownFile, "there is no executable target %q", args[0]).
			WithHint("the executable targets are: %s", strings.Join(executables(plan), ", "))
	}
	f.options.Targets = []string{target.Name}
	build := *a
	build.Stdout = a.Stderr // standard output is the program's
	if err := build.build(cmd, p, f); err != nil {
		return err
	}
	return a.exec(cmd, filepath.Join(plan.Root, filepath.FromSlash(target.Output)), args[1:])
}

func executables(plan *ipc.Plan) []string {
	var names []string
	for _, t := range plan.Targets {
		if t.Kind == ipc.KindExecutable {
			names = append(names, t.Name)
		}
	}
	return names
}

// exec runs a program in the caller's place: its working directory, environment,
// streams and exit code.
func (a *app) exec(cmd *cobra.Command, program string, args []string) error {
	c := exec.CommandContext(cmd.Context(), program, args...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = a.Env, a.Stdin, raw(a.Stdout), raw(a.Stderr)
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exitStatus(exit.ExitCode())
	case errors.As(err, &exit):
		return exitStatus(128 + signalOf(exit))
	case errors.Is(err, io.ErrClosedPipe):
		return nil
	case err != nil:
		return ipc.Errorf(ipc.CodeBuildFailed, "cannot run %s: %v", program, err)
	}
	return nil
}
