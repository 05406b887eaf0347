package cli

import (
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) runCommand() *cobra.Command {
	var f compileFlags
	c := &cobra.Command{
		Use:   "run [TARGET] [-- ARGS]",
		Short: "Build a program and run it; the exit code is the program's",
		Long: "Builds the target and runs it in the current folder. Without TARGET it takes the project's\n" +
			"only program. Arguments after TARGET, or after --, go to the program.",
		Example: "  replibuild run\n  replibuild run hello -- --verbose input.txt",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.run(cmd, f, args) },
	}
	f.add(a, c)
	c.ValidArgsFunction = completion(a.completePrograms)
	return c
}

func (a *app) run(cmd *cobra.Command, f compileFlags, args []string) error {
	name := args
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		name = args[:dash]
	}
	p, b, err := a.place()
	switch {
	case err != nil:
		return err
	case b != nil:
		return a.runForeign(cmd, b, f, name, args)
	}
	plan, err := p.Plan(cmd.Context())
	if err != nil {
		return err
	}
	target, err := program(plan, name)
	if err != nil {
		return err
	}
	if len(name) > 0 {
		args = args[1:]
	}
	f.options.Targets = []string{target.Name}
	build := *a
	build.Stdout = a.Stderr // standard output is the program's
	if err := build.build(cmd, p, f); err != nil {
		return err
	}
	return a.exec(cmd, filepath.Join(plan.Root, filepath.FromSlash(target.Output)), args)
}

// program is the executable target that name[0] names, or the only one if name is empty.
func program(plan *ipc.Plan, name []string) (*ipc.Target, error) {
	all := executables(plan)
	if len(all) == 0 {
		return nil, ipc.Errorf(ipc.CodeUnknownFile, "the project has no program to run").
			WithHint("give a target kind = \"executable\" in replibuild.toml")
	}
	found, err := pickProgram(all, name)
	if err != nil {
		return nil, err
	}
	return plan.Target(found), nil
}

// pickProgram returns the one of all, which is not empty, that name[0] names, or the only
// one if name is empty.
func pickProgram(all, name []string) (string, error) {
	switch {
	case len(name) == 0 && len(all) > 1:
		return "", usageError("run needs a TARGET: %s", strings.Join(all, ", ")).WithHint("for example: replibuild run %s", all[0])
	case len(name) == 0:
		return all[0], nil
	case !slices.Contains(all, name[0]):
		hint := "the programs are " + strings.Join(all, ", ")
		if near := suggestion(name[0], all); near != "" {
			hint = "did you mean " + near + "?"
		}
		return "", ipc.Errorf(ipc.CodeUnknownFile, "there is no program %s", name[0]).WithHint("%s", hint)
	}
	return name[0], nil
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
