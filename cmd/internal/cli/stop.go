package cli

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) stopCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:               "stop [DAEMON…]",
		Short:             "Stop the project's daemons, or those named",
		Example:           "  replibuild stop\n  replibuild stop compilation\n  replibuild stop --all    # of all projects",
		ValidArgsFunction: completion(completeDaemons),
		RunE: func(cmd *cobra.Command, names []string) error {
			if all {
				return a.stopAll(cmd, names)
			}
			return a.stop(cmd, names...)
		},
	}
	a.userFlag(c)
	c.Flags().BoolVar(&all, "all", false, "stop the daemons of all projects")
	return c
}

func (a *app) stop(cmd *cobra.Command, names ...string) error {
	if err := checkDaemonNames(names); err != nil {
		return err
	}
	p, err := a.openToStop()
	if a.projectDir == "" && ipc.CodeOf(err) == ipc.CodeNoProject {
		a.printf("No project here, so there are no daemons to stop; `replibuild stop --all` stops those of all projects\n")
		return nil
	}
	if err != nil {
		return err
	}
	a.printf("🛑 Stopping RepliBuild daemons...\n")
	stopped, err := p.Stop(cmd.Context(), names...)
	for _, d := range stopped {
		a.printf("   ✅ %s daemon stopped\n", title(d.Name))
	}
	switch {
	case err != nil:
		return err
	case len(stopped) == 0:
		a.printf("✅ No daemons were running\n")
	case len(names) > 0:
		a.printf("✅ Stopped %s\n", words.Plural(len(stopped), "daemon"))
	default:
		a.printf("✅ All daemons stopped\n")
	}
	return nil
}

// openToStop opens the project. A build folder that has lost its build.ninja is none any more, but its
// daemons may run.
func (a *app) openToStop() (*replibuild.Project, error) {
	p, err := a.open()
	if ipc.CodeOf(err) != ipc.CodeNoProject {
		return p, err
	}
	dir, err2 := filepath.Abs(a.projectDir)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	projects, err3 := replibuild.Projects(replibuild.Options{Env: a.Env})
	if err2 != nil || err3 != nil {
		return p, err
	}
	for _, running := range projects {
		if running.Root() == dir {
			return running, nil
		}
	}
	return p, err
}

// stopAll stops the sets of all projects. One that cannot be stopped does not keep the
// others from it.
func (a *app) stopAll(cmd *cobra.Command, names []string) error {
	if len(names) > 0 || a.projectDir != "" {
		return usageError("--all stops every daemon of every project: leave out the names and --project")
	}
	projects, err := replibuild.Projects(replibuild.Options{Env: a.Env})
	if err != nil {
		return err
	}
	a.printf("🛑 Stopping the daemons of %s...\n", words.Plural(len(projects), "project"))
	var failed []error
	for _, p := range projects {
		stopped, err := p.Stop(cmd.Context())
		if err != nil {
			a.printf("   ❌ %s: %s\n", p.Root(), err.Error())
			failed = append(failed, err)
			continue
		}
		a.printf("   ✅ %s: %s stopped\n", p.Root(), words.Plural(len(stopped), "daemon"))
	}
	return errors.Join(failed...)
}
