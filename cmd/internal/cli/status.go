package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
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
			return a.status(cmd.Context(), p)
		},
	})
	a.userFlag(c)
	c.Flags().BoolVar(&watch, "watch", false, "go on, and print one line for every change of daemons, cache and builds")
	return c
}

func (a *app) status(ctx context.Context, p *replibuild.Project) error {
	set := p.Status(ctx)
	if a.json {
		return a.printJSON(set)
	}
	a.printStatus(set)
	if a.user {
		a.printLaunches(p.Launches(ctx))
		return nil
	}
	if last := lastBuild(ctx, p, set); last != nil {
		a.printf("Last build: %s %s, %s\n", words.Build(last.Success, last.Cancelled), words.Ago(time.Since(last.Started)), buildSummary(*last))
	}
	return nil
}

// lastBuild is the newest build in the history, nil if there is none or the orchestrator
// hangs: a status stays quick if a daemon hangs.
func lastBuild(ctx context.Context, p *replibuild.Project, set ipc.SetStatus) *ipc.BuildRecord {
	for _, d := range set.Daemons {
		if d.State == ipc.StateUnresponsive {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	reply, err := p.History(ctx, ipc.HistoryRequest{Limit: 1})
	if err != nil || len(reply.Builds) == 0 {
		return nil
	}
	return &reply.Builds[0]
}

func (a *app) printStatus(set ipc.SetStatus) {
	fmt.Fprintln(a.Stdout, "RepliBuild Daemon Status:")
	var uptime float64
	for _, d := range set.Daemons {
		a.printf("  %-13s %s\n", title(d.Name)+":", stateWords(d))
		uptime = max(uptime, d.Uptime)
	}
	fmt.Fprintln(a.Stdout)
	for _, d := range set.Daemons {
		if d.State != ipc.StateRunning && d.LastError != "" {
			a.printf("%s: %s\n", title(d.Name), d.LastError)
		}
	}
	if uptime > 0 {
		a.printf("Uptime: %s\n", words.Duration(time.Duration(uptime*float64(time.Second))))
	}
	a.printf("Cache hits: %d\n", set.Cache.Hits)
	a.printf("Cache misses: %d\n", set.Cache.Misses)
	for _, t := range set.Cache.Tiers {
		a.printf("%s: %s\n", capital(words.Tier(t.Name)), tierState(t))
	}
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
	case ipc.StateElsewhere:
		return fmt.Sprintf("🚧 Runs in another container or namespace (PID %d there)", d.PID)
	case ipc.StateDisabled:
		return "➖ Disabled"
	}
	return "❌ Stopped"
}
