package daemons

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// hungAfter is how long a daemon that holds its lock may be silent before a start
	// replaces it, and stoppedAfter the same for one that was stopped (SIGSTOP): on a
	// busy machine a daemon may look hung, but not stopped.
	hungAfter    = 5 * time.Second
	stoppedAfter = time.Second
	// startLookLimit is how long a start waits for daemons that were ready to answer.
	startLookLimit = 10 * time.Second
	// leaveLimit is how long a daemon may take to leave that is doing so already.
	leaveLimit = drainLimit + closeLimit + time.Second
)

// claim is a daemon that this launcher is to start.
type claim struct {
	name string
	lock *lock
	port int // that it had before, 0 if unknown
}

// start starts those of the named daemons that do not serve; the caller holds the
// start lock. ports are those that they should get if they can.
func (l *Launcher) start(ctx context.Context, names []string, ports map[string]int) error {
	if err := l.notElsewhere(names); err != nil {
		return err
	}
	claims, err := l.claimAll(ctx, names)
	defer func() {
		for _, c := range claims {
			c.lock.release()
		}
	}()
	var mine []claim
	for _, c := range claims {
		if loop := l.noteCrash(c.name); loop != nil {
			err = errors.Join(err, loop)
			continue
		}
		mine = append(mine, c)
	}
	if len(mine) == 0 {
		return err
	}
	l.placePorts(mine, ports, names)
	got, bindErr := l.bindFor(ctx, mine)
	if bindErr != nil {
		return errors.Join(err, bindErr)
	}
	defer closeAll(got)
	return errors.Join(err, l.spawnAll(ctx, mine, got))
}

// claimAll takes the life locks of those that do not serve. Daemons that could not
// be claimed are in the error.
func (l *Launcher) claimAll(ctx context.Context, names []string) ([]claim, error) {
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		failed = make([]error, len(names))
		got    = make([]*lock, len(names))
	)
	for i, name := range names {
		wg.Go(func() {
			held, err := l.claim(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			got[i], failed[i] = held, err
		})
	}
	wg.Wait()
	var claims []claim
	for i, name := range names {
		if got[i] != nil {
			claims = append(claims, claim{name: name, lock: got[i]})
		}
	}
	return claims, errors.Join(failed...)
}

