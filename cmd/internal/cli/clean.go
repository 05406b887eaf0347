package cli

import (
	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/internal/words"
)

func (a *app) cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "clean",
		Short:   "Remove what builds have made; the cache stays",
		Example: "  replibuild clean",
		Long: "Remove the objects, targets and generated files of the project. Nothing ever needs this:\n" +
			"it is for disk space. The cache stays, so the next build delivers from it. If [build] names\n" +
			"another build system, its own clean is run.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, b, err := a.place()
			switch {
			case err != nil:
				return err
			case b != nil:
				return a.cleanForeign(cmd.Context(), b)
			}
			removed, err := p.Clean(cmd.Context())
			if err != nil {
				return err
			}
			a.printf("🧹 Removed %s\n", words.Plural(removed, "file"))
			return nil
		},
	}
}
