package orchestrator

import (
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// shownBuild is the build that a snapshot tells: the one that runs, else the last one.
// A refused build was none: the one before it is shown again.
type shownBuild struct {
	mu     sync.Mutex
	job    *job // nil: none yet
	before *job // while job runs: the one before it
}

// begins makes j the shown build.
func (b *shownBuild) begins(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.job = b.job, j
}

// ended says of the shown build whether it was refused.
func (b *shownBuild) ended(j *job, refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.job == j && refused {
		b.job = b.before
	}
	b.before = nil
}

// events returns the events of the shown build, nil if there is none.
func (b *shownBuild) events() []ipc.Event {
	b.mu.Lock()
	j := b.job
	b.mu.Unlock()
	if j == nil {
		return nil
	}
	return j.events.condensed()
}
