package compilation

import (
	"context"
	"slices"
	"sync"
	"time"
)

// defaultPeak is the memory expected of a unit of which nothing is known.
const defaultPeak = 400 << 20

// recheck is how often the first in line looks whether memory has become free
// although nothing has ended.
const recheck = 100 * time.Millisecond

// slots admits work in the order in which it asks: as many at a time as there are
// slots, and only while the memory that everything running is expected to need
// leaves room for one more. Something always runs, however little memory there is.
type slots struct {
	limit     int
	maxMemory int64               // of everything that runs; 0 = no bound of our own
	available func() int64        // memory that could still be taken; <0 = unknown
	rss       func(pid int) int64 // of a process and its descendants
	mu        sync.Mutex
	waiting   []*slot // first come, first served
	running   map[*slot]bool
	looking   bool // lookAgain will be called
}

// slot is the right to run one process.
type slot struct {
	owner    *slots
	expected int64
	alone    bool // nothing else may run meanwhile
	pid      int
	admitted chan struct{}
}

func newSlots(limit int, maxMemory int64) *slots {
	return &slots{
		limit: limit, maxMemory: maxMemory,
		available: availableMemory, rss: treeRSS,
		running: make(map[*slot]bool),
	}
}

// acquire waits for a slot for something that is expected to take so many bytes at
// its peak (0 = unknown).
func (s *slots) acquire(ctx context.Context, expected int64, alone bool) (*slot, error) {
	want := s.line(expected, alone, false)
	return want, want.wait(ctx)
}

// line takes a place in the line, at its head if it is urgent: a link that others
// wait for goes before units that nobody waits for yet. Either wait or release must
// follow.
func (s *slots) line(expected int64, alone, urgent bool) *slot {
	if expected <= 0 {
		expected = defaultPeak
	}
	want := &slot{owner: s, expected: expected, alone: alone, admitted: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := len(s.waiting)
	if urgent {
		at = 0
	}
	s.waiting = slices.Insert(s.waiting, at, want)
	s.admit()
	return want
}

// wait waits for the slot; an error gives the place up.
func (w *slot) wait(ctx context.Context) error {
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
		w.release()
		return context.Cause(ctx)
	}
}

// runs tells which process uses the slot, so that its memory can be looked at.
func (w *slot) runs(pid int) {
	w.owner.mu.Lock()
	w.pid = pid
	w.owner.mu.Unlock()
}

// release gives the slot, or the place in line, back.
func (w *slot) release() {
	s := w.owner
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, w)
	for i, other := range s.waiting {
		if other == w {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			break
		}
	}
	s.admit()
}

// admit lets in as many from the head of the line as fit. s.mu is held.
func (s *slots) admit() {
	for len(s.waiting) > 0 && s.fits(s.waiting[0]) {
		first := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.running[first] = true
		close(first.admitted)
	}
	if len(s.waiting) > 0 && len(s.running) < s.limit && !s.looking {
		s.looking = true
		time.AfterFunc(recheck, s.lookAgain)
	}
}

// lookAgain admits whom freed memory has made room for.
func (s *slots) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking = false
	s.admit()
}

func (s *slots) fits(w *slot) bool {
	if len(s.running) == 0 {
		return true
	}
	if w.alone || len(s.running) >= s.limit {
		return false
	}
	var current, promised int64
	for r := range s.running {
		if r.alone {
			return false
		}
		rss := int64(0)
		if r.pid > 0 {
			rss = s.rss(r.pid)
		}
		current += rss
		promised += max(rss, r.expected)
	}
	if s.maxMemory > 0 && promised+w.expected > s.maxMemory {
		return false
	}
	// What is available excludes what the running ones have taken already.
	free := s.available()
	return free < 0 || promised+w.expected <= free+current
}

// counts returns how many have a slot and how many wait for one.
func (s *slots) counts() (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running), len(s.waiting)
}
