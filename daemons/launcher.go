package daemons

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/ipc"
)

// Launcher starts, stops and watches the set of one project from outside. Its
// methods may be called from many processes at the same moment. The zero values of
// the optional fields are right for commands.
type Launcher struct {
	Paths  Paths
	Config config.Config
	Exe    string   // the replibuild binary, see [Executable]; needed by Start, Ensure and Restart
	Env    []string // where HOME and GORACE are looked up; nil = os.Environ(). Nothing else of it reaches a daemon

	// Args are the arguments that make Exe the named daemon; nil = the hidden command
	// "daemon NAME --project ROOT".
	Args func(name string) []string

	// CacheSummary tells the cache's numbers while no compilation daemon does; nil =
	// zeros.
	CacheSummary func() ipc.CacheSummary

	basePort int // instead of config.BasePort, for tests
}

// startLockLimit is how long a command waits for another one that starts or stops
// the same set: longer than the longest stop takes.
const startLockLimit = 45 * time.Second

// Start starts the named daemons, or all enabled ones, unless they run, and returns
// the state of all four when they are ready. Daemons that hang are replaced. What
// could not be started is in the error; the others run nevertheless.
func (l *Launcher) Start(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	want, err := l.toStart(names)
	if err != nil {
		return nil, err
	}
	if now := l.lookAll(ctx); allServe(now, want) {
		return statuses(now), nil
	}
	unlock, err := l.exclusive(ctx)
	if err != nil {
		return statuses(l.lookAll(ctx)), err
	}
	defer unlock()
	err = l.start(ctx, want, nil)
	return statuses(l.lookAfterStart(ctx)), err
}

// Ensure starts what does not run, replaces what crashed or hangs, and reports
// whether every enabled daemon runs afterwards.
func (l *Launcher) Ensure(ctx context.Context) (bool, []ipc.DaemonStatus, error) {
	now, err := l.Start(ctx)
	ok := len(now) > 0
	for _, d := range now {
		ok = ok && (d.State == ipc.StateRunning || !l.Config.Enabled(d.Name))
	}
	return ok, now, err
}

// Restart stops the named daemons, or all, and starts those of them that are
// enabled on the ports that they had. It returns the state of all four.
func (l *Launcher) Restart(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	want, err := l.toStart(names)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = ipc.DaemonNames()
	}
	unlock, err := l.exclusive(ctx)
	if err != nil {
		return statuses(l.lookAll(ctx)), err
	}
	defer unlock()
	if err := l.notElsewhere(names); err != nil {
		return statuses(l.lookAll(ctx)), err
	}
	ports := l.ports(names)
	before := l.lookAll(ctx)
	_, err = l.stop(ctx, names)
	for _, s := range before {
		if slices.Contains(names, s.status.Name) {
			err = errors.Join(err, l.noteRestart(s.status))
		}
	}
	err = errors.Join(err, l.start(ctx, want, ports))
	return statuses(l.lookAfterStart(ctx)), err
}

// noteRestart counts a restart by hand of a daemon that ran or had crashed. Earlier crashes
// do not count after it: the user has most likely changed something.
func (l *Launcher) noteRestart(before ipc.DaemonStatus) error {
	r := l.Paths.readRestarts(before.Name)
	r.Crashes, r.DiedIn = nil, ""
	if before.PID != 0 {
		r.Restarts++
	}
	if before.State == ipc.StateCrashed && before.PID != 0 {
		r.LastCrash = before.LastError
	}
	return l.Paths.writeRestarts(before.Name, r)
}

// Alive reports whether a process holds the daemon's lock, whatever state it is in.
func (l *Launcher) Alive(name string) bool { return isLocked(l.Paths.LockFile(name)) }

// toStart checks names, and puts them in order; none means all enabled ones.
func (l *Launcher) toStart(names []string) ([]string, error) {
	if err := checkNames(names); err != nil {
		return nil, err
	}
	var want []string
	for _, name := range ipc.DaemonNames() {
		switch {
		case len(names) > 0 && !slices.Contains(names, name):
		case l.Config.Enabled(name):
			want = append(want, name)
		case len(names) > 0:
			return nil, ipc.Errorf(ipc.CodeUnavailable, "the %s daemon is disabled", name).
				WithHint("set enable_%s = true under [daemons] in %s", name, l.Paths.ConfigFile())
		}
	}
	return want, nil
}

func checkNames(names []string) error {
	for _, name := range names {
		if !slices.Contains(ipc.DaemonNames(), name) {
			return ipc.Errorf(ipc.CodeNotFound, "there is no daemon called %q", name).
				WithHint("the daemons are %s", strings.Join(ipc.DaemonNames(), ", "))
		}
	}
	return nil
}

// exclusive waits until no other command starts or stops this set.
func (l *Launcher) exclusive(ctx context.Context) (unlock func(), err error) {
	if err := l.Paths.Initialize(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLockLimit)
	defer cancel()
	held, err := waitLock(ctx, filepath.Join(l.Paths.StateDir(), "start.lock"))
	if err != nil {
		return nil, err
	}
	return func() { held.release() }, nil
}

// ports returns the ports in the endpoint files of the named daemons.
func (l *Launcher) ports(names []string) map[string]int {
	ports := make(map[string]int, len(names))
	for _, name := range names {
		if ep, err := ReadEndpoint(l.Paths.EndpointFile(name)); err == nil {
			ports[name] = ep.Port
		}
	}
	return ports
}

func allServe(now []sighting, names []string) bool {
	for _, s := range now {
		if slices.Contains(names, s.status.Name) && !s.serves() {
			return false
		}
	}
	return true
}

func statuses(all []sighting) []ipc.DaemonStatus {
	out := make([]ipc.DaemonStatus, len(all))
	for i, s := range all {
		out[i] = s.status
	}
	return out
}
