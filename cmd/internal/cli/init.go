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
		Long: "Writes a replibuild.toml. If the folder has a CMakeLists.txt or meson.build of a project, or\n" +
			"a Makefile that compiles, the file says so, and CMake, Meson or make go on deciding what is\n" +
			"built. Else it lists targets made from the C and C++ files that are there. A replibuild.toml that exists stays as it is.",
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
			if b := a.initialSystem(path); b != nil {
				a.printWritten(path, b)
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

// printWritten tells of a new file that names a build system.
func (a *app) printWritten(path string, b *replibuild.BuildSystem) {
	if !b.ByMake() {
		a.printf("✅ Wrote %s: %s configures build/ and says what is built\n   `replibuild compile` configures and builds it; docs/cmake.md says how\n", filepath.ToSlash(path), b.System)
		return
	}
	a.printf("✅ Wrote %s: make builds it\n   `replibuild compile` runs make, and compiles come from the cache; docs/cmake.md says how\n", filepath.ToSlash(path))
	if replibuild.NeedsConfigure(filepath.Dir(path)) {
		a.printf("   Run ./configure first: there is no Makefile yet\n")
	}
}

// initialSystem is the build system that a new replibuild.toml names, nil for none.
func (a *app) initialSystem(file string) *replibuild.BuildSystem {
	p, err := replibuild.Open(filepath.Dir(file), replibuild.Options{Env: a.Env})
	if err != nil {
		return nil
	}
	b, _ := p.BuildSystem() // compile reports what is missing
	return b
}
