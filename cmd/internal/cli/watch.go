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
			"of the daemons.",
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
	p, err := a.openOwn()
	if err != nil {
		return err
	}
	f.options.Trigger = ipc.TriggerWatch
	return p.Watch(cmd.Context(), f.options.NoDaemon, func() error {
		err := a.build(cmd, p, f)
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
	})
}
