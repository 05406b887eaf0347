package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) restartCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "restart [DAEMON…]",
		Short:             "Restart all daemons, or those named",
		Example:           "  replibuild restart\n  replibuild restart compilation",
		ValidArgsFunction: completion(completeDaemons),
		RunE:              func(cmd *cobra.Command, names []string) error { return a.restart(cmd, names) },
	}
}

func (a *app) restart(cmd *cobra.Command, names []string) error {
	if err := checkDaemonNames(names); err != nil {
		return err
	}
	p, err := a.open()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, "🔄 Restarting RepliBuild daemons...")
	set, err := p.Restart(cmd.Context(), names...)
	for _, d := range set {
		if len(names) == 0 || slices.Contains(names, d.Name) {
			a.printf("   %s\n", startLine(d))
		}
	}
	if err != nil {
		return err
	}
	if !allRunning(set) {
		fmt.Fprintln(a.Stdout, "❌ Some daemons did not start")
		return exitStatus(exitDaemon)
	}
	fmt.Fprintln(a.Stdout, "✅ All daemons running")
	return nil
}

// checkDaemonNames refuses a name that no daemon has.
func checkDaemonNames(names []string) error {
	for _, n := range names {
		if !slices.Contains(ipc.DaemonNames(), n) {
			return ipc.Errorf(ipc.CodeBadRequest, "there is no daemon %q", n).
				WithHint("the daemons are %s", strings.Join(ipc.DaemonNames(), ", "))
		}
	}
	return nil
}
