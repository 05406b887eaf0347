package orchestrator

import (
	"context"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// eventLog keeps the events of one build for all of its callers. Each reads at its
// own pace from the first event on, so a slow one delays no other, and one that
// joins late misses nothing.
type eventLog struct {
	publish func(ipc.Event) // gets every event too, in order; must not block

	mu       sync.Mutex
	events   []ipc.Event
	position int           // last place in the queue that was told, 0 = none
	started  bool          // BuildStarted is in: no place in the queue any more
	closed   bool          // BuildFinished is in: nothing may follow
	grown    chan struct{} // closed and replaced whenever something was added
}

func newEventLog(publish func(ipc.Event)) *eventLog {
	return &eventLog{publish: publish, grown: make(chan struct{})}
}

// add appends an event. BuildFinished closes the log. Later events, from a service that
// was given up, are dropped.
func (l *eventLog) add(build string, body ipc.EventBody) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.inOrder(body) {
		return
	}
	e := ipc.NewEvent(build, body)
	e.Number = len(l.events) + 1
	e.Seq = uint64(e.Number)
	l.events = append(l.events, e)
	l.publish(e)
	close(l.grown)
	l.grown = make(chan struct{})
}

// hasStarted reports whether BuildStarted is in.
func (l *eventLog) hasStarted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started
}

// inOrder notes what body says of the build's life. Places in the queue are told from
// several goroutines; one that is out of date is dropped.
func (l *eventLog) inOrder(body ipc.EventBody) bool {
	switch e := body.(type) {
	case ipc.BuildQueued:
		if l.started || l.position != 0 && e.Position >= l.position {
			return false
		}
		l.position = e.Position
	case ipc.BuildStarted:
		l.started = true
	case ipc.BuildFinished:
		l.closed = true
	}
	return true
}

// condensed returns the events that describe the state of the build: without those that a
// later one replaces, and without those that only a trace shows.
func (l *eventLog) condensed() []ipc.Event {
	l.mu.Lock()
	events := l.events
	l.mu.Unlock()
	ended := map[string]bool{}
	for _, e := range events {
		if id, ends := endOf(e.Body); ends {
			ended[id] = true
		}
	}
	kept := make([]ipc.Event, 0, len(events))
	for _, e := range events {
		if id, starts := startOf(e.Body); starts && ended[id] {
			continue
		}
		switch b := e.Body.(type) {
		case ipc.BuildQueued, ipc.BuildPhase, ipc.Notice:
			continue
		case ipc.UnitFinished:
			b.Spans = nil
			e.Body = b
		case ipc.LinkFinished:
			b.Spans = nil
			e.Body = b
		}
		kept = append(kept, e)
	}
	return kept
}

// startOf is the ID of the node that an event says has started.
func startOf(body ipc.EventBody) (id string, starts bool) {
	switch b := body.(type) {
	case ipc.UnitStarted:
		return b.Target + ":" + b.File, true
	case ipc.LinkStarted:
		return ipc.LinkID(b.Target), true
	case ipc.StepStarted:
		return b.Step, true
	}
	return "", false
}

// endOf is the ID of the node that an event says has ended.
func endOf(body ipc.EventBody) (id string, ends bool) {
	switch b := body.(type) {
	case ipc.UnitFinished:
		return b.Target + ":" + b.File, true
	case ipc.LinkFinished:
		return ipc.LinkID(b.Target), true
	case ipc.StepFinished:
		return b.Step, true
	}
	return "", false
}

func (l *eventLog) reader() *logReader { return &logReader{log: l} }

// logReader is one caller's place in the log.
type logReader struct {
	log  *eventLog
	next int
}

// follow hands over events until the log is closed (true) or ctx ends (false).
func (r *logReader) follow(ctx context.Context, fn func(ipc.Event)) bool {
	for {
		events, closed, grown := r.rest()
		for _, e := range events {
			fn(e)
		}
		r.next += len(events)
		if closed {
			return true
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return false
		}
	}
}

// followFor follows without a context, but not for longer than d.
func (r *logReader) followFor(d time.Duration, fn func(ipc.Event)) bool {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return r.follow(ctx, fn)
}

func (r *logReader) rest() (events []ipc.Event, closed bool, grown <-chan struct{}) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.log.events[r.next:], r.log.closed, r.log.grown
}
