// Package cli is the command line of RepliBuild: one file a command, each a thin
// layer over the public Go API that reads flags, prints and chooses an exit code.
//
// What it promises: human-readable output keeps the wording of the project's
// specification; --json prints machine-readable output with a schema version, and
// nothing else, on standard output; colour and redrawn lines go to terminals only;
// every error names what failed, where, why and what to do next. The exit codes
// are those of docs/errors.md.
package cli

import (
	"context"
	"io"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
)

// Caller is everything that a command takes from the process it runs in.
type Caller struct {
	Name    string   // by which the program was called
	Args    []string // without the program's name
	Env     []string // KEY=VALUE
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string
}

// Main runs one command and returns its exit code. Called by the name ninja, the program
// is one.
func Main(c Caller) int {
	if isNinja(c.Name) {
		return runNinja(c, replibuild.NinjaReportOptions{Env: c.Env}, false)
	}
	ctx, stop := signal.NotifyContext(context.Background(), interrupts()...)
	defer stop()
	a := &app{Caller: c}
	a.Stdout, a.Stderr = a.newStream(c.Stdout), a.newStream(c.Stderr)
	root := a.rootCommand()
	root.SetArgs(c.Args)
	root.SetIn(c.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	return a.finish(ctx, root.ExecuteContext(ctx))
}

// Tree returns all commands, for the manual pages.
func Tree(version string) *cobra.Command {
	return (&app{Caller: Caller{Version: version}}).rootCommand()
}

// app is one run of the program: the caller and the flags that all commands have.
type app struct {
	Caller
	projectDir string // --project
	json       bool   // --json
	user       bool   // --user: the set of the user, not of a project
}

// rootCommand is the command tree; completions and manual pages are made from it.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "replibuild",
		Short: "Build C++ projects, nearly free after the first time",
		Long: "RepliBuild builds C++ projects from one replibuild.toml. Four small daemons watch the\n" +
			"project, know how each file is compiled and never compile the same thing twice.",
		Version:           a.Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              subcommand,
		PersistentPreRunE: checkNumbers,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.SetVersionTemplate("replibuild {{.Version}}\n")
	root.PersistentFlags().StringVar(&a.projectDir, "project", "", "the project's `folder` (default: found upwards from here)")
	root.AddGroup(
		&cobra.Group{ID: "build", Title: "Build:"},
		&cobra.Group{ID: "daemons", Title: "Daemons:"},
		&cobra.Group{ID: "look", Title: "Look into it:"},
		&cobra.Group{ID: "other", Title: "Other:"},
	)
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	addGroup(root, "build", a.initCommand(), a.compileCommand(), a.watchCommand(), a.runCommand(), a.ninjaCommand(), a.ccCommand(), a.cleanCommand(), a.demoCommand())
	addGroup(root, "daemons", a.startCommand(), a.stopCommand(), a.restartCommand(), a.statusCommand(), a.psCommand(), a.ensureCommand(), a.logsCommand(), a.tuiCommand())
	addGroup(root, "look", a.explainCommand(), a.graphCommand(), a.historyCommand(), a.cacheCommand(), a.configCommand(), a.doctorCommand())
	addGroup(root, "other", a.versionCommand())
	root.AddCommand(a.daemonCommand())
	return root
}

func addGroup(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// userFlag gives a command that looks after daemons its --user.
func (a *app) userFlag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&a.user, "user", false, "look at the daemon that cc uses, not at a project")
	return c
}

// jsonFlag gives a command that reports something its --json.
func (a *app) jsonFlag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&a.json, "json", false, "print JSON instead of text")
	return c
}
