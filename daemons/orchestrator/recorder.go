package orchestrator

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// recordTimeout bounds one record request. What was compiled is recorded even when
// the build is cancelled, so it does not end with the build's context.
const recordTimeout = 10 * time.Second

// recordEvery is how often a request is made while a build runs. Each has tables of its
// own, of some hundred files for a unit as for a hundred of them.
const recordEvery = 200 * time.Millisecond

// recorder tells discovery what was made, while more is being made: tracks that
// arrive during a request or soon after it go together into the next one.
type recorder struct {
	send func(context.Context, ipc.RecordRequest) (ipc.RecordReply, error)

	mu      sync.Mutex
	reset   bool     // discovery's nodes are not ours: forget them first
	forget  []string // nodes that exist no more
	pending []*stretch
	busy    chan struct{} // closed when the sender is idle; nil if it is
	hurry   chan struct{} // closed when a caller waits for that; nil if none does
	held    bool          // nothing is sent: discovery is being asked
	last    time.Time     // when the last request ended

	recorded map[string][]ipc.Variable // nodes that discovery has taken since the last flush, with what they asked for
	token    string                    // of the last reply, "" if there was none
	err      error                     // the first failure: discovery's state is not known any more
}

// clear makes the next request forget all nodes that discovery has.
func (r *recorder) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reset = true
}

// remove forgets nodes that exist no more.
func (r *recorder) remove(ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget = append(r.forget, ids...)
	r.wake()
}

// add records what the track holds.
func (r *recorder) add(t ipc.Track) { r.addTo(alone(t)) }

// addTo is add for nodes of a stream.
func (r *recorder) addTo(s *stretch) {
	if len(s.Nodes) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, s)
	r.wake()
}

// wake needs mu.
func (r *recorder) wake() {
	if r.busy == nil && r.err == nil && !r.held && (len(r.pending) > 0 || len(r.forget) > 0) {
		r.busy, r.hurry = make(chan struct{}), make(chan struct{})
		go r.sendAll(r.busy, r.hurry)
	}
}

func (r *recorder) sendAll(idle, hurry chan struct{}) {
	defer close(idle)
	for {
		r.rest(hurry)
		req, nodes, more := r.next()
		if !more {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
		reply, err := r.send(ctx, req)
		cancel()
		r.mu.Lock()
		r.last = time.Now()
		if err != nil {
			r.err = err
		} else {
			r.token = reply.Token
			if r.recorded == nil {
				r.recorded = map[string][]ipc.Variable{}
			}
			maps.Copy(r.recorded, nodes)
		}
		r.mu.Unlock()
	}
}

// rest waits until it is time for another request.
func (r *recorder) rest(hurry chan struct{}) {
	r.mu.Lock()
	wait := recordEvery - time.Since(r.last)
	r.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hurry:
	}
}

// next takes as many pending tracks as fit one request.
func (r *recorder) next() (req ipc.RecordRequest, nodes map[string][]ipc.Variable, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || len(r.pending) == 0 && len(r.forget) == 0 {
		r.busy = nil
		return req, nil, false
	}
	merged, n := newTrackMerger(), 0
	for n < len(r.pending) && merged.size < maxTrackSize {
		merged.add(r.pending[n])
		n++
	}
	r.pending = slices.Delete(r.pending, 0, n)
	req = ipc.RecordRequest{Track: merged.track, Forget: r.forget, Reset: r.reset}
	r.forget, r.reset = nil, false
	return req, merged.asked, true
}

// flush waits until discovery has taken all records, and puts them into m. After a failure
// it is not known what discovery has: m has no token then.
func (r *recorder) flush(m *lastBuild) error { return r.flushInto(m, false) }

// flushAndHold is flush, and nothing more is recorded until resume is called. So the answer
// to a question that is asked meanwhile has the token that m has.
func (r *recorder) flushAndHold(m *lastBuild) error { return r.flushInto(m, true) }

func (r *recorder) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
	r.wake()
}

func (r *recorder) flushInto(m *lastBuild, hold bool) error {
	r.mu.Lock()
	for r.busy != nil {
		idle := r.busy
		if r.hurry != nil {
			close(r.hurry)
			r.hurry = nil
		}
		r.mu.Unlock()
		<-idle
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	r.held = hold
	for id, v := range r.recorded {
		m.recorded[id] = true
		m.asked.Put(id, v)
	}
	r.recorded = nil
	if r.token != "" {
		m.token = r.token
	}
	err := r.err
	if err != nil {
		m.token, r.token, r.err = "", "", nil
	}
	return err
}
