package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) ensureCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ensure",
		Short:   "Start what does not run, restart what crashed; exit 0 only if all enabled daemons run",
		Example: "  replibuild ensure",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.ensure(cmd) },
	}
}

func (a *app) ensure(cmd *cobra.Command) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	ok, set, err := p.Ensure(cmd.Context())
	if err != nil {
		return err
	}
	if ok {
		fmt.Fprintln(a.Stdout, "✅ All daemons running")
		return nil
	}
	for _, d := range set {
		if d.State != ipc.StateRunning && d.State != ipc.StateDisabled {
			a.eprintf("   %s\n", startLine(d))
		}
	}
	fmt.Fprintln(a.Stderr, "Warning: Some daemons failed to restart")
	fmt.Fprintln(a.Stderr, "hint: `replibuild logs` shows what they said last, `replibuild doctor` looks for the cause")
	return exitStatus(exitDaemon)
}
