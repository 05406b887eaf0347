package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) versionCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "version", Short: "Print the version", Args: noArguments,
		Example: "  replibuild version\n  replibuild version --json",
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]any{
					"schema": ipc.Schema, "version": a.Version, "protocol": ipc.Protocol, "go": runtime.Version(),
					"os": runtime.GOOS, "arch": runtime.GOARCH,
				})
			}
			a.printf("replibuild %s (protocol %d, %s %s/%s)\n", a.Version, ipc.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	})
}
