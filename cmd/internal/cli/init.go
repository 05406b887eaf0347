package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init [DIR]",
		Short:   "Look at a folder of C++ and write a replibuild.toml that builds it",
		Example: "  replibuild init\n  replibuild init ~/src/app",
		Args:    atMostOne("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := a.projectDir
			if len(args) == 1 {
				dir = args[0]
			}
			path, err := replibuild.Init(cmd.Context(), dir, a.Env)
			if err != nil {
				return err
			}
			a.printf("✅ Wrote %s\n   `replibuild compile` builds it, docs/configuration.md explains every key\n", filepath.ToSlash(path))
			return nil
		},
	}
}
