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
				return a.printJSON(struct {
					Schema   int    `json:"schema"`
					Version  string `json:"version"`
					Protocol int    `json:"protocol"`
					Go       string `json:"go"`
					OS       string `json:"os"`
					Arch     string `json:"arch"`
				}{ipc.Schema, a.Version, ipc.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH})
			}
			a.printf("replibuild %s (protocol %d, %s %s/%s)\n", a.Version, ipc.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	})
}
