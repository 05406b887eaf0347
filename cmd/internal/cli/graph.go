package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) graphCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "graph FILE",
		Short: "Show what reads a file, by the inputs recorded when it was compiled",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			path := args[0]
			if files, err := projectFiles(p.Root(), args); err == nil {
				path = files[0]
			}
			reply, err := p.Dependents(cmd.Context(), path)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Schema int    `json:"schema"`
					File   string `json:"file"`
					ipc.DependentsReply
				}{ipc.Schema, path, reply})
			}
			fmt.Fprintf(a.Stdout, "%s is read by %s\n", path, plural(len(reply.Nodes), "node"))
			for _, id := range reply.Nodes {
				fmt.Fprintf(a.Stdout, "  %s\n", id)
			}
			for _, id := range reply.Missed {
				fmt.Fprintf(a.Stdout, "  %s (looked for it in vain)\n", id)
			}
			return nil
		},
	})
}
