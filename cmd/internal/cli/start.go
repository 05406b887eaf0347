package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) startCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "start",
		Short: "Start the project's daemons",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.start(cmd) },
	}
}

func (a *app) start(cmd *cobra.Command) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, "🚀 Starting RepliBuild daemons...")
	set, err := p.Start(cmd.Context())
	for _, d := range set {
		a.printf("   %s\n", startLine(d))
	}
	if err != nil {
		return err
	}
	if !allRunning(set) {
		fmt.Fprintln(a.Stdout, "❌ Some daemons did not start")
		return exitStatus(exitDaemon)
	}
	fmt.Fprintln(a.Stdout, "✅ All daemons started")
	return nil
}

func startLine(d ipc.DaemonStatus) string {
	name := title(d.Name) + " daemon"
	switch d.State {
	case ipc.StateRunning:
		return fmt.Sprintf("✅ %s (PID: %d)", name, d.PID)
	case ipc.StateDisabled:
		return fmt.Sprintf("➖ %s (disabled)", name)
	}
	if d.LastError != "" {
		return fmt.Sprintf("❌ %s: %s", name, d.LastError)
	}
	return fmt.Sprintf("❌ %s (%s)", name, d.State)
}

// allRunning reports whether every daemon that is not disabled runs.
func allRunning(set []ipc.DaemonStatus) bool {
	for _, d := range set {
		if d.State != ipc.StateRunning && d.State != ipc.StateDisabled {
			return false
		}
	}
	return true
}
