package replibuild

import (
	"context"
	"log/slog"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/ipc"
)

// RunDaemon runs one daemon of the project in root in this process until it is
// told to stop. [Project.Start] runs `replibuild daemon NAME` for it, with the
// listeners and the readiness pipe inherited. print is for builds that the thin client asks for; nil
// leaves them to our Go program.
func RunDaemon(ctx context.Context, name, root string, print BuildPrinter) error {
	p, err := Open(root, Options{})
	if err != nil {
		return err
	}
	return p.runDaemon(ctx, name, print)
}

// RunUserDaemon is [RunDaemon] for the user set.
func RunUserDaemon(ctx context.Context, name string) error {
	p, err := OpenUser(Options{})
	if err != nil {
		return err
	}
	return p.runDaemon(ctx, name, nil)
}

func (p *Project) runDaemon(ctx context.Context, name string, print BuildPrinter) error {
	return daemons.Run(ctx, daemons.RunConfig{
		Name: name, Paths: p.paths, Config: p.config,
		NewService: func(ctx context.Context, hub *ipc.Hub, log *slog.Logger) (daemons.Service, error) {
			return newDaemonService(ctx, p, name, hub, log, print)
		},
	})
}

// newDaemonService makes the service of one daemon, joined to the others by
// clients.
func newDaemonService(ctx context.Context, p *Project, name string, hub *ipc.Hub, log *slog.Logger, print BuildPrinter) (daemons.Service, error) {
	w := newWiring(p, log)
	w.daemon, w.hub = name, hub
	s := daemons.Service{Close: w.close}
	switch name {
	case ipc.NameDiscovery:
		d, err := w.discovery(ctx, true)
		if err != nil {
			return s, err
		}
		s.Handlers, s.Stats = ipc.DiscoveryHandlers(keep(w, d)), d.Stats
		if p.BuildFolder() {
			s.Launcher = ninjaLauncher{p.Root(), d}
		}
	case ipc.NameSetup:
		s.Handlers = ipc.SetupHandlers(keep(w, w.setup()))
	case ipc.NameCompilation:
		c, err := w.compilation(w.plans())
		if err != nil {
			return s, err
		}
		if p.paths.IsUser() {
			s.Launcher = c
		}
		s.Handlers, s.Stats = ipc.CompilationHandlers(keep(w, c)), c.Stats
	case ipc.NameOrchestrator:
		o, err := w.orchestrator(ctx, true)
		if err != nil {
			return s, err
		}
		s.Handlers = ipc.OrchestratorHandlers(keep(w, o))
		switch {
		case p.foreign() != nil:
			s.LaunchFolder = p.describedIn()
			s.Launcher = buildSystemLauncher{ninjaLauncher{p.Root(), w.discoveryClient()}}
		case print != nil:
			s.Launcher = compileLauncher{p, ownSignature(), o, print}
		}
	}
	return s, nil
}
