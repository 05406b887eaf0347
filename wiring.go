package replibuild

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/daemons/compilation"
	"github.com/RepliBuild/replibuild/daemons/discovery"
	"github.com/RepliBuild/replibuild/daemons/orchestrator"
	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// wiring makes services as values of this process and joins them: to clients of
// daemons, or to each other. It is the only place that knows all of them.
type wiring struct {
	project *Project
	log     *slog.Logger
	hub     *ipc.Hub
	daemon  string // the daemon that this process is; "" for a command

	mu      sync.Mutex // a build asks for the cache from goroutines of its own
	closers []func() error

	openStore func() *cache.Store // the project's cache, opened once
}

func newWiring(p *Project, log *slog.Logger) *wiring {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &wiring{project: p, log: log, hub: ipc.NewHub()}
	w.openStore = sync.OnceValue(w.newStore)
	return w
}

// close ends the services in the reverse order of their making.
func (w *wiring) close() error {
	w.mu.Lock()
	closers := w.closers
	w.closers = nil
	w.mu.Unlock()
	var all []error
	for _, c := range slices.Backward(closers) {
		all = append(all, c())
	}
	return errors.Join(all...)
}

func (w *wiring) onClose(c func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closers = append(w.closers, c)
}

func (w *wiring) publish(body ipc.EventBody) { w.hub.Publish(ipc.NewEvent("", body)) }

// state returns the path of a state file, "" where this process must keep its
// state in memory because the daemon that owns the file runs.
func (w *wiring) state(owner, file string) string {
	if w.daemon != owner && w.project.supervisor().Alive(owner) {
		return ""
	}
	return filepath.Join(w.project.paths.StateDir(), file)
}

func (w *wiring) newStore() *cache.Store {
	c := w.project.config.Daemons.Compilation
	s := cache.Open(w.project.paths.CacheDir(), cache.Options{
		MaxBytes: int64(c.MaxCacheSize) << 20,
		TTL:      time.Duration(c.CacheTTL) * time.Second,
		Log:      w.log,
	})
	w.onClose(s.Close)
	return s
}

// keep closes a service with the wiring. Services that stand in for a daemon during
// one build are not kept: the orchestrator closes them when the build ends.
func keep[S interface{ Close() error }](w *wiring, s S) S {
	w.onClose(s.Close)
	return s
}

// discovery makes the service; it watches only as a daemon or for a watching
// command, else it looks at every tracked file once a build.
func (w *wiring) discovery(ctx context.Context, watch bool) (*discovery.Service, error) {
	c := w.project.config.Daemons.Discovery
	return discovery.New(ctx, discovery.Config{
		Root:          w.project.paths.Root,
		StateFile:     w.graphFile(),
		CookieDir:     filepath.Join(w.project.paths.StateDir(), "cookies"),
		Ignored:       c.IgnoredPatterns,
		WatchInterval: time.Duration(c.WatchInterval) * time.Millisecond,
		Verify:        c.Verify,
		Watch:         watch,
		Publish:       w.publish,
		Log:           w.log,
	})
}

// graphFile is discovery's state file. It has a name for each view of the files: what is
// unchanged in one view may be another file in the next. Those of other views go.
func (w *wiring) graphFile() string {
	const name = "graph-"
	path := w.state(ipc.NameDiscovery, name+daemons.ViewID())
	if path == "" {
		return ""
	}
	others, _ := filepath.Glob(filepath.Join(w.project.paths.StateDir(), name+"*"))
	for _, other := range others {
		if other != path {
			_ = os.Remove(other) // one that stays is never read
		}
	}
	return path
}

func (w *wiring) setup() *setup.Service {
	return setup.New(setup.Config{
		Root:        w.project.paths.Root,
		StateDir:    w.project.paths.StateDir(),
		ProgramFile: filepath.Join(w.project.paths.Home, "programs"),
		ModulePath:  []string{filepath.Join(w.project.paths.Home, "modules")},
		Units:       w.project.units(),
		Log:         w.log,
	})
}

func (w *wiring) compilation(plans ipc.Setup) (*compilation.Service, error) {
	c := w.project.config.Daemons.Compilation
	return compilation.New(compilation.Config{
		Root:       w.project.paths.Root,
		Store:      w.openStore(),
		StateFile:  w.state(ipc.NameCompilation, "units"),
		Jobs:       c.ParallelJobs,
		MaxMemory:  int64(c.MaxMemory) << 20,
		Setup:      plans,
		Timeout:    time.Duration(w.project.config.Daemons.Orchestrator.Timeout) * time.Second,
		LeaseDir:   filepath.Join(w.project.paths.StateDir(), "leases"),
		OutputLock: filepath.Join(w.project.paths.StateDir(), "outputs.lock"),
		TracerDir:  w.project.paths.TracerDir(),
		Warm:       c.Warm && w.daemon == ipc.NameCompilation,
		Preamble:   c.Preamble,
		// In the cache's folder, so that emptying that empties all.
		PreambleDir: filepath.Join(w.project.paths.CacheDir(), "preambles"),
		MaxPreamble: int64(c.MaxPreambleSize) << 20,
		Publish:     w.publish,
		Home:        w.project.paths.Home,
		SharedDir:   w.project.paths.SharedDir(),
		Remote:      w.remoteCache,
		Farm:        w.farm,
		CI:          w.project.InCI(),
		Log:         w.log,
	})
}

