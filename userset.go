package replibuild

import (
	"context"
	"net"
	"os"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/compilation"
	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/ipc"
)

// OpenUser opens the user set: the compile service that `replibuild cc` uses, whatever
// folder it is called in. Its settings are in user/.replibuild/daemon_config.toml of
// [Dir]; of the daemons it has the compilation daemon alone.
func OpenUser(o Options) (*Project, error) {
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	home, err := DirOf(env)
	if err != nil {
		return nil, err
	}
	paths := daemons.NewPaths(home, daemons.UserRoot(home))
	settings, err := config.Load(paths.ConfigFile())
	if err != nil {
		return nil, err
	}
	d := &settings.Daemons
	d.EnableDiscovery, d.EnableSetup, d.EnableOrchestrator = false, false, false
	if err := os.MkdirAll(paths.Root, 0o700); err != nil {
		return nil, ipc.Errorf(ipc.CodeUnavailable, "cannot make %s: %v", paths.Root, err)
	}
	return &Project{paths: paths, config: settings, env: env, exe: o.Executable}, nil
}

// Launches tells what became of the commands that the daemon of the user set saw, nil if it does
// not run.
func (p *Project) Launches(ctx context.Context) *ipc.LaunchesReply {
	client := ipc.NewCompilationClient(p.dialer(ipc.NameCompilation))
	defer client.Close()
	reply, err := client.Launches(ctx, ipc.LaunchesRequest{})
	if err != nil || !reply.Any() {
		return nil
	}
	return &reply
}

// WhyNotLaunched says why a command is never looked up, whatever it reads; "" if it is. The
// first argument is the compiler.
func WhyNotLaunched(dir string, args []string) string { return compilation.WhyNotLaunched(dir, args) }

// ThinClient returns the path of the program that stands before compilers, which starts the Go
// program exe when it needs one.
func (p *Project) ThinClient(ctx context.Context, exe string) (string, error) {
	return compilation.ThinClient(ctx, p.paths.TracerDir(), exe, p.env)
}

// ServeLaunch serves one thin client by a service of this process.
func (p *Project) ServeLaunch(ctx context.Context, nc net.Conn) error {
	w := newWiring(p, nil)
	defer w.close()
	c, err := w.compilation(nil)
	if err != nil {
		return err
	}
	return ipc.ServeLaunch(ctx, keep(w, c), nc, 0)
}
