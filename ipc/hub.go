package ipc

import (
	"context"
	"sync"

	"github.com/RepliBuild/replibuild/internal/editdistance"
)

// hubQueue is how many events wait for one subscriber. A build of 200 units makes
// some 400.
const hubQueue = 1024

// Hub numbers events and hands them to subscribers. A slow subscriber never delays
// the publisher or another subscriber: it gets a fresh snapshot instead of what did
// not fit its queue.
type Hub struct {
	mu   sync.Mutex
	seq  uint64
	subs map[*subscriber]struct{}
}

// subscriber is one receiver; its fields need the hub's mu.
type subscriber struct {
	kinds map[string]bool // nil = all
	queue []Event
	lost  bool          // something is missing in the queue: a snapshot is due
	wake  chan struct{} // holds a token when there is something to do
}

// NewHub makes a hub without subscribers.
func NewHub() *Hub { return &Hub{subs: make(map[*subscriber]struct{})} }

// Publish gives e the next number and queues it for every subscriber. It never
// blocks.
func (h *Hub) Publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	e.Seq = h.seq
	for s := range h.subs {
		s.offer(e)
	}
}

func (s *subscriber) offer(e Event) {
	switch {
	case s.lost || s.kinds != nil && !s.kinds[e.Name]:
		return
	case len(s.queue) == hubQueue:
		s.queue, s.lost = nil, true
	default:
		s.queue = append(s.queue, e)
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Subscribe calls fn with a snapshot and then with every event of the given kinds (none =
// all), in order, until ctx ends; it returns ctx.Err(). snapshot is called again when
// events were lost. A snapshot carries the number of the last event that it includes for
// sure; it may include later ones too. A nil snapshot means that there is none: then a
// [Notice] tells of a loss.
func (h *Hub) Subscribe(ctx context.Context, snapshot func() Event, kinds []string, fn func(Event)) error {
	s, err := h.join(kinds)
	if err != nil {
		return err
	}
	defer h.leave(s)
	if snapshot == nil {
		h.take(s) // nothing was lost yet
		snapshot = func() Event {
			return NewEvent("", Notice{Level: "warning", Code: "events_lost", Message: "some events were lost"})
		}
	}
	for ctx.Err() == nil {
		events, seq, lost := h.take(s)
		if lost {
			e := snapshot()
			e.Seq = seq
			events = []Event{e}
		}
		for _, e := range events {
			if ctx.Err() != nil {
				break
			}
			fn(e)
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// join adds a subscriber that is due for a snapshot.
func (h *Hub) join(kinds []string) (*subscriber, error) {
	s := &subscriber{lost: true, wake: make(chan struct{}, 1)}
	if len(kinds) > 0 {
		s.kinds = make(map[string]bool, len(kinds))
	}
	for _, k := range kinds {
		if err := checkKind(k); err != nil {
			return nil, err
		}
		s.kinds[k] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs[s] = struct{}{}
	return s, nil
}

func checkKind(kind string) error {
	var names []string
	for _, b := range EventBodies() {
		if b.EventName() == kind {
			return nil
		}
		names = append(names, b.EventName())
	}
	err := Errorf(CodeBadRequest, "subscribe: unknown event %q", kind)
	if near := editdistance.Nearest(kind, names); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	return err
}

func (h *Hub) leave(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, s)
}

// take empties the queue and says whether something was lost before seq.
func (h *Hub) take(s *subscriber) (events []Event, seq uint64, lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events, lost = s.queue, s.lost
	s.queue, s.lost = nil, false
	return events, h.seq, lost
}
