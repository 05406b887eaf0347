package replibuild

import (
	"context"
	"os"
	"strings"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/compilation"
	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/ipc"
)

// Project is a folder with a replibuild.toml, seen from one caller with one
// environment. It holds no connection and no lock between calls.
type Project struct {
	paths  daemons.Paths
	config config.Config
	env    []string // the caller's whole environment
	exe    string   // what Start runs; "" = found by daemons.Executable

	// prepare makes the folder ready for daemons, nil if nothing has to be done.
	prepare func(context.Context) error

	homeNotice string
}

// Options says how a project is seen; the zero value is the calling process's.
type Options struct {
	Env        []string // the caller's environment; nil = os.Environ()
	Executable string   // the replibuild binary that Start runs; "" = REPLIBUILD_EXE, this program, PATH
}

// Open finds the project that dir ("" = the working directory) lies in and reads
// .replibuild/daemon_config.toml. It does not read replibuild.toml: a project with
// a broken one can still be opened, started and asked.
func Open(dir string, o Options) (*Project, error) {
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		dir = wd
	}
	root, err := daemons.FindRoot(dir)
	if err != nil {
		return nil, err
	}
	return openRoot(root, o)
}

// openRoot opens a project by its root.
func openRoot(root string, o Options) (*Project, error) {
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	get := func(key string) string { return ipc.EnvValue(env, key) }
	home, err := daemons.HomeDir(get)
	if err != nil {
		return nil, err
	}
	paths := daemons.NewPaths(home, root)
	settings, err := config.Load(paths.ConfigFile())
	if err != nil {
		return nil, err
	}
	return &Project{paths: paths, config: settings, env: env, exe: o.Executable, homeNotice: daemons.HomeNotice(get, home)}, nil
}

// HomeNotice says why RepliBuild's own folder is a temporary one; "" if it is not.
func (p *Project) HomeNotice() string { return p.homeNotice }

// Root is the project's canonical path.
func (p *Project) Root() string { return p.paths.Root }

// Set is the id of the project's set of daemons.
func (p *Project) Set() string { return p.paths.Set }

// Paths tells where the project's files are.
func (p *Project) Paths() daemons.Paths { return p.paths }

// Config is what .replibuild/daemon_config.toml says, defaults filled in.
func (p *Project) Config() config.Config { return p.config }

// InCI reports whether the caller's environment asks for builds without daemons:
// CI is set to something but "", "0" or "false".
func (p *Project) InCI() bool {
	switch strings.ToLower(ipc.EnvValue(p.env, "CI")) {
	case "", "0", "false":
		return false
	}
	return true
}

// Start starts the named daemons, all enabled ones if none is named, unless they
// run already.
func (p *Project) Start(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	l, err := p.readyLauncher(ctx)
	if err != nil {
		return nil, err
	}
	return l.Start(ctx, names...)
}

// Stop stops all daemons of the set and returns those that ran.
func (p *Project) Stop(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	l, err := p.launcher()
	if err != nil {
		return nil, err
	}
	return l.Stop(ctx, names...)
}

// Restart stops and starts the named daemons, all if none is named.
func (p *Project) Restart(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	l, err := p.readyLauncher(ctx)
	if err != nil {
		return nil, err
	}
	return l.Restart(ctx, names...)
}

// Ensure starts what does not run, restarts what crashed or hangs, and reports
// whether every enabled daemon runs afterwards.
func (p *Project) Ensure(ctx context.Context) (bool, []ipc.DaemonStatus, error) {
	l, err := p.readyLauncher(ctx)
	if err != nil {
		return false, nil, err
	}
	return l.Ensure(ctx)
}

// Untraceable says why the inputs of what a compiler makes cannot be known by tracing it,
// so that they come from its dependency files and computed search positions; nil means
// that it is traced. env is the environment of the plan.
func (p *Project) Untraceable(ctx context.Context, compiler string, env []string) error {
	return compilation.Untraceable(ctx, p.paths.TracerDir(), compiler, env)
}

// ObserverRefused says why static programs and programs in Go cannot be traced on this
// system; nil means that they can. env is the environment of the plan.
func (p *Project) ObserverRefused(ctx context.Context, env []string) error {
	return compilation.ObserverRefused(ctx, p.paths.TracerDir(), env)
}

// Status tells the state of the set; it needs no daemon to answer.
func (p *Project) Status(ctx context.Context) ipc.SetStatus {
	return p.supervisor().Status(ctx)
}

// Logs sends the last n lines of the named daemons' logs (all if none is named) in
// order of time, and with follow goes on until ctx ends.
func (p *Project) Logs(ctx context.Context, names []string, n int, follow bool, line func(daemons.LogLine)) error {
	return daemons.Tail(ctx, p.paths, names, n, follow, line)
}

// readyLauncher is a launcher that can start daemons in the folder.
func (p *Project) readyLauncher(ctx context.Context) (*daemons.Launcher, error) {
	if p.prepare != nil {
		if err := p.prepare(ctx); err != nil {
			return nil, err
		}
	}
	return p.launcher()
}

func (p *Project) launcher() (*daemons.Launcher, error) {
	exe := p.exe
	if exe == "" {
		found, err := daemons.Executable(func(key string) string { return ipc.EnvValue(p.env, key) })
		if err != nil {
			return nil, err
		}
		exe = found
	}
	l := p.supervisor()
	l.Exe = exe
	if p.paths.IsUser() {
		l.Args = func(name string) []string { return []string{"daemon", name, "--user"} }
	}
	return l, nil
}

// supervisor is a launcher that can tell the set's state and nothing more.
func (p *Project) supervisor() *daemons.Launcher {
	return &daemons.Launcher{Paths: p.paths, Config: p.config, Env: p.env, CacheSummary: p.offlineCache}
}

// Projects returns every project of this user whose daemons run or crashed, in order of
// their folders. A project whose daemon_config.toml cannot be read has the defaults.
func Projects(o Options) ([]*Project, error) {
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	home, err := DirOf(env)
	if err != nil {
		return nil, err
	}
	sets, err := daemons.Sets(home)
	if err != nil {
		return nil, err
	}
	var projects []*Project
	for _, paths := range sets {
		settings, err := config.Load(paths.ConfigFile())
		if err != nil {
			settings = config.Default()
		}
		projects = append(projects, &Project{paths: paths, config: settings, env: env, exe: o.Executable})
	}
	return projects, nil
}
