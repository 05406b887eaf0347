package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) historyCommand() *cobra.Command {
	var request ipc.HistoryRequest
	var slow bool
	c := a.jsonFlag(&cobra.Command{
		Use:   "history [BUILD]",
		Short: "List past builds, or what one of them did and why",
		Long: "Lists past builds, newest first, or with BUILD what that build did and why. The end of a\n" +
			"build's ID is enough.",
		Example:           "  replibuild history\n  replibuild history --slow\n  replibuild history 33fa2b7c",
		Args:              atMostOne("BUILD"),
		ValidArgsFunction: completion(a.completeBuilds),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				request.Build, request.Units = args[0], true
			}
			if slow {
				request.Slow = slowLines
			}
			p, err := a.openBuilt()
			if err != nil {
				return err
			}
			reply, err := p.History(cmd.Context(), request)
			if err != nil {
				return err
			}
			switch {
			case slow && !a.json:
				a.printSlow(reply.Slow, p.SourceDir())
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
		fmt.Fprintln(a.Stdout, "No builds yet: run `replibuild compile`")
		return nil
	}
	for _, b := range reply.Builds {
		a.printf("%s %s  %s  %6s  %-9s %s\n", buildMark(b), b.Build, b.Started.Local().Format(time.DateTime), seconds(b.Seconds),
			b.Trigger, buildSummary(b))
		for _, u := range b.Units {
			a.printf("   %-10s %6s  %s: %s\n", verb(u), seconds(u.Seconds), recordName(u), u.Reason.Text)
		}
	}
	return nil
}

func buildMark(b ipc.BuildRecord) string {
	switch words.Build(b.Success, b.Cancelled) {
	case words.Done:
		return "✅"
	case words.Cancelled:
		return "🚫"
	}
	return "❌"
}

// buildSummary counts how the units of a build ended: "2 compiled, 38 up to date".
func buildSummary(b ipc.BuildRecord) string {
	counts := words.Outcome(b.Counts, b.Hits)
	switch {
	case b.Cancelled && counts == "":
		return words.Cancelled
	case b.Cancelled:
		return words.Cancelled + ", " + counts
	case counts == "":
		return b.Detail
	}
	return counts + foundElsewhere(b.Tiers)
}

// foundElsewhere says what of a build came from beyond the project's cache, and what that
// saved: " (38 from the shared store, 12s saved)".
func foundElsewhere(tiers map[string]ipc.TierHits) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(tiers)) {
		parts = append(parts, fmt.Sprintf("%d from the %s, %s saved", tiers[name].Hits, words.Tier(name), seconds(tiers[name].Saved)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// recordName is what a record is about: a source file, or what was linked or generated.
func recordName(u ipc.UnitRecord) string {
	if u.File != "" {
		return u.File
	}
	return words.Node(u.ID)
}
