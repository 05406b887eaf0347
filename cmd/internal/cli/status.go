package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	c := a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Show the daemons' state and the cache's hits and misses",
		Args:  cobra.NoArgs,
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
	c.Flags().BoolVar(&watch, "watch", false, "go on, and print one line for every change")
	return c
}

func (a *app) printStatus(set ipc.SetStatus) error {
	if a.json {
		return a.printJSON(set)
	}
	fmt.Fprintln(a.Stdout, "RepliBuild Daemon Status:")
	var uptime float64
	for _, d := range set.Daemons {
		fmt.Fprintf(a.Stdout, "  %-13s %s\n", title(d.Name)+":", stateWords(d))
		uptime = max(uptime, d.Uptime)
	}
	fmt.Fprintln(a.Stdout)
	if uptime > 0 {
		fmt.Fprintf(a.Stdout, "Uptime: %s\n", longDuration(time.Duration(uptime*float64(time.Second))))
	}
	fmt.Fprintf(a.Stdout, "Cache hits: %d\n", set.Cache.Hits)
	fmt.Fprintf(a.Stdout, "Cache misses: %d\n", set.Cache.Misses)
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

// statusPeriod is how often --watch looks: often enough for a person, and a look
// costs four short messages.
const statusPeriod = time.Second

// watchStatus prints a line for everything that is different from the look before:
// for pipes and screen readers. With --json each change prints the whole state.
func (a *app) watchStatus(ctx context.Context, p *replibuild.Project) error {
	var last ipc.SetStatus
	tick := time.NewTicker(statusPeriod)
	defer tick.Stop()
	for {
		now := p.Status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		a.printStatusChanges(last, now)
		last = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *app) printStatusChanges(last, now ipc.SetStatus) {
	changed := last.Cache != now.Cache
	for i, d := range now.Daemons {
		if i < len(last.Daemons) && last.Daemons[i].State == d.State && last.Daemons[i].PID == d.PID {
			continue
		}
		changed = true
		if !a.json {
			fmt.Fprintf(a.Stdout, "%s daemon: %s\n", d.Name, statePlain(d))
		}
	}
	switch {
	case changed && a.json:
		a.printJSON(now)
	case last.Cache != now.Cache:
		fmt.Fprintf(a.Stdout, "cache: %d hits, %d misses, %s\n", now.Cache.Hits, now.Cache.Misses, megabytes(now.Cache.Bytes))
	}
}

// statePlain is a state without symbols: "running, PID 12345, port 9001".
func statePlain(d ipc.DaemonStatus) string {
	s := d.State
	if d.PID != 0 {
		s += fmt.Sprintf(", PID %d, port %d", d.PID, d.Port)
	}
	return s
}
