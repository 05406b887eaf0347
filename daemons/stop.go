package daemons

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// killLimit is how long a process may take to be gone after a signal that it does
// not handle, or is too hung to handle.
const killLimit = 2 * time.Second

// Stop stops the named daemons, or all, in the reverse order of their start, and
// returns those that ran, in the order of their start. What runs in them may finish
// for ten seconds. Left-over endpoint files and the memory of crashes go too.
func (l *Launcher) Stop(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	if err := checkNames(names); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = ipc.DaemonNames()
	}
	unlock, err := l.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	stopped, err := l.stop(ctx, names)
	for _, name := range names {
		os.Remove(l.Paths.restartsFile(name))
	}
	return stopped, err
}

// stop is Stop for a caller that holds the start lock.
func (l *Launcher) stop(ctx context.Context, names []string) ([]ipc.DaemonStatus, error) {
	if err := l.notElsewhere(names); err != nil {
		return nil, err
	}
	var (
		stopped []ipc.DaemonStatus
		failed  []error
	)
	for _, s := range slices.Backward(l.lookAll(ctx)) {
		if !slices.Contains(names, s.status.Name) {
			continue
		}
		ran := l.lives(s)
		if err := l.stopOne(ctx, s); err != nil {
			failed = append(failed, err)
			continue
		}
		if ran {
			s.status.State, s.status.LastError = ipc.StateStopped, ""
			stopped = append(stopped, s.status)
		}
	}
	slices.Reverse(stopped)
	return stopped, errors.Join(failed...)
}

// stopOne ends the daemon that was seen, politely, then less so, and returns when it
// is gone and its endpoint file, too.
func (l *Launcher) stopOne(ctx context.Context, s sighting) error {
	name := s.status.Name
	if l.lives(s) {
		leaving := s.holder.Stopping || s.shutdown(ctx) == nil
		if !leaving || !l.gone(ctx, s, leaveLimit) {
			if err := l.force(ctx, s); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := os.Remove(l.Paths.EndpointFile(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return ipc.Errorf(ipc.CodeUnavailable, "cannot remove the endpoint of the %s daemon: %v", name, err)
	}
	return nil
}

// shutdown asks the daemon to leave.
func (s sighting) shutdown(ctx context.Context) error {
	if s.status.State != ipc.StateRunning {
		return ipc.ErrUnreachable
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	client := ipc.NewDiscoveryClient(s.dial)
	defer client.Close()
	return client.Shutdown(ctx)
}

// force signals: SIGTERM for a daemon that only its port keeps us from reaching,
// SIGKILL for one that is hung, at once if it is stopped (SIGSTOP).
func (l *Launcher) force(ctx context.Context, s sighting) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if sig == syscall.SIGTERM && isStopped(s.process().PID) {
			continue
		}
		if err := sendSignal(s.process(), sig); err != nil && !errors.Is(err, errGone) {
			return ipc.Errorf(ipc.CodeUnavailable, "cannot end the %s daemon (PID %d): %v", s.status.Name, s.process().PID, err)
		}
		if l.gone(ctx, s, killLimit) {
			return nil
		}
	}
	return ipc.Errorf(ipc.CodeUnavailable, "the %s daemon does not end: %s is still locked", s.status.Name, l.Paths.LockFile(s.status.Name)).
		WithHint("`replibuild doctor` names the process that holds it")
}

// lives reports whether the daemon that was seen is still there: its lock is held or,
// where the lock file was deleted under it, its process runs.
func (l *Launcher) lives(s sighting) bool {
	return l.Alive(s.status.Name) || isRunning(s.process())
}

// gone waits until the daemon is not there any more.
func (l *Launcher) gone(ctx context.Context, s sighting, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for l.lives(s) {
		if pause.For(ctx, 2*time.Millisecond) != nil {
			return false
		}
	}
	return true
}
