package compilation

import (
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// maxReport is how many units one report finishes: with 2,000 inputs and misses
	// each as indices some 5 MB, far below what a line on the wire may have.
	maxReport = 500
	// gather is how long units in place are kept back, so that thousands of them
	// become a few reports.
	gather = 20 * time.Millisecond
)

// reporter sends the progress of a batch: what is news at once, units in place in
// bulk. The sender may be slow; what happens meanwhile goes together.
type reporter struct {
	track *trackBuilder
	known map[string]string // what discovery knows the inputs of units by
	send  func(ipc.BatchProgress)

	mu       sync.Mutex
	started  []string
	finished []result
	counts   ipc.Counts
	news     bool // something that somebody waits to see
	closed   bool
	wake     chan struct{}
	done     chan struct{}
}

func newReporter(v *view, units []ipc.BatchUnit, send func(ipc.BatchProgress)) *reporter {
	r := &reporter{
		track: newTrackBuilder(v), known: make(map[string]string), send: send,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	for _, u := range units {
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
		for {
			p, more := r.next()
			if !more {
				break
			}
			r.send(p)
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

// next takes what there is to send, if it is time to.
func (r *reporter) next() (p ipc.BatchProgress, ok bool) {
	r.mu.Lock()
	if !(r.news || r.closed) || len(r.started)+len(r.finished) == 0 {
		r.mu.Unlock()
		return p, false
	}
	n := min(len(r.finished), maxReport)
	batch := r.finished[:n:n]
	p.Started, r.started = r.started, nil
	r.finished = r.finished[n:]
	r.news = len(r.finished) >= maxReport
	r.mu.Unlock()
	for _, res := range batch {
		p.Finished = append(p.Finished, res.UnitResult)
		r.track.add(res.ID, r.known[res.ID], res.rec)
	}
	p.Track = r.track.news()
	return p, true
}
