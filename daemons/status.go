package daemons

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// lookLimit bounds the look at one daemon. A dial to a hung one takes 0.9 s.
const lookLimit = 1300 * time.Millisecond

// sighting is what is known of one daemon at a moment.
type sighting struct {
	status   ipc.DaemonStatus
	endpoint ipc.Endpoint // zero if there is no file
	holder   holder       // of the lock, if it is held
}

// serves reports whether the daemon runs and understands this program.
func (s sighting) serves() bool {
	return s.status.State == ipc.StateRunning && s.endpoint.Protocol == ipc.Protocol
}

// process is the process to signal: the holder of the lock, or that of the endpoint file
// if the lock file was deleted.
func (s sighting) process() identity {
	if s.holder.Process.PID != 0 {
		return s.holder.Process
	}
	return identityOf(s.endpoint)
}

// Status tells the state of the set. It needs no daemon, never fails, and takes 1.5 s at
// most, also if daemons hang.
func (l *Launcher) Status(ctx context.Context) ipc.SetStatus {
	now := l.lookAll(ctx)
	return ipc.SetStatus{
		Schema: ipc.Schema, Project: l.Paths.Root, Set: l.Paths.Set,
		Daemons: statuses(now), Cache: l.cacheSummary(ctx, now),
	}
}

// cacheSummary asks the compilation daemon if it runs.
func (l *Launcher) cacheSummary(ctx context.Context, now []sighting) ipc.CacheSummary {
	for _, s := range now {
		if s.status.Name != ipc.NameCompilation || !s.serves() {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		client := ipc.NewCompilationClient(s.dial)
		defer client.Close()
		if stats, err := client.CacheStats(ctx, ipc.CacheStatsRequest{}); err == nil {
			return stats.Summary()
		}
	}
	if l.CacheSummary == nil {
		return ipc.CacheSummary{}
	}
	return l.CacheSummary()
}

func (s sighting) dial(ctx context.Context) (*ipc.Conn, error) { return ipc.Dial(ctx, s.endpoint) }

// lookAll looks at the four daemons side by side, in order.
func (l *Launcher) lookAll(ctx context.Context) []sighting {
	names := ipc.DaemonNames()
	all := make([]sighting, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { all[i] = l.look(ctx, name) })
	}
	wg.Wait()
	return all
}

// look finds the state of a daemon. A daemon that proves itself runs. Only for others the
// lock is tried, so that a look does not disturb a daemon that takes its lock.
func (l *Launcher) look(ctx context.Context, name string) sighting {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	ep, err := l.Paths.awaitEndpoint(ctx, name)
	s := sighting{endpoint: ep, status: ipc.DaemonStatus{
		Name: name, PID: ep.PID, Port: ep.Port, Restarts: l.Paths.readRestarts(name).Restarts,
	}}
	if err == nil && l.Paths.isElsewhere(name, ep) {
		s.status.State, s.status.LastError = ipc.StateElsewhere, errElsewhere().Message
		return s
	}
	if err == nil && seesTheSame(ep) && identityOf(ep).sameBoot() {
		if status, err := s.ask(ctx); err == nil {
			s.status = status
			s.status.LastCrash = l.Paths.readRestarts(name).LastCrash
			if ep.Protocol != ipc.Protocol {
				s.status.LastError = fmt.Sprintf("it speaks protocol %d, this program %d", ep.Protocol, ipc.Protocol)
			}
			return s
		}
	}
	if isLocked(l.Paths.LockFile(name)) {
		s.holder = readHolder(l.Paths.LockFile(name))
		l.judgeLocked(&s)
	} else {
		l.judgeFree(&s)
	}
	return s
}

// ask gets a daemon's word on itself.
func (s sighting) ask(ctx context.Context) (ipc.DaemonStatus, error) {
	client := ipc.NewDiscoveryClient(s.dial) // which service it is does not matter here
	defer client.Close()
	return client.Self(ctx)
}

// judgeLocked decides on a daemon that lives but did not answer.
func (l *Launcher) judgeLocked(s *sighting) {
	known := s.endpoint.PID != 0 && identityOf(s.endpoint) == s.holder.Process
	s.status.PID = s.holder.Process.PID
	if !known {
		s.status.Port = 0
	}
	switch {
	case s.holder.Stopping:
		s.status.State = ipc.StateStopped
		s.status.LastError = "finishing its last requests"
	case !known && time.Since(s.holder.Since) < readyLimit:
		s.status.State = ipc.StateStarting
	default:
		s.status.State = ipc.StateUnresponsive
		s.status.LastError = "alive, not answering"
	}
}

// judgeFree decides on a daemon that is not there. An endpoint file of this boot was left
// behind by a crash; one of an earlier boot, by a shutdown of the machine. A daemon that
// never gets as far as its endpoint has crashed, too.
func (l *Launcher) judgeFree(s *sighting) {
	switch {
	case !l.Config.Enabled(s.status.Name):
		s.status.State = ipc.StateDisabled
	case s.endpoint.PID != 0 && identityOf(s.endpoint).sameBoot(), l.Paths.readRestarts(s.status.Name).died():
		s.status.State = ipc.StateCrashed
		s.status.LastError = crashText(l.Paths, s.status.Name, s.endpoint.PID)
		return
	default:
		s.status.State = ipc.StateStopped
	}
	s.status.PID, s.status.Port = 0, 0
}
