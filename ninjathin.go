package replibuild

import (
	"context"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// ninjaLauncher answers the thin client that was called as ninja, from within the daemon that
// watches the files of the build folder. It knows one answer: that a build has nothing to do, as
// [NinjaRunner] remembers it. Every other build is that of our Go program, which the client
// executes.
type ninjaLauncher struct {
	root     string
	watching ipc.Discovery
}

// Launch implements [ipc.Launcher].
func (l ninjaLauncher) Launch(ctx context.Context, req ipc.LaunchRequest) ipc.LaunchAnswer {
	return l.answer(ctx, req, req.Args[1:], req.Env)
}

// answer answers for a ninja with these arguments and this environment.
func (l ninjaLauncher) answer(ctx context.Context, req ipc.LaunchRequest, args, env []string) ipc.LaunchAnswer {
	printed, ok := ninjabuild.NothingToDo(ctx, ninjabuild.Caller{
		Name: req.Args[0], Args: args, Env: env, Dir: req.Dir, Runner: ninjaRemembered{launcher: l, program: req.Program},
	})
	if !ok {
		return ipc.LaunchAnswer{Kind: ipc.LaunchRun}
	}
	return ipc.LaunchAnswer{Kind: ipc.LaunchDone, Stdout: printed}
}

// ninjaRemembered is the memory of a build folder for one request. It runs nothing.
type ninjaRemembered struct {
	ninjabuild.Runner
	launcher ninjaLauncher
	program  string // that the client would execute; this daemon may be of an older one
}

var _ ninjabuild.Memory = ninjaRemembered{}

// UpToDate implements [ninjabuild.Memory] for the folder of the daemon.
func (r ninjaRemembered) UpToDate(ctx context.Context, dir string, env []string, key string) bool {
	p, remembered, ok := openNinjaMemory(dir, env)
	return ok && p.Root() == r.launcher.root && remembered.isOf(key, env, ipc.StatSignature(r.program)) && remembered.holds(ctx, r.launcher.watching)
}

// Remember implements [ninjabuild.Memory]; only a build that looked remembers.
func (r ninjaRemembered) Remember(context.Context, string, string, *ninjabuild.Looked) {}
