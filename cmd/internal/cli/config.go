package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		Short:   "Show or check the project's configuration",
		Example: "  replibuild config show\n  replibuild config check",
		Args:    subcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.configShowCommand(), a.configCheckCommand(), a.configPathCommand())
	return c
}

// shownConfig is what `config show` prints: the plan in short, and the settings of
// the daemons.
type shownConfig struct {
	Schema     int             `json:"schema"`
	Project    string          `json:"project"`
	Version    string          `json:"version,omitempty"`
	Root       string          `json:"root"`
	Toolchains []ipc.Toolchain `json:"toolchains"`
	Targets    []ipc.Target    `json:"targets"`
	Commands   []ipc.Command   `json:"commands"`
	Units      int             `json:"units"`
	Actions    []ipc.Action    `json:"actions"` // links, archives and steps
	Modules    []ipc.Module    `json:"modules"`
	Daemons    any             `json:"daemons"`
	Notices    []string        `json:"notices,omitempty"`
}

func (a *app) configShowCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "show", Short: "Print what the project comes to: compilers, targets, flags, modules, daemon settings", Args: noArguments,
		Example: "  replibuild config show",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.find()
			if err != nil {
				return err
			}
			plan, err := p.Plan(cmd.Context())
			if err != nil {
				return err
			}
			modules, err := p.Modules(cmd.Context())
			if err != nil {
				return err
			}
			return a.printConfig(p, plan, modules)
		},
	})
}

func (a *app) printConfig(p *replibuild.Project, plan *ipc.Plan, modules []ipc.Module) error {
	var used []ipc.Module
	for _, m := range modules {
		if m.Used {
			used = append(used, m)
		}
	}
	if a.json {
		return a.printJSON(shownConfig{
			Schema: ipc.Schema, Project: plan.Project, Version: plan.Version, Root: plan.Root,
			Toolchains: plan.Toolchains, Targets: plan.Targets, Commands: plan.Commands, Units: plan.CountUnits(),
			Actions: withoutUnits(plan), Modules: used, Daemons: p.Config(), Notices: plan.Notices,
		})
	}
	a.printf("%s in %s: %s, %s\n", strings.TrimSpace(plan.Project+" "+plan.Version), plan.Root,
		words.Plural(len(plan.Targets), "target"), words.Plural(plan.CountUnits(), "unit"))
	for _, t := range plan.Toolchains {
		a.printf("compiler  %s (%s, linker %s)\n", t.CXX, t.Version, orDefault(t.Linker))
	}
	for _, t := range plan.Targets {
		a.printf("target    %s: %s %s\n", t.Name, t.Kind, t.Output)
	}
	for i, c := range plan.Commands {
		if targets := targetsOf(plan, i); len(targets) > 0 {
			a.printf("flags     %s of %s: %s\n", c.Lang, strings.Join(targets, ", "), shellWords(c.Args))
		}
	}
	for s := range plan.Steps() {
		a.printf("generate  %s: %s\n", shellWords(s.Outputs), shellWords(s.Args))
	}
	for _, m := range used {
		a.printf("module    %s %s (%s)\n", m.Name, m.Version, m.Source)
	}
	for _, n := range plan.Notices {
		a.printf("notice    %s\n", n)
	}
	return nil
}

// withoutUnits are the links, archives and steps of a plan.
func withoutUnits(plan *ipc.Plan) []ipc.Action {
	return slices.DeleteFunc(slices.Clone(plan.Actions), func(a ipc.Action) bool {
		return a.Kind == ipc.ActionCompile || a.Kind == ipc.ActionPhony
	})
}

// targetsOf names the targets whose units are compiled by a command of the plan.
func targetsOf(plan *ipc.Plan, command int) (names []string) {
	for u := range plan.Units() {
		if u.Command == command && !slices.Contains(names, u.Target) {
			names = append(names, u.Target)
		}
	}
	return names
}

// shellWords joins arguments as a shell reads them.
func shellWords(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'`$&|;<>()*?[]#~\\!{}") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func orDefault(linker string) string {
	if linker == "" {
		return "the compiler's own"
	}
	return linker
}

func (a *app) configCheckCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "check", Short: "Report every mistake in the configuration; exit 4 if there is one", Args: noArguments,
		Example: "  replibuild config check",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.find()
			if err != nil {
				return err
			}
			r, err := p.Validate(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(struct {
					Schema int `json:"schema"`
					ipc.ValidateReply
				}{ipc.Schema, r})
			} else {
				for _, problem := range r.Problems {
					a.printf("%s\n", problem.String())
				}
			}
			switch {
			case err != nil:
				return err
			case len(r.Problems) > 0:
				return exitStatus(exitConfig)
			case !a.json:
				a.printf("✅ No mistakes in %s\n", words.Plural(len(r.Files), "file"))
			}
			return nil
		},
	})
}

func (a *app) configPathCommand() *cobra.Command {
	return &cobra.Command{
		Use: "path", Short: "Print RepliBuild's own folder", Args: noArguments,
		Example: "  replibuild config path",
		RunE: func(*cobra.Command, []string) error {
			home, err := replibuild.DirOf(a.Env)
			if err != nil {
				return err
			}
			a.printPath(filepath.Clean(home))
			return nil
		},
	}
}
