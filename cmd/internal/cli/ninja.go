package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
)

// isNinja reports whether the program was called by ninja's name, through a link. The second
// name is that of the thin client, or of a link to us where that cannot be built.
func isNinja(name string) bool {
	name = strings.TrimSuffix(filepath.Base(name), ".exe")
	return name == "ninja" || name == "replibuild-ninja"
}

// ninjaCommand has ninja's flags, not ours: they are read there.
func (a *app) ninjaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ninja [-C DIR] [-f FILE] [-t TOOL] [OPTIONS] [TARGET...]",
		Short: "Build by build.ninja, as ninja does and with its flags",
		Long: "Does what ninja does with the same build.ninja, from CMake, Meson or anything else: flags,\n" +
			"tools, messages, exit codes and logs are ninja's, so a build folder can be left to ninja and\n" +
			"taken back. `replibuild ninja -h` lists the flags. The program replibuild-ninja, and a link to\n" +
			"it named ninja, does the same: cmake -DCMAKE_MAKE_PROGRAM=/path/replibuild-ninja.",
		Example:            "  replibuild ninja -C build\n  replibuild ninja -t targets all",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			c := a.Caller
			c.Args = args
			if code := runNinja(c, replibuild.NinjaReportOptions{Env: c.Env}, false); code != exitDone {
				return exitStatus(code)
			}
			return nil
		},
	}
}

// runNinja runs ninja and returns its exit code. What it does is reported; a report that
// cannot be written changes nothing of what ninja does. With waitUploads it returns when the
// results are stored for others.
func runNinja(c Caller, o replibuild.NinjaReportOptions, waitUploads bool) int {
	ctx, interrupt, stop := interruptible()
	defer stop()
	o.Cancel = interrupt
	stdin, _ := c.Stdin.(*os.File)
	stdout, _ := raw(c.Stdout).(*os.File)
	stderr, _ := raw(c.Stderr).(*os.File)
	n := ninjabuild.Caller{
		Name: c.Name, Args: c.Args, Env: c.Env, Stdout: raw(c.Stdout), Stderr: raw(c.Stderr),
	}
	runner := replibuild.NewNinjaRunner(ninjabuild.Shell{Stdin: stdin, Stdout: stdout, Stderr: stderr})
	defer runner.Close()
	n.Runner = runner
	if stdout != nil && isTerminal(stdout) {
		n.Width = func() int { return terminalWidth(stdout) }
	}
	report := replibuild.NewNinjaReport(o)
	n.Listener = report
	code := ninjabuild.Main(ctx, n)
	for _, n := range runner.Notices() {
		report.Notice(n)
		fprintf(c.Stderr, "replibuild: %s: %s\n", n.Level, n.Message)
		if n.Hint != "" {
			fprintf(c.Stderr, "  %s\n", n.Hint)
		}
	}
	_ = report.End(code)
	if waitUploads {
		if err := runner.WaitUploads(ctx); err != nil {
			fprintf(c.Stderr, "warning: not all results were stored for others: %v\n", err)
		}
	}
	return code
}

// interruptible returns a context that a signal ends, or interrupt, with the signal as its cause.
func interruptible() (ctx context.Context, interrupt, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	if wanted := interrupts(); len(wanted) > 0 { // none would mean all
		signal.Notify(signals, wanted...)
	}
	go func() {
		select {
		case s := <-signals:
			cancel(ninjabuild.Interrupt{Signal: signalNumber(s)})
		case <-ctx.Done():
		}
	}()
	interrupt = func() { cancel(ninjabuild.Interrupt{Signal: signalNumber(os.Interrupt)}) }
	return ctx, interrupt, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
