package compilation

import (
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// maxReport is how many units one report finishes.
	maxReport = 500
	// maxRecords is how many records go together. Somebody may wait for what becomes of
	// the next unit, which is reported after them.
	maxRecords = 32
	// gather is how long units in place are kept back, so that thousands of them
	// become a few reports.
	gather = 20 * time.Millisecond
)

// reporter sends the progress of a request: what is news at once, units in place in
// bulk. The sender may be slow; what happens meanwhile goes together. The records of
// units follow when there is no news: of a unit with a thousand inputs and misses they
// take some milliseconds, in which its target can be linked.
type reporter struct {
	track  *recordBuilder
	known  map[string]string // what discovery knows the inputs of units by
	send   func(ipc.RunProgress)
	unsent []result // their records are to be sent; the loop's own

	mu       sync.Mutex
	started  []string
	finished []result
	counts   ipc.Counts
	news     bool // something that somebody waits to see
	closed   bool
	wake     chan struct{}
	done     chan struct{}
}

func newReporter(v *snapshot.Tree, actions []ipc.RunAction, send func(ipc.RunProgress)) *reporter {
	r := &reporter{
		track: newRecordBuilder(v), known: make(map[string]string), send: send,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	for _, u := range actions {
		if u.Set != "" {
			r.known[u.ID] = u.Set
		}
	}
	go r.loop()
	return r
}

// start reports that a tool runs for a unit.
func (r *reporter) start(id string) {
	r.mu.Lock()
	r.started = append(r.started, id)
	r.news = true
	r.mu.Unlock()
	r.poke()
}

// finish reports what became of a unit.
func (r *reporter) finish(res result) {
	r.mu.Lock()
	r.finished = append(r.finished, res)
	r.news = r.news || !res.InPlace || len(r.finished) >= maxReport
	switch res.Status {
	case ipc.StatusCached:
		r.counts.Cached++
	case ipc.StatusCompiled:
		r.counts.Compiled++
	case ipc.StatusFailed:
		r.counts.Failed++
	case ipc.StatusSkipped:
		r.counts.Skipped++
	}
	r.mu.Unlock()
	r.poke()
}

func (r *reporter) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close sends what is left and returns the sums.
func (r *reporter) close() ipc.Counts {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.poke()
	<-r.done
	return r.counts
}

func (r *reporter) loop() {
	defer close(r.done)
	var later <-chan time.Time
	for {
		select {
		case <-r.wake:
		case <-later:
			r.mu.Lock()
			r.news = true
			r.mu.Unlock()
			later = nil
		}
		for r.sendNext() {
		}
		r.mu.Lock()
		waiting, end := len(r.finished) > 0, r.closed
		r.mu.Unlock()
		switch {
		case end && !waiting:
			return
		case end:
			r.poke()
		case waiting && later == nil:
			later = time.After(gather)
		}
	}
}

// sendNext sends what is to be sent next. It returns false if there is nothing.
func (r *reporter) sendNext() bool {
	if p, news := r.next(); news {
		r.send(p)
		return true
	}
	if len(r.unsent) == 0 {
		return false
	}
	n := min(len(r.unsent), maxRecords)
	for _, res := range r.unsent[:n] {
		r.track.add(res.ID, r.known[res.ID], res.rec)
	}
	r.unsent = r.unsent[n:]
	r.send(ipc.RunProgress{Track: r.track.news()})
	return true
}

// next takes what there is to send, if it is time to.
func (r *reporter) next() (p ipc.RunProgress, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !(r.news || r.closed) || len(r.started)+len(r.finished) == 0 {
		return p, false
	}
	n := min(len(r.finished), maxReport)
	p.Started, r.started = r.started, nil
	for _, res := range r.finished[:n] {
		p.Finished = append(p.Finished, res.ActionResult)
		if res.rec != nil {
			r.unsent = append(r.unsent, res)
		}
	}
	r.finished = r.finished[n:]
	r.news = len(r.finished) >= maxReport
	return p, true
}
