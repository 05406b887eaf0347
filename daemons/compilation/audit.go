package compilation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// auditEvery is how many hits there are for each one that is checked: with a
	// hundred hits a build, every other build costs one compile of idle time.
	auditEvery = 200
	// remoteEvery is how many times as often those of a server are checked.
	remoteEvery = 4
	// auditIdle is how long nothing must have been asked for before an audit begins:
	// longer than the pauses between an editor's save and the build after it.
	auditIdle = 5 * time.Second
	// maxSuspects bounds what waits; older ones go first.
	maxSuspects = 64
)

// errBusy ends an audit: somebody wants to build.
var errBusy = ipc.Errorf(ipc.CodeCancelled, "a build has begun")

// auditor makes one in so many hits again while nobody builds, and compares: those of one
// output, which can be made at another place. It never is in the way: it begins after a
// pause, one process at a time, and is cancelled when a request comes, to go on after it.
type auditor struct {
	s     *Service
	every int // 0 = never
	idle  time.Duration

	mu   sync.Mutex
	hits int
	// remoteHits are counted apart.
	remoteHits int
	active     int // requests being served
	suspects   []suspect
	proofs     []*candidate          // to be compiled under another name of their folder
	proving    map[cache.Digest]bool // the keys of proofs, and of those under way
	timer      *time.Timer
	stop       context.CancelCauseFunc // of the audit that runs, nil if none does
	notices    []ipc.Notice            // not announced yet
	closed     bool
	running    sync.WaitGroup
	audited    int // for tests
}

func newAuditor(s *Service, every int, idle time.Duration) *auditor {
	switch {
	case every < 0:
		every = 0
	case every == 0:
		every = auditEvery
	}
	if idle <= 0 {
		idle = auditIdle
	}
	a := &auditor{s: s, every: every, idle: idle, proving: make(map[cache.Digest]bool)}
	if every > 0 {
		a.hits = rand.IntN(every) // a small project's hits must not always fall before the first
	}
	return a
}

// hit counts a delivery from the cache; of one in so many it keeps what is needed to
// check it.
func (a *auditor) hit(remote bool, what func() suspect) {
	if a.every == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	due := false
	if remote {
		a.remoteHits++
		due = a.remoteHits%max(1, a.every/remoteEvery) == 0
	} else {
		a.hits++
		due = a.hits%a.every == 0
	}
	if !due || a.closed {
		return
	}
	a.suspects = append(a.suspects, what())
	if over := len(a.suspects) - maxSuspects; over > 0 {
		a.suspects = a.suspects[over:]
	}
	a.schedule() // the request of a farm's result may have ended
}

// begins makes way for a request.
func (a *auditor) begins() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active++
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.stop != nil {
		a.stop(errBusy)
	}
}

// ends sets the audit going if that was the last request.
func (a *auditor) ends() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active--
	a.schedule()
}

// schedule waits for a pause; mu is held.
func (a *auditor) schedule() {
	if a.active == 0 && len(a.suspects)+len(a.proofs) > 0 && a.stop == nil && !a.closed {
		a.timer = time.AfterFunc(a.idle, a.audit)
	}
}

