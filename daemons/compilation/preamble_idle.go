package compilation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

const (
	// preambleIdle is how long nothing must have been asked for before a preamble is
	// made: a build's links and steps follow its compiles within milliseconds.
	preambleIdle = 100 * time.Millisecond
	// maxEdited is how many units count as being edited, and how many preambles wait:
	// somebody who edits more at a time has not written them by hand.
	maxEdited = 16
	// maxTries is how often a block is compiled that fails for reasons that may go.
	maxTries = 3
	// maxWords bounds what is remembered of the words in headers, by content.
	maxWords = 50_000
)

// preambleMaker makes preambles while nobody builds: one at a time, at the lowest
// priority, and a request ends it, to be begun again after that.
type preambleMaker struct {
	m *preambles

	mu      sync.Mutex
	edited  []string       // units, the last one first
	queue   []*preambleJob // the last one asked for first
	failed  map[cache.Digest]*obstacle
	active  int // requests being served
	timer   *time.Timer
	stop    context.CancelCauseFunc // of what is being made, nil if nothing is
	closed  bool
	running sync.WaitGroup
	made    int // for tests and statistics
}

// obstacle is why a block has no preamble.
type obstacle struct {
	cannot
	tries int
}

func newPreambleMaker(m *preambles) *preambleMaker {
	return &preambleMaker{m: m, failed: make(map[cache.Digest]*obstacle)}
}

// want asks for a preamble. Only units that are being edited get one: those of which
// the source changed, now or a while ago.
func (k *preambleMaker) want(job *preambleJob, edited bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !edited && !slices.Contains(k.edited, job.id) {
		return
	}
	k.edit(job.id)
	if k.hopeless(job.view, job.stub.key) != "" {
		return
	}
	k.queue = slices.DeleteFunc(k.queue, func(other *preambleJob) bool { return other.id == job.id })
	k.queue = slices.Insert(k.queue, 0, job)
	k.queue = k.queue[:min(len(k.queue), maxEdited)]
}

// isEdited says that a unit is.
func (k *preambleMaker) isEdited(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.edit(id)
}

// edit puts a unit in front of those that are edited; mu is held.
func (k *preambleMaker) edit(id string) {
	k.edited = slices.DeleteFunc(k.edited, func(other string) bool { return other == id })
	k.edited = slices.Insert(k.edited, 0, id)
	k.edited = k.edited[:min(len(k.edited), maxEdited)]
}

// obstacle says why there is no preamble, "" if nobody knows.
func (k *preambleMaker) obstacle(v *snapshot.Tree, key cache.Digest) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.failed[key]; o != nil && (o.while == nil || v.Compare(*o.while) == nil) {
		return "none: " + o.why
	}
	return ""
}

// hopeless says why trying again is of no use; mu is held.
func (k *preambleMaker) hopeless(v *snapshot.Tree, key cache.Digest) string {
	o := k.failed[key]
	switch {
	case o == nil:
		return ""
	case o.while != nil && v.Compare(*o.while) == nil, o.while == nil && o.tries >= maxTries:
		return o.why
	}
	return ""
}

// begins makes way for a request.
func (k *preambleMaker) begins() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.active++
	if k.timer != nil {
		k.timer.Stop()
	}
	if k.stop != nil {
		k.stop(errBusy)
	}
}

// ends sets the work going if that was the last request.
func (k *preambleMaker) ends() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.active--
	k.schedule()
}

// schedule waits for a pause; mu is held.
func (k *preambleMaker) schedule() {
	if k.active == 0 && len(k.queue) > 0 && k.stop == nil && !k.closed {
		k.timer = time.AfterFunc(preambleIdle, k.work)
	}
}

// work makes what is wanted until a request comes.
func (k *preambleMaker) work() {
	k.mu.Lock()
	if k.active > 0 || k.closed || k.stop != nil {
		k.mu.Unlock()
		return
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	k.stop = cancel
	k.running.Add(1)
	k.mu.Unlock()
	defer k.running.Done()
	for ctx.Err() == nil && k.next(ctx) {
	}
	cancel(nil)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stop = nil
	k.schedule()
}

// next makes one; it returns false if there was nothing to make. One that could not
// be finished stays for the next pause.
func (k *preambleMaker) next(ctx context.Context) bool {
	k.mu.Lock()
	if len(k.queue) == 0 {
		k.mu.Unlock()
		return false
	}
	job := k.queue[0]
	k.mu.Unlock()
	begin := time.Now()
	err := k.m.make(ctx, job)
	if ctx.Err() != nil {
		return true
	}
	k.m.s.log.Debug("made a preamble", "unit", job.id, "seconds", time.Since(begin).Seconds(), "error", err)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.note(job.stub.key, err)
	k.queue = slices.DeleteFunc(k.queue, func(other *preambleJob) bool { return other == job })
	return true
}

// giveUp remembers that a preamble is of no use.
func (k *preambleMaker) giveUp(key cache.Digest, why string, while snapshot.PackedSet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.note(key, &cannot{why: why, while: &while})
}

// note remembers how it went; mu is held.
func (k *preambleMaker) note(key cache.Digest, err error) {
	switch {
	case err == nil:
		delete(k.failed, key)
		k.made++
		return
	case errors.Is(err, errOutdated):
		return
	}
	o := k.failed[key]
	if o == nil {
		if len(k.failed) > 100*maxEdited {
			clear(k.failed)
		}
		o = &obstacle{}
		k.failed[key] = o
	}
	o.tries++
	o.cannot = cannot{why: err.Error()}
	var c *cannot
	if errors.As(err, &c) {
		o.cannot = *c
	}
}

// close cancels what runs and waits for it.
func (k *preambleMaker) close() {
	k.mu.Lock()
	k.closed, k.queue = true, nil
	if k.timer != nil {
		k.timer.Stop()
	}
	if k.stop != nil {
		k.stop(errStopping)
	}
	k.mu.Unlock()
	k.running.Wait()
}

// wordsKnown remembers what specialWord found, by content.
type wordsKnown struct {
	mu    sync.Mutex
	known map[cache.Digest]string
}

func (w *wordsKnown) get(d cache.Digest) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	word, ok := w.known[d]
	return word, ok
}

func (w *wordsKnown) put(d cache.Digest, word string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil || len(w.known) >= maxWords {
		w.known = make(map[cache.Digest]string)
	}
	w.known[d] = word
}
