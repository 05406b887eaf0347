package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/internal/termtext"
	"github.com/RepliBuild/replibuild/ipc"
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
		a.printLogJSON(l)
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

// printLogJSON prints a line of a log with the schema. A line that is not JSON, such as
// the trace of a panic, becomes a message.
func (a *app) printLogJSON(l daemons.LogLine) {
	fields := l.Fields
	if fields == nil {
		fields = map[string]any{}
	}
	line := struct {
		Schema  int            `json:"schema"`
		Daemon  string         `json:"daemon"`
		Time    time.Time      `json:"time"`
		Level   string         `json:"level,omitempty"`
		Message string         `json:"msg"`
		Fields  map[string]any `json:"fields"`
	}{ipc.Schema, l.Daemon, l.Time, l.Level, l.Message, fields}
	if l.Level == "" {
		line.Message = l.Raw
	}
	a.printJSON(line)
}
