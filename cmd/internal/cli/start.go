package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) startCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "start",
		Short:   "Start the project's daemons",
		Long:    "Starts the project's daemons that do not run. `compile` does so by itself.",
		Example: "  replibuild start\n  replibuild start --project ~/src/app",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.start(cmd) },
	}
}

func (a *app) start(cmd *cobra.Command) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	before := p.Status(cmd.Context()).Daemons
	a.printf("🚀 Starting RepliBuild daemons...\n")
	set, err := p.Start(cmd.Context())
	for _, d := range set {
		a.printf("   %s\n", startLine(d))
	}
	switch {
	case err != nil:
		return err
	case !allRunning(set):
		a.printf("❌ Some daemons did not start\n")
		return exitStatus(exitDaemon)
	case samePIDs(before, set):
		a.printf("✅ All daemons were running already\n")
	default:
		a.printf("✅ All daemons started\n")
	}
	return nil
}

// samePIDs reports whether the same processes run before and after.
func samePIDs(before, after []ipc.DaemonStatus) bool {
	pids := map[int]bool{}
	for _, d := range before {
		pids[d.PID] = d.State == ipc.StateRunning
	}
	for _, d := range after {
		if d.State == ipc.StateRunning && !pids[d.PID] {
			return false
		}
	}
	return true
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
