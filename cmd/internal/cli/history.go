package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) historyCommand() *cobra.Command {
	var request ipc.HistoryRequest
	var slow bool
	c := a.jsonFlag(&cobra.Command{
		Use:   "history [BUILD]",
		Short: "List past builds, or what one of them did and why",
		Args:  atMostOne("BUILD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				request.Build, request.Units = args[0], true
			}
			if slow {
				request.Slow = slowLines
			}
			p, err := a.open()
			if err != nil {
				return err
			}
			reply, err := p.History(cmd.Context(), request)
			if err != nil {
				return err
			}
			switch {
			case slow && !a.json:
				a.printSlow(reply.Slow)
				return nil
			case len(args) == 0 && !a.json:
				a.printTrend(reply.Builds)
			}
			return a.printHistory(reply)
		},
	})
	c.Flags().IntVarP(&request.Limit, "limit", "n", 20, "how many `builds`")
	c.Flags().BoolVar(&slow, "slow", false, "name the slowest units, and the headers that cost most over all units")
	c.Flags().BoolVar(&request.Units, "units", false, "with the units of each build")
	return c
}

func (a *app) printHistory(reply ipc.HistoryReply) error {
	if a.json {
		return a.printJSON(struct {
			Schema int `json:"schema"`
			ipc.HistoryReply
		}{ipc.Schema, reply})
	}
	if len(reply.Builds) == 0 {
		fmt.Fprintln(a.Stdout, "No builds yet: `replibuild compile` makes the first")
		return nil
	}
	for _, b := range reply.Builds {
		mark := "✅"
		if !b.Success {
			mark = "❌"
		}
		a.printf("%s %s  %s  %6s  %-7s  %d compiled, %d cached, %d failed, %d skipped\n", mark, b.Build,
			b.Started.Local().Format(time.DateTime), seconds(b.Seconds), b.Trigger, b.Compiled, b.Cached, b.Failed, b.Skipped)
		for _, u := range b.Units {
			a.printf("   %-8s %6s  %s: %s\n", u.Status, seconds(u.Seconds), unitName(u), u.Reason.Text)
		}
	}
	return nil
}

func unitName(u ipc.UnitRecord) string {
	if u.File != "" {
		return u.File
	}
	return u.ID
}
