package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Stop the project's daemons",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.stop(cmd) },
	}
}

func (a *app) stop(cmd *cobra.Command) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, "🛑 Stopping RepliBuild daemons...")
	stopped, err := p.Stop(cmd.Context())
	for _, d := range stopped {
		a.printf("   ✅ %s daemon stopped\n", title(d.Name))
	}
	if err != nil {
		return err
	}
	if len(stopped) == 0 {
		fmt.Fprintln(a.Stdout, "✅ No daemons were running")
		return nil
	}
	fmt.Fprintln(a.Stdout, "✅ All daemons stopped")
	return nil
}
