package replibuild

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/orchestrator"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/internal/jobserver"
	"github.com/RepliBuild/replibuild/internal/userconfig"
	"github.com/RepliBuild/replibuild/ipc"
)

// BuildPrinter returns what `replibuild compile` prints of a build that succeeded, on a standard
// output that takes no colours. With verbose it was called with -v.
type BuildPrinter func(env []string, verbose bool, events []ipc.Event, result Result) []byte

// compileLauncher answers the thin client that was called for `replibuild compile`, from within the
// orchestrator's daemon. It makes a build that has nothing to do, and prints it. For every other build
// the client executes our Go program, also if [Project.Compile] would print more than the build.
type compileLauncher struct {
	project *Project // of the daemon
	program ipc.Signature
	builds  *orchestrator.Service
	print   BuildPrinter
}

// Launch implements [ipc.Launcher].
func (l compileLauncher) Launch(ctx context.Context, req ipc.LaunchRequest) ipc.LaunchAnswer {
	verbose, plain := plainCompile(req.Args)
	if !plain || ipc.StatSignature(req.Program) != l.program {
		return ipc.LaunchAnswer{Kind: ipc.LaunchRun}
	}
	c := caller.Of(req.PID)
	if c == nil {
		return ipc.LaunchAnswer{Kind: ipc.LaunchRun}
	}
	may := func() bool { return daemons.SeesTheSame(req.PID) && l.serves(ctx, req, c) }
	events, result, ok := l.builds.BuildIdle(ctx, ipc.BuildRequest{Env: req.Env, Caller: c}, may)
	if !ok {
		return ipc.LaunchAnswer{Kind: ipc.LaunchRun}
	}
	return ipc.LaunchAnswer{Kind: ipc.LaunchDone, Stdout: l.print(req.Env, verbose, events, result)}
}

// serves reports whether [Project.Compile] in the client's folder would ask this daemon, and say
// nothing before that: it looks at the same things.
func (l compileLauncher) serves(ctx context.Context, req ipc.LaunchRequest, c *ipc.Caller) bool {
	if home := ipc.EnvValue(req.Env, "REPLIBUILD_HOME"); home != "" && !filepath.IsAbs(home) {
		return false // the client's working folder is not ours
	}
	p, err := Open(req.Dir, Options{Env: req.Env})
	if err != nil || p.paths != l.project.paths || p.homeNotice != "" {
		return false
	}
	if _, err := userconfig.Load(p.paths.Home); err != nil {
		return false
	}
	if _, shared := jobserver.Auth(ipc.EnvValue(req.Env, "MAKEFLAGS")); shared {
		return false
	}
	set := p.supervisor()
	for _, name := range ipc.DaemonNames() {
		if p.config.Enabled(name) && !set.Alive(name) {
			return false
		}
	}
	return p.config.Enabled(ipc.NameOrchestrator) && p.usesDaemons(ctx, CompileOptions{}) && p.unfit(c) == nil
}

// buildSystemLauncher answers the thin client that was called for `replibuild compile` in a project
// whose replibuild.toml has [build], from within the orchestrator's daemon of the build folder: that
// the folder is configured, and that a ninja has nothing to do there.
type buildSystemLauncher struct{ ninjaLauncher }

// Launch implements [ipc.Launcher].
func (l buildSystemLauncher) Launch(ctx context.Context, req ipc.LaunchRequest) ipc.LaunchAnswer {
	run := ipc.LaunchAnswer{Kind: ipc.LaunchRun}
	if verbose, plain := plainCompile(req.Args); !plain || verbose {
		return run
	}
	p, err := Open(req.Dir, Options{Env: req.Env, Executable: req.Program})
	if err != nil {
		return run
	}
	b, err := p.BuildSystem()
	if err != nil || b == nil || b.ByMake() || b.BuildDir != l.root || !b.configured() {
		return run
	}
	return l.answer(ctx, req, append([]string{"-C", b.BuildDir}, b.Targets...), b.Env(req.Env))
}

// plainCompile reports whether arguments build everything, with no flag that matters where there
// is nothing to do.
func plainCompile(args []string) (verbose, ok bool) {
	if args[0] != "compile" {
		return false, false
	}
	for args = args[1:]; len(args) > 0; args = args[1:] {
		number := ""
		switch flag := args[0]; {
		case flag == "-v" || flag == "--verbose":
			verbose = true
			continue
		case (flag == "-j" || flag == "--jobs") && len(args) > 1:
			args = args[1:]
			number = args[0]
		case len(flag) > 2 && flag[:2] == "-j":
			number = flag[2:]
		}
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 || number[0] == '0' {
			return false, false
		}
	}
	return verbose, true
}
