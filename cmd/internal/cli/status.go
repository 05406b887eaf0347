package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	c := a.jsonFlag(&cobra.Command{
		Use:     "status",
		Short:   "Show the daemons' state and the cache's hits and misses",
		Example: "  replibuild status\n  replibuild status --json\n  replibuild status --watch",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			if watch {
				return a.watchStatus(cmd.Context(), p)
			}
			return a.printStatus(p.Status(cmd.Context()))
		},
	})
	c.Flags().BoolVar(&watch, "watch", false, "go on, and print one line for every change of daemons, cache and builds")
	return c
}

func (a *app) printStatus(set ipc.SetStatus) error {
	if a.json {
		return a.printJSON(set)
	}
	fmt.Fprintln(a.Stdout, "RepliBuild Daemon Status:")
	var uptime float64
	for _, d := range set.Daemons {
		a.printf("  %-13s %s\n", title(d.Name)+":", stateWords(d))
		uptime = max(uptime, d.Uptime)
	}
	fmt.Fprintln(a.Stdout)
	if uptime > 0 {
		a.printf("Uptime: %s\n", words.Duration(time.Duration(uptime*float64(time.Second))))
	}
	a.printf("Cache hits: %d\n", set.Cache.Hits)
	a.printf("Cache misses: %d\n", set.Cache.Misses)
	return nil
}

func stateWords(d ipc.DaemonStatus) string {
	switch d.State {
	case ipc.StateRunning:
		return fmt.Sprintf("✅ Running (PID %d)", d.PID)
	case ipc.StateStarting:
		return fmt.Sprintf("⏳ Starting (PID %d)", d.PID)
	case ipc.StateUnresponsive:
		return fmt.Sprintf("⚠️ Unresponsive (PID %d)", d.PID)
	case ipc.StateCrashed:
		return fmt.Sprintf("💥 Crashed (restarts: %d)", d.Restarts)
	case ipc.StateDisabled:
		return "➖ Disabled"
	}
	return "❌ Stopped"
}
