package daemons

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// drainLimit is how long running requests may go on after a daemon was told to
	// stop.
	drainLimit = 10 * time.Second
	// closeLimit is how long the service may take to end after that.
	closeLimit = 4 * time.Second
)

// RunConfig says which daemon this process is to be.
type RunConfig struct {
	Name   string // one of ipc.DaemonNames
	Paths  Paths
	Config config.Config

	// NewService makes the service. The context lives until the service is closed;
	// what the service publishes on hub goes to subscribers. Close is called, if it
	// is set, even when there is an error.
	NewService func(ctx context.Context, hub *ipc.Hub, log *slog.Logger) (Service, error)
}

// Service is what a daemon does.
type Service struct {
	Handlers ipc.Handlers
	Stats    func(context.Context) (any, error) // its own numbers; nil = none
	Close    func() error                       // called once, when nothing runs any more; nil = nothing to close
	// Launcher answers the thin client; nil = there is none.
	Launcher ipc.Launcher
	// LaunchFolder is the folder that the thin client is called in, if it is not that of the set.
	LaunchFolder string
}

// Run is a daemon from start to exit: it takes over what a [Launcher] handed to this
// process, serves until it is told to stop (a request, SIGTERM, SIGHUP, the end of ctx), has
// been idle for idle_timeout, or lost its project or its lock, and returns when what
// ran has finished. Started by hand, without a launcher, it takes lock and ports
// itself. It is called once in a process, which must not have opened descriptors
// that survive exec.
func Run(ctx context.Context, cfg RunConfig) error {
	in, err := Inherit(os.Getenv)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	d := &shell{RunConfig: cfg, in: in, leaving: make(chan struct{}), started: time.Now()}
	err = d.start(ctx)
	d.in.report(err)
	if err == nil {
		d.serve(ctx)
	}
	return errors.Join(err, d.end())
}

// shell is what is around a service in a daemon's process.
type shell struct {
	RunConfig
	in      Inherited
	started time.Time

	logFile   *logFile
	log       *slog.Logger
	endpoint  ipc.Endpoint
	listeners []net.Listener
	keeper    *selfHealer
	service   Service
	ending    context.CancelFunc // of the service's context
	server    *ipc.Server
	launches  launchServer

	once    sync.Once
	mu      sync.Mutex // of selfHealer, between its checks and the leaving
	leaving chan struct{}
}

// start does everything up to the moment at which the daemon can be asked.
func (d *shell) start(ctx context.Context) error {
	held, err := d.takeLock()
	if err != nil {
		return err
	}
	d.keeper = &selfHealer{
		paths: d.Paths, name: d.Name, lock: held,
		holder: holder{Process: ownIdentity(), Since: d.started},
	}
	if err := held.write(d.keeper.holder); err != nil {
		return notWritable(held.path, err)
	}
	d.logFile = openLogFile(d.Paths.LogFile(d.Name), logSize, true)
	d.log = logger(d.logFile).With("daemon", d.Name, "pid", os.Getpid())
	d.keeper.log, d.keeper.logFile = d.log, d.logFile
	if err := linkLog(d.Paths, d.Name); err != nil {
		d.log.Warn("cannot link the log", "error", err)
	}
	if err := d.takePorts(ctx); err != nil {
		return err
	}
	if err := d.makeEndpoint(); err != nil {
		return err
	}
	if err := d.makeService(ctx); err != nil {
		d.log.Error("cannot start", "error", err)
		return err
	}
	if err := d.launches.listen(d); err != nil {
		if d.Paths.IsUser() {
			return err
		}
		d.log.Warn("the thin client is not served", "error", err) // it executes the Go program
	}
	return d.keeper.publish()
}

// takeLock returns the life lock: the launcher's, or its own.
func (d *shell) takeLock() (*lock, error) {
	path := d.Paths.LockFile(d.Name)
	if d.in.lock != nil {
		return &lock{file: d.in.lock, path: path}, nil
	}
	if err := d.Paths.Initialize(); err != nil {
		return nil, err
	}
	held, err := tryLock(path)
	if errors.Is(err, filelock.ErrLocked) {
		return nil, ipc.Errorf(ipc.CodeUnavailable, "the %s daemon of %s runs already", d.Name, d.Paths.Root).
			WithHint("`replibuild status` shows it, `replibuild restart %s` replaces it", d.Name)
	}
	if err != nil {
		return nil, notWritable(path, err)
	}
	return held, nil
}

// takePorts finds listeners: the launcher's, or its own.
func (d *shell) takePorts(ctx context.Context) error {
	d.listeners = d.in.listeners
	if len(d.listeners) > 0 {
		return nil
	}
	b := binder{config: d.Config, base: config.BasePort, socket: d.Paths.Socket()}
	if ep, err := ReadEndpoint(d.Paths.EndpointFile(d.Name)); err == nil {
		b.prefer = map[string]int{d.Name: ep.Port}
	}
	got, err := b.bind(ctx, []string{d.Name})
	if err != nil {
		return err
	}
	for _, l := range got[d.Name].listeners {
		d.listeners = append(d.listeners, l)
	}
	return nil
}

