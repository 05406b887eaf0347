package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui"
	_ "github.com/RepliBuild/replibuild/tui/quiet" // see there: without it every command asks the terminal for its colour
)

// tuiFlags are the flags of `tui`.
type tuiFlags struct {
	replay, theme  string
	speed          float64
	from           time.Duration
	ascii, noMouse bool
}

func (a *app) tuiCommand() *cobra.Command {
	var f tuiFlags
	c := &cobra.Command{
		Use:   "tui",
		Short: "The dashboard: what runs, what is slow, what was rebuilt and why",
		Long: "The dashboard shows the daemons, builds with every file and its reason, the cache and the logs,\n" +
			"live, and has keys to build, to restart what crashed and to clear the cache. `?` lists the keys.\n" +
			"In pipes and for screen readers `replibuild status --watch` tells the same in plain lines.",
		Example: "  replibuild tui\n  replibuild tui --user\n  replibuild tui --theme light\n  replibuild tui --replay build.jsonl --speed 2",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.tui(cmd.Context(), f) },
	}
	a.userFlag(c)
	c.Flags().StringVar(&f.replay, "replay", "", "play an event log from `FILE` instead (compile --record writes one)")
	c.Flags().Float64Var(&f.speed, "speed", 1, "how fast a replay goes; 0 holds it where it starts")
	c.Flags().DurationVar(&f.from, "from", 0, "start a replay that `long` after its beginning")
	c.Flags().StringVar(&f.theme, "theme", "", "dark, light or auto")
	completeFlag(c, "theme", func(context.Context, []string) []cobra.Completion { return tui.ThemeNames() })
	c.Flags().BoolVar(&f.ascii, "ascii", false, "no box characters, no other signs than ASCII")
	c.Flags().BoolVar(&f.noMouse, "no-mouse", false, "leave the mouse to the terminal")
	return c
}

func (a *app) tui(ctx context.Context, f tuiFlags) error {
	in, out, err := a.terminalFiles(f.ascii)
	if err != nil {
		return err
	}
	config, err := a.tuiConfig(f)
	if err != nil {
		return err
	}
	for {
		outcome, err := tui.Run(ctx, config, in, out)
		if err != nil {
			return err
		}
		if outcome.Parting != "" {
			fmt.Fprintln(a.Stdout, outcome.Parting)
		}
		if outcome.Next == "" {
			return nil
		}
		p, err := a.openSet(outcome.Next)
		if err != nil {
			return err
		}
		attach(&config, p)
	}
}

// terminalFiles are the two ends of the terminal, on which the dashboard can draw.
func (a *app) terminalFiles(ascii bool) (in, out *os.File, err error) {
	const hint = "`replibuild status --watch` prints a line for every change"
	in, inOK := a.Stdin.(*os.File)
	out, outOK := raw(a.Stdout).(*os.File)
	if !inOK || !outOK || !isTerminal(in) || !isTerminal(out) {
		return nil, nil, ipc.Errorf(ipc.CodeBadRequest, "the dashboard needs a terminal, and standard input or output is none").WithHint(hint)
	}
	if ipc.EnvValue(a.Env, "TERM") == "dumb" && !ascii {
		return nil, nil, ipc.Errorf(ipc.CodeBadRequest, "TERM=dumb: this terminal cannot place its cursor").
			WithHint(hint + "; `tui --ascii` draws nevertheless, without colours")
	}
	return in, out, nil
}

func (a *app) tuiConfig(f tuiFlags) (tui.Config, error) {
	home, err := daemons.HomeDir(func(key string) string { return ipc.EnvValue(a.Env, key) })
	if err != nil {
		return tui.Config{}, err
	}
	settings, err := tui.LoadSettings(filepath.Join(home, "tui.toml"))
	if err != nil {
		return tui.Config{}, err
	}
	if f.theme != "" {
		settings.Theme = f.theme
		if err := tui.CheckTheme(f.theme); err != nil {
			return tui.Config{}, err
		}
	}
	settings.ASCII = settings.ASCII || f.ascii
	if f.noMouse {
		off := false
		settings.Mouse = &off
	}
	c := tui.Config{
		Settings: settings, Env: a.Env, Caller: caller.Own(), Speed: f.speed, From: f.from,
		Saved: filepath.Join(home, "saved"), Memory: filepath.Join(home, "tui-state.json"),
		Sets: func() ([]string, error) { return roots(home) },
	}
	if f.replay != "" {
		c.Memory = "" // the order of a replay is its own
		c.Replay, err = tui.ReadRecorded(f.replay)
		return c, err
	}
	p, err := a.open()
	if err != nil {
		return c, err
	}
	attach(&c, p)
	return c, nil
}

// openSet opens the set with that root, which is that of the user or of a project.
func (a *app) openSet(root string) (*replibuild.Project, error) {
	if p, err := a.openUser(); err == nil && p.Root() == root {
		return p, nil
	}
	return replibuild.Open(root, replibuild.Options{Env: a.Env})
}

// userSet is the user set for the dashboard. It has no plan and no graph.
type userSet struct {
	*replibuild.Project
	feed *replibuild.LaunchFeed
}

// Plan implements [tui.Project].
func (u userSet) Plan(context.Context) (*ipc.Plan, error) { return &ipc.Plan{Root: u.Root()}, nil }

// History implements [tui.Project].
func (u userSet) History(ctx context.Context, req ipc.HistoryRequest) (ipc.HistoryReply, error) {
	return u.feed.History(ctx, req)
}

// Explain implements [tui.Project].
func (u userSet) Explain(ctx context.Context, subject string) (ipc.ExplainReply, error) {
	return u.feed.Explain(ctx, ipc.ExplainRequest{Subject: subject})
}

// Dependents implements [tui.Project].
func (u userSet) Dependents(context.Context, string) (ipc.DependentsReply, error) {
	return ipc.DependentsReply{}, nil
}

// attach makes c the dashboard of a project, whose daemons may run or not.
func attach(c *tui.Config, p *replibuild.Project) {
	set := &daemons.Launcher{Paths: p.Paths(), Config: p.Config()}
	c.Root, c.Set, c.Source, c.Launched = p.Root(), p.Set(), p.SourceDir(), p.Paths().IsUser()
	c.Project = p
	c.Alive = set.Alive
	c.Orchestrator = orchestratorOf(p)
	if c.Launched {
		feed := p.LaunchFeed()
		c.Project, c.Orchestrator = userSet{p, feed}, feed
	}
}

// roots are the projects whose daemons run.
func roots(home string) ([]string, error) {
	sets, err := daemons.Sets(home)
	var all []string
	for _, s := range sets {
		all = append(all, s.Root)
	}
	return all, err
}
