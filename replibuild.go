// Package replibuild builds C++ projects from one replibuild.toml and makes every
// build after the first nearly free. Four small daemons stay up while you work:
// discovery knows which file changed, setup knows how each file is compiled,
// compilation never compiles the same thing twice, the orchestrator decides what
// runs when.
//
// The functions of this file are the whole of it for most programs:
//
//	replibuild.StartDaemons(ctx, root)
//	result, err := replibuild.Compile(ctx, root, replibuild.CompileOptions{})
//	replibuild.StopDaemons(ctx, root)
//
// A root is any folder inside a project; "" means the working directory. [Open]
// gives a [Project], which offers the rest: events while a build runs, history,
// reasons, the cache, the configuration. The same code serves with daemons,
// without ([CompileOptions].NoDaemon, or CI set in the environment) and with some
// of them disabled, killed or hung: that can make a build slower, never fail or
// wrong.
package replibuild

import (
	"context"
	"os"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/ipc"
)

// Result is how a build ended.
type Result = ipc.BuildReply

// StartDaemons starts the enabled daemons of the project that are not running and
// returns the state of all four, in the order discovery, setup, compilation,
// orchestrator. They outlive the calling process.
func StartDaemons(ctx context.Context, root string) ([]ipc.DaemonStatus, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return nil, err
	}
	return p.Start(ctx)
}

// StopDaemons stops the daemons of the project and returns those that it stopped.
// None running is not an error.
func StopDaemons(ctx context.Context, root string) ([]ipc.DaemonStatus, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return nil, err
	}
	return p.Stop(ctx)
}

// DaemonStatus tells the state of the project's daemons and the cache's numbers.
func DaemonStatus(ctx context.Context, root string) (ipc.SetStatus, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return ipc.SetStatus{}, err
	}
	return p.Status(ctx), nil
}

// EnsureDaemons starts the enabled daemons that do not run and restarts those that
// crashed or hang. It reports false only when some enabled daemon does not run
// afterwards.
func EnsureDaemons(ctx context.Context, root string) (bool, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return false, err
	}
	ok, _, err := p.Ensure(ctx)
	return ok, err
}

// Compile brings the project's targets up to date, starting the daemons when
// needed. A build that fails returns a Result with Success false and a nil error;
// the error says that no build could be made at all.
func Compile(ctx context.Context, root string, o CompileOptions) (Result, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return Result{}, err
	}
	return p.Compile(ctx, o)
}

// CacheStats returns the numbers of the project's cache, whether its daemons run
// or not.
func CacheStats(ctx context.Context, root string) (ipc.CacheStatsReply, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return ipc.CacheStatsReply{}, err
	}
	return p.CacheStats(ctx)
}

// ClearCache empties the project's cache. [Project.RestoreCache] with the token
// undoes it for some seconds.
func ClearCache(ctx context.Context, root string) (ipc.CacheClearReply, error) {
	p, err := Open(root, Options{})
	if err != nil {
		return ipc.CacheClearReply{}, err
	}
	return p.ClearCache(ctx)
}

// Dir returns RepliBuild's own folder: REPLIBUILD_HOME, else ~/.replibuild, on
// Windows %LOCALAPPDATA%/RepliBuild. Where the home folder cannot be used, it is a private
// folder in the temporary folder, which is made then.
func Dir() (string, error) { return daemons.HomeDir(os.Getenv) }

// CacheDir returns the folder that holds the caches of all projects, one folder
// each.
func CacheDir() (string, error) {
	home, err := Dir()
	if err != nil {
		return "", err
	}
	return daemons.NewPaths(home, "").CacheBase(), nil
}

// InitializeDirectories makes RepliBuild's own folders, private to the user, where
// they are missing. Every command that needs them does so by itself.
func InitializeDirectories() error {
	home, err := Dir()
	if err != nil {
		return err
	}
	return daemons.NewPaths(home, "").Initialize()
}
