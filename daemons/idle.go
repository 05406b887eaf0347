package daemons

import (
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// idleReason is why a daemon ends that had no request for idle_timeout.
const idleReason = "idle for idle_timeout"

// streamGrace is how long discovery stays after the orchestrator left for idleness: its
// only stream has just ended, and that must not count as activity.
const streamGrace = time.Second

// isIdle reports whether the daemon has not been needed for idle_timeout. A set ends as a
// whole: the others stay while the orchestrator lives, although builds with nothing to do
// do not ask them. So no build finds half a set.
func (d *shell) isIdle() bool {
	limit := time.Duration(d.Config.Daemons.IdleTimeout) * time.Second
	if limit <= 0 {
		return false
	}
	idle := d.server.Idle()
	switch {
	case idle >= limit:
		return !d.orchestratorLives()
	case idle >= streamGrace && d.Name == ipc.NameDiscovery:
		return d.endedByOrchestrator(time.Now().Add(-idle))
	}
	return false
}

// orchestratorLives reports whether another daemon, the orchestrator, lives.
func (d *shell) orchestratorLives() bool {
	path := d.Paths.LockFile(ipc.NameOrchestrator)
	return d.Name != ipc.NameOrchestrator && d.Config.Enabled(ipc.NameOrchestrator) &&
		isLocked(path) && !readHolder(path).Stopping
}

// endedByOrchestrator reports whether the stream that ended at the given time was that of
// an orchestrator that ended because it was idle, and whether there was no request since.
func (d *shell) endedByOrchestrator(at time.Time) bool {
	path := d.Paths.LockFile(ipc.NameOrchestrator)
	h := readHolder(path)
	apart := at.Sub(h.Since)
	return h.Idle && -streamGrace < apart && apart < streamGrace && !isLocked(path)
}