// makeEndpoint describes this daemon, with a secret of its own.
func (d *shell) makeEndpoint() error {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails since Go 1.24
	own := d.keeper.holder.Process
	exe := ownExecutable
	if exe == "" {
		exe, _ = os.Executable()
	}
	d.endpoint = ipc.Endpoint{
		Schema: endpointSchema, Daemon: d.Name, Set: d.Paths.Set, Root: d.Paths.Root,
		PID: own.PID, StartTicks: own.StartTicks, BootID: own.BootID, MachineID: own.MachineID,
		BuildID: BuildID(exe), Protocol: ipc.Protocol, Secret: secret, Started: d.started,
		Restarts: d.Paths.readRestarts(d.Name).Restarts, Log: d.Paths.LogFile(d.Name),
		View: ownView(), Caller: caller.Own(), Raises: caller.Raises(),
	}
	d.endpoint.Socket = d.Paths.Socket()
	for _, l := range d.listeners {
		if d.endpoint.Socket != "" {
			break
		}
		at, ok := l.Addr().(*net.TCPAddr)
		if !ok || !at.IP.IsLoopback() {
			return ipc.Errorf(ipc.CodeInternal, "the %s daemon was handed %v, which is no loopback port", d.Name, l.Addr())
		}
		d.endpoint.Port = at.Port
		d.endpoint.IPv6 = d.endpoint.IPv6 || at.IP.To4() == nil
	}
	d.keeper.endpoint = d.endpoint
	return nil
}

// makeService makes the service and the server around it. A signal cancels only this.
// Afterwards the service is not cancelled, so that its requests may finish.
func (d *shell) makeService(ctx context.Context) (err error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.ending = cancel
	making := context.AfterFunc(ctx, cancel)
	hub := ipc.NewHub()
	d.service, err = d.NewService(work, hub, d.log)
	if !making() && err == nil {
		err = fmt.Errorf("told to stop while starting: %w", context.Cause(ctx))
	}
	if err != nil {
		return err
	}
	d.server = ipc.NewServer(ipc.ServerConfig{
		Endpoint: d.endpoint, RequireToken: d.Config.Security.RequireToken,
		Self: d.self, Stats: d.service.Stats, Hub: hub, Log: d.log, Drain: drainLimit,
		Shutdown: func() { d.leave("asked to") },
	}, d.service.Handlers)
	return nil
}

// self is the daemon's word on itself.
func (d *shell) self() ipc.DaemonStatus {
	return ipc.DaemonStatus{
		Name: d.Name, State: ipc.StateRunning, PID: d.endpoint.PID, Port: d.endpoint.Port,
		Uptime: time.Since(d.started).Seconds(), Restarts: d.endpoint.Restarts, RSS: residentBytes(),
	}
}

// serve answers until something ends the daemon, and until what runs then is done.
func (d *shell) serve(ctx context.Context) {
	d.log.Info(startedMessage, "port", d.endpoint.Port, "ipv6", d.endpoint.IPv6, "build_id", d.endpoint.BuildID,
		"root", d.Paths.Root, "seconds", time.Since(d.started).Seconds())
	var watching sync.WaitGroup
	watching.Go(func() { d.watch(ctx) })
	watching.Go(func() { d.launches.serve(context.WithoutCancel(ctx)) })
	d.server.Serve(context.WithoutCancel(ctx), d.listeners...)
	watching.Wait()
}

// watch looks after the daemon's files, and ends the daemon when it is time.
func (d *shell) watch(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	var tidy idleMemory
	for {
		select {
		case <-d.leaving:
			return
		case <-ctx.Done():
			d.leave("told to by a signal")
			return
		case <-tick.C:
		}
		tidy.look(d.server.Requests())
		d.mu.Lock()
		err := d.keeper.check()
		d.mu.Unlock()
		switch {
		case err != nil:
			d.leave(err.Error())
		case d.isIdle():
			d.leave(idleReason)
		}
	}
}

// leave takes the daemon off the list of those that can be asked, and lets the
// server finish. It returns at once; only the first call counts.
func (d *shell) leave(why string) {
	d.once.Do(func() {
		d.log.Info("leaving", "reason", why)
		d.mu.Lock()
		d.keeper.holder.Idle = why == idleReason
		d.keeper.retire()
		d.mu.Unlock()
		close(d.leaving)
		d.launches.close()
		d.server.Close()
	})
}

// end closes what start opened, also after a start that failed halfway. The lock is
// released last, because a process that waits for it may start the next daemon at once.
func (d *shell) end() error {
	for _, l := range d.listeners {
		l.Close()
	}
	err := d.closeService()
	if d.log != nil {
		if err != nil {
			d.log.Error(endedMessage, "error", err, "uptime_seconds", time.Since(d.started).Seconds())
		} else {
			d.log.Info(endedMessage, "uptime_seconds", time.Since(d.started).Seconds())
		}
		d.logFile.close()
	}
	if d.keeper != nil {
		d.keeper.lock.release()
	}
	return err
}

func (d *shell) closeService() error {
	if d.ending != nil {
		d.ending()
	}
	if d.service.Close == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- d.service.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(closeLimit):
		return fmt.Errorf("the %s service did not end within %v", d.Name, closeLimit)
	}
}
