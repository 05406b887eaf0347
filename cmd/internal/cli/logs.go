package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/internal/termtext"
)

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	var lines int
	c := a.jsonFlag(&cobra.Command{
		Use:               "logs [DAEMON…]",
		Short:             "Show the daemons' logs",
		Example:           "  replibuild logs\n  replibuild logs compilation -f\n  replibuild logs -n 20",
		ValidArgsFunction: completion(completeDaemons),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := checkDaemonNames(names); err != nil {
				return err
			}
			p, err := a.open()
			if err != nil {
				return err
			}
			return p.Logs(cmd.Context(), names, lines, follow, a.printLog)
		},
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as lines are written")
	c.Flags().IntVarP(&lines, "lines", "n", 100, "how many `lines` of the past")
	return c
}

func (a *app) printLog(l daemons.LogLine) {
	if a.json {
		fmt.Fprintln(a.Stdout, l.Raw)
		return
	}
	level := styled(termtext.Line(l.Level))
	switch l.Level {
	case "ERROR":
		level = style(a.Stdout, red, l.Level)
	case "WARN":
		level = style(a.Stdout, yellow, l.Level)
	}
	a.printf("%s %-12s %s %s%s\n", l.Time.Local().Format(time.TimeOnly), l.Daemon, level, l.Message, l.Attrs)
}
