package cli

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) versionCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]any{
					"schema": ipc.Schema, "version": a.Version, "protocol": ipc.Protocol, "go": runtime.Version(),
					"os": runtime.GOOS, "arch": runtime.GOARCH,
				})
			}
			fmt.Fprintf(a.Stdout, "replibuild %s (protocol %d, %s %s/%s)\n", a.Version, ipc.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	})
}

// manCommand writes the manual pages from the command tree, one a command.
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return ipc.Errorf(ipc.CodeBadRequest, "cannot write manual pages: %v", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Title: "REPLIBUILD", Section: "1", Source: "RepliBuild " + a.Version}, args[0])
		},
	}
}
