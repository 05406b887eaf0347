package cli

import (
	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
)

// daemonCommand is what `start` runs in the background. It is not for users.
func (a *app) daemonCommand() *cobra.Command {
	var user bool
	c := &cobra.Command{
		Use: "daemon NAME", Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Run one daemon in this process (used by start)",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkDaemonNames(args); err != nil {
				return err
			}
			if user {
				return replibuild.RunUserDaemon(cmd.Context(), args[0])
			}
			return replibuild.RunDaemon(cmd.Context(), args[0], a.projectDir, printedBuild)
		},
	}
	c.Flags().BoolVar(&user, "user", false, "of the user set")
	return c
}