// claim returns the daemon's life lock, or nil if the daemon serves. It waits for a
// daemon that is starting or stopping, replaces one that hangs, and asks one that speaks
// an older protocol to end.
func (l *Launcher) claim(ctx context.Context, name string) (*lock, error) {
	begin := time.Now()
	for {
		s := l.look(ctx, name)
		waited := time.Since(begin)
		switch {
		case s.serves():
			return nil, nil
		case s.status.State == ipc.StateRunning && s.endpoint.Protocol > ipc.Protocol:
			return nil, ipc.Errorf(ipc.CodeUnavailable, "the %s daemon belongs to a newer replibuild (protocol %d, this one speaks %d)",
				name, s.endpoint.Protocol, ipc.Protocol).WithHint("use the newer replibuild, or stop its daemons with it")
		case s.status.State == ipc.StateRunning,
			s.status.State == ipc.StateUnresponsive && waited > s.patience(),
			waited > leaveLimit:
			if err := l.stopOne(ctx, s); err != nil {
				return nil, err
			}
		}
		held, err := tryLock(l.Paths.LockFile(name))
		if err == nil {
			return held, held.write(holder{Since: time.Now()})
		}
		if !errors.Is(err, filelock.ErrLocked) {
			return nil, ipc.Errorf(ipc.CodeUnavailable, "cannot lock for the %s daemon: %v", name, err)
		}
		if err := pause.For(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// patience is how long an unresponsive daemon may stay so.
func (s sighting) patience() time.Duration {
	if isStopped(s.process().PID) {
		return stoppedAfter
	}
	return hungAfter
}

// lookAfterStart looks at the set after a start. Daemons that said they were ready may be
// slow to answer while everything starts at once.
func (l *Launcher) lookAfterStart(ctx context.Context) []sighting {
	ctx, cancel := context.WithTimeout(ctx, startLookLimit)
	defer cancel()
	for {
		now := l.lookAll(ctx)
		busy := slices.ContainsFunc(now, func(s sighting) bool {
			return s.status.State == ipc.StateUnresponsive || s.status.State == ipc.StateStarting
		})
		if !busy || pause.For(ctx, 20*time.Millisecond) != nil {
			return now
		}
	}
}

// noteCrash looks for what a crash leaves behind, an endpoint file without a daemon, and
// counts each crash once. The error says that the daemon crashed too often lately and is
// not started for now.
func (l *Launcher) noteCrash(name string) error {
	r := l.Paths.readRestarts(name)
	crashed := r.died()
	ep, err := ReadEndpoint(l.Paths.EndpointFile(name))
	if err == nil && identityOf(ep).sameBoot() {
		crashed = true
		if id := identityOf(ep); r.Noted != id {
			r = r.crashed(time.Now())
			r.Noted = id
			r.LastCrash = crashText(l.Paths, name, ep.PID)
		}
	}
	looping := r.looping(time.Now())
	if crashed && !looping {
		r.Restarts++
	}
	if crashed {
		if err := l.Paths.writeRestarts(name, r); err != nil {
			return notWritable(l.Paths.restartsFile(name), err)
		}
	}
	if !looping {
		return nil
	}
	last := "(its log is empty)"
	if lines := lastLines(l.Paths, name, 20); len(lines) > 0 {
		last = strings.Join(lines, "\n")
	}
	return ipc.Errorf(ipc.CodeUnavailable, "the %s daemon crashed %d times within %.0f s and is not started again; its log ends with:\n%s",
		name, crashLimit, crashWindow.Seconds(), last).
		WithHint("`replibuild restart %s` tries again at once, `compile --no-daemon` builds without it", name)
}

// placePorts decides which port each daemon should get back: the one that it had,
// else its place beside those of the set that run.
func (l *Launcher) placePorts(claims []claim, ports map[string]int, names []string) {
	had := l.ports(ipc.DaemonNames())
	base := 0
	for name, port := range had {
		if l.Config.Port(name) == 0 && l.Alive(name) && !claimed(claims, name) {
			base = port - placeOf(name)
		}
	}
	for i := range claims {
		c := &claims[i]
		switch {
		case ports[c.name] != 0:
			c.port = ports[c.name]
		case had[c.name] != 0:
			c.port = had[c.name]
		case base != 0:
			c.port = base + placeOf(c.name)
		}
	}
}

func claimed(claims []claim, name string) bool {
	for _, c := range claims {
		if c.name == name {
			return true
		}
	}
	return false
}

func (l *Launcher) bindFor(ctx context.Context, claims []claim) (map[string]bound, error) {
	b := binder{config: l.Config, base: l.basePort, socket: l.Paths.Socket(), prefer: make(map[string]int, len(claims))}
	if b.base == 0 {
		b.base = config.BasePort
	}
	names := make([]string, len(claims))
	for i, c := range claims {
		names[i] = c.name
		b.prefer[c.name] = c.port
	}
	return b.bind(ctx, names)
}

// spawnAll starts the claimed daemons side by side and waits until each is ready or
// has failed.
func (l *Launcher) spawnAll(ctx context.Context, claims []claim, got map[string]bound) error {
	failed := make([]error, len(claims))
	var wg sync.WaitGroup
	for i, c := range claims {
		wg.Go(func() {
			if err := l.spawn(ctx, c, got[c.name]); err != nil {
				failed[i] = l.startError(c.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// startError keeps the code of what the daemon itself said.
func (l *Launcher) startError(name string, err error) error {
	code, hint := ipc.CodeUnavailable, fmt.Sprintf("`replibuild logs %s` says more, `compile --no-daemon` builds without it", name)
	var e *ipc.Error
	if errors.As(err, &e) {
		code = e.Code
		if e.Hint != "" {
			hint = e.Hint
		}
	}
	return ipc.Errorf(code, "the %s daemon did not start: %v", name, err).WithHint("%s", hint)
}