func (w *wiring) remoteCache() remotecache.Config {
	c, why := w.project.RemoteCache()
	w.log.Debug("remote cache", "use", why)
	return c
}

func (w *wiring) farm() remotecache.Farm {
	f, why := w.project.Farm()
	w.log.Debug("build farm", "use", why)
	return f
}

// orchestrator makes the service on top of the other three: on their daemons where
// remote is set and they are enabled, with services of this process to take over.
func (w *wiring) orchestrator(ctx context.Context, remote bool) (*orchestrator.Service, error) {
	p := w.project
	c := p.config.Daemons.Orchestrator
	return orchestrator.New(orchestrator.Config{
		Root:        p.paths.Root,
		StateDir:    w.state(ipc.NameOrchestrator, ""),
		Discovery:   w.discoveryBackend(ctx, remote),
		Setup:       w.setupBackend(remote),
		Compilation: w.compilationBackend(remote),
		Supervisor:  w.supervisorFor(remote),
		QueueSize:   c.QueueSize,
		Timeout:     time.Duration(c.Timeout) * time.Second,
		Jobs:        p.config.Daemons.Compilation.ParallelJobs,
		AutoBuild:   c.AutoBuild && w.daemon != "",
		Foreign:     p.foreign(),
		BuildLock:   filepath.Join(p.paths.StateDir(), "build.lock"),
		Hub:         w.hub,
		Changes:     w.changes(remote),
		InProcess:   !remote,
		Log:         w.log,
	})
}

func (w *wiring) discoveryBackend(ctx context.Context, remote bool) orchestrator.Backend[ipc.Discovery] {
	b := orchestrator.Backend[ipc.Discovery]{
		Name: ipc.NameDiscovery,
		Local: func() (ipc.Discovery, func() error, error) {
			s, err := w.discovery(ctx, false)
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
	}
	if remote && w.project.config.Enabled(b.Name) {
		b.Remote, b.HasRemote = w.discoveryClient(), true
	}
	return b
}

func (w *wiring) setupBackend(remote bool) orchestrator.Backend[ipc.Setup] {
	b := orchestrator.Backend[ipc.Setup]{
		Name: ipc.NameSetup,
		Local: func() (ipc.Setup, func() error, error) {
			s := w.setup()
			return s, s.Close, nil
		},
	}
	if remote && w.project.config.Enabled(b.Name) {
		c := ipc.NewSetupClient(w.project.dialer(b.Name))
		w.onClose(c.Close)
		b.Remote, b.HasRemote = c, true
	}
	return b
}

func (w *wiring) compilationBackend(remote bool) orchestrator.Backend[ipc.Compilation] {
	b := orchestrator.Backend[ipc.Compilation]{
		Name: ipc.NameCompilation,
		Local: func() (ipc.Compilation, func() error, error) {
			s, err := w.compilation(nil)
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
	}
	if remote && w.project.config.Enabled(b.Name) {
		c := ipc.NewCompilationClient(w.project.dialer(b.Name))
		w.onClose(c.Close)
		b.Remote, b.HasRemote = c, true
	}
	return b
}

func (w *wiring) discoveryClient() *ipc.DiscoveryClient {
	c := ipc.NewDiscoveryClient(w.project.dialer(ipc.NameDiscovery))
	w.onClose(c.Close)
	return c
}

// plans gives the compilation daemon its plans: from the setup daemon, from a
// service of this process when that one is disabled.
func (w *wiring) plans() ipc.Setup {
	if !w.project.config.Enabled(ipc.NameSetup) {
		return keep(w, w.setup())
	}
	c := ipc.NewSetupClient(w.project.dialer(ipc.NameSetup))
	w.onClose(c.Close)
	return c
}

// changes is the stream of discovery's events, for the orchestrator daemon.
func (w *wiring) changes(remote bool) func(context.Context, func(ipc.FilesChanged)) error {
	if !remote || w.daemon == "" || !w.project.config.Enabled(ipc.NameDiscovery) {
		return nil
	}
	c := w.discoveryClient()
	return func(ctx context.Context, fn func(ipc.FilesChanged)) error {
		return c.Subscribe(ctx, ipc.SubscribeRequest{Events: []string{ipc.FilesChanged{}.EventName()}}, func(e ipc.Event) {
			if changed, ok := e.Body.(ipc.FilesChanged); ok {
				fn(changed)
			}
		})
	}
}

// supervisorFor gives the orchestrator a view of the set, and the means to restart
// its daemons; nil when all services run in this process.
func (w *wiring) supervisorFor(remote bool) orchestrator.Supervisor {
	if !remote {
		return nil
	}
	return supervisor{w.project}
}

// supervisor lets the orchestrator look after the other daemons.
type supervisor struct{ project *Project }

func (s supervisor) Status(ctx context.Context) ipc.SetStatus { return s.project.Status(ctx) }

func (s supervisor) Restart(ctx context.Context, names []string) ([]ipc.DaemonStatus, error) {
	return s.project.Restart(ctx, names...)
}

func (s supervisor) Ensure(ctx context.Context, names []string) error {
	_, err := s.project.Start(ctx, names...)
	return err
}
