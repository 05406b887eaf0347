package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) explainCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "explain FILE|TARGET",
		Short: "Say when and why a file was compiled or a target linked",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			subject := args[0]
			if files, err := projectFiles(p.Root(), args); err == nil {
				subject = files[0]
			}
			reply, err := p.Explain(cmd.Context(), subject)
			if err != nil {
				return err
			}
			return a.printExplain(reply)
		},
	})
}

func (a *app) printExplain(reply ipc.ExplainReply) error {
	if a.json {
		return a.printJSON(struct {
			Schema int `json:"schema"`
			ipc.ExplainReply
		}{ipc.Schema, reply})
	}
	fmt.Fprintf(a.Stdout, "%s (%s)\n", reply.Subject, reply.Kind)
	for _, f := range reply.Records {
		fmt.Fprintf(a.Stdout, "  %s  %s in %s: %s\n", f.Time.Local().Format(time.DateTime), f.Status, seconds(f.Seconds), f.Reason.Text)
	}
	if len(reply.Records) == 0 {
		fmt.Fprintln(a.Stdout, "  no build has made it yet")
	}
	for _, d := range reply.Dirty {
		fmt.Fprintf(a.Stdout, "  changed since: %s\n", causes(d.Causes))
	}
	if n := len(reply.Dependents); n > 0 {
		fmt.Fprintf(a.Stdout, "  read by %s\n", plural(n, "unit"))
		for _, id := range reply.Dependents {
			fmt.Fprintf(a.Stdout, "    %s\n", id)
		}
	}
	return nil
}

func causes(all []ipc.Cause) string {
	words := make([]string, 0, len(all))
	for _, c := range all {
		words = append(words, strings.TrimSpace(c.Path+" "+c.Kind))
	}
	return strings.Join(words, ", ")
}
