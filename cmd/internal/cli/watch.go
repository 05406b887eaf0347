package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) watchCommand() *cobra.Command {
	var f compileFlags
	c := a.jsonFlag(&cobra.Command{
		Use:   "watch",
		Short: "Build now, and again after every save",
		Long: "Builds now, and again after every save. A failed build is waited out, and so is a restart\n" +
			"of the daemons. In a build folder of CMake, Meson or ninja the files of build.ninja and what\n" +
			"the last builds read are watched.",
		Example: "  replibuild watch\n  replibuild watch -t hello -v",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.watch(cmd, f) },
	})
	f.add(a, c)
	return c
}

// watch builds until it is interrupted. A build that fails is waited out: the next
// save may mend it.
func (a *app) watch(cmd *cobra.Command, f compileFlags) error {
	p, b, err := a.place()
	if err != nil {
		return err
	}
	f.options.Trigger = ipc.TriggerWatch
	if b == nil {
		return p.Watch(cmd.Context(), f.options.NoDaemon, a.again(cmd, func() error { return a.build(cmd, p, f) }))
	}
	if b.ByMake() {
		return ipc.Errorf(ipc.CodeBadRequest, "make builds this project, and does not say which files it reads").
			WithHint("`replibuild compile` builds it")
	}
	return b.Watch(cmd.Context(), a.again(cmd, func() error { return a.compileForeign(cmd.Context(), b, f, nil) }))
}

// again is one build of those that `watch` does.
func (a *app) again(cmd *cobra.Command, build func() error) func() error {
	return func() error {
		err := build()
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		if _, failed := err.(exitStatus); err != nil && !failed {
			switch exitCode(err) {
			case exitConfig, exitDaemon, exitInterrupted: // the next save or the set's return may mend it
				a.printError(err)
			default:
				return err
			}
		}
		if !a.json {
			fmt.Fprintln(a.Stdout, "👀 Watching for changes... (Ctrl-C ends)")
		}
		return nil
	}
}