// audit goes through the suspects until a request comes.
func (a *auditor) audit() {
	a.mu.Lock()
	if a.active > 0 || a.closed || a.stop != nil {
		a.mu.Unlock()
		return
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	a.stop = cancel
	a.running.Add(1)
	a.mu.Unlock()
	defer a.running.Done()
	for ctx.Err() == nil && a.next(ctx) {
	}
	cancel(nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop = nil
	a.schedule()
}

// next checks one suspect; it returns false if there was none. One that could not be
// finished stays for the next pause.
func (a *auditor) next(ctx context.Context) bool {
	a.mu.Lock()
	if len(a.suspects) == 0 {
		a.mu.Unlock()
		return a.proveNext(ctx)
	}
	x := a.suspects[0]
	a.mu.Unlock()
	v, detail := a.s.recompute(ctx, x)
	if ctx.Err() != nil {
		return true
	}
	a.s.log.Debug("audited an object of the cache", "unit", x.id, "verdict", int(v), "detail", detail)
	if v == different {
		a.s.condemn(x, detail)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.audited++
	if len(a.suspects) > 0 && a.suspects[0].action == x.action {
		a.suspects = a.suspects[1:]
	}
	if v == different {
		a.wrong(x, detail)
	}
	return true
}

// maxProofs bounds what waits to be proved; older ones go first, and are not shared.
const maxProofs = 1 << 14

// prove has a candidate compiled again in the next pause, under another name of its folder.
func (a *auditor) prove(c *candidate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.proving[c.key] {
		return
	}
	a.proving[c.key] = true
	a.proofs = append(a.proofs, c)
	if len(a.proofs) > maxProofs {
		delete(a.proving, a.proofs[0].key)
		a.proofs = a.proofs[1:]
	}
	a.schedule()
}

// pause ends what runs in idle time, and returns when it has ended. ends goes on with it.
func (a *auditor) pause() {
	a.begins()
	a.running.Wait() // nothing new begins until ends
}

// proveNext is next for candidates.
func (a *auditor) proveNext(ctx context.Context) bool {
	a.mu.Lock()
	if len(a.proofs) == 0 {
		a.mu.Unlock()
		return false
	}
	c := a.proofs[0]
	a.proofs = a.proofs[1:]
	a.mu.Unlock()
	decided := a.s.prove(ctx, c)
	a.mu.Lock()
	defer a.mu.Unlock()
	if decided || a.closed {
		delete(a.proving, c.key)
		return true
	}
	a.proofs = append(a.proofs, c)
	return true
}

// waiting is how many candidates are not proved yet.
func (a *auditor) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.proving)
}

// announce notes what the next build has to say, and says it to who listens now; mu is
// held.
func (a *auditor) announce(n ipc.Notice) {
	a.notices = append(a.notices, n)
	if a.s.cfg.Publish != nil {
		a.s.cfg.Publish(n)
	}
}

// wrong notes a result that is not what its inputs make; mu is held.
func (a *auditor) wrong(x suspect, detail string) {
	a.announce(auditNotice(x, detail))
	if x.remote {
		why := fmt.Sprintf("it gave a wrong result for %s: %s", x.id, detail)
		what := a.s.offers()
		a.s.tiers.turnRemoteOff(why)
		a.announce(ipc.Notice{
			Level: "error", Code: ipc.CodeCacheDamaged, Message: what + " turned off for this project: " + why,
			Hint: "docs/remote.md says what to do; delete " + a.s.tiers.offFile() + " to turn it on again",
		})
	}
}

// offers are the servers that made results, with their verb.
func (s *Service) offers() string {
	switch cached, executed := s.tiers.remotes.Client() != nil, s.farm.current.Client() != nil; {
	case cached && executed:
		return "the remote cache and the build farm are"
	case executed:
		return "the build farm is"
	}
	return "the remote cache is"
}

func auditNotice(x suspect, detail string) ipc.Notice {
	return ipc.Notice{
		Level: "error", Code: ipc.CodeCacheDamaged,
		Message: fmt.Sprintf("the cache had a wrong result for %s, which is made again: %s", x.id, detail),
		Hint:    "`replibuild cache verify` checks the others; please report this, with quarantine/ of `replibuild cache path`",
	}
}

// take returns what no build has announced yet, once.
func (a *auditor) take() []ipc.Notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	notices := a.notices
	a.notices = nil
	return notices
}

// close cancels what runs and waits for it.
func (a *auditor) close() {
	a.mu.Lock()
	a.closed, a.suspects, a.proofs = true, nil, nil
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.stop != nil {
		a.stop(errStopping)
	}
	a.mu.Unlock()
	a.running.Wait()
}
