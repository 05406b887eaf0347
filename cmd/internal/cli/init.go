package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
)

func (a *app) initCommand() *cobra.Command {
	var shared bool
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Look at a folder of C++ and write a replibuild.toml that builds it",
		Long: "Writes a replibuild.toml. If the folder has a CMakeLists.txt or meson.build of a project, the\n" +
			"file says so, and CMake or Meson go on deciding what is built. Else it lists targets made from\n" +
			"the C and C++ files that are there. A replibuild.toml that exists stays as it is.",
		Example: "  replibuild init\n  replibuild init --shared\n  replibuild init ~/src/app",
		Args:    atMostOne("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := a.projectDir
			if len(args) == 1 {
				dir = args[0]
			}
			path, err := replibuild.Init(cmd.Context(), dir, a.Env, shared)
			if err != nil {
				return err
			}
			if system := a.initialSystem(path); system != "" {
				a.printf("✅ Wrote %s: %s configures build/ and says what is built\n   `replibuild compile` configures and builds it; docs/cmake.md says how\n", filepath.ToSlash(path), system)
				if shared {
					a.printf("   Debug builds are shared with two flags: docs/sharing.md\n")
				}
				return nil
			}
			a.printf("✅ Wrote %s\n   `replibuild compile` builds it, docs/configuration.md explains every key\n", filepath.ToSlash(path))
			return nil
		},
	}
	c.Flags().BoolVar(&shared, "shared", false, "have worktrees share results, debug builds too (docs/sharing.md)")
	return c
}

// initialSystem is the build system that a new replibuild.toml names, "" for none.
func (a *app) initialSystem(file string) string {
	p, err := replibuild.Open(filepath.Dir(file), replibuild.Options{Env: a.Env})
	if err != nil {
		return ""
	}
	b, _ := p.BuildSystem() // compile reports what is missing
	if b == nil {
		return ""
	}
	return b.System
}
