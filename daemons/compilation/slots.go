package compilation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// defaultPeak is the memory expected of a unit while nothing is known of any.
	defaultPeak = 400 << 20
	// scarce is how little available memory ends a process of ours before the kernel
	// ends one of its choice.
	scarce = 128 << 20
	// recheck is how often memory is looked at although nothing has begun or ended, and
	// tightRecheck how often while less than a quarter is left: a compiler takes some
	// 300 MB more a second.
	recheck      = 100 * time.Millisecond
	tightRecheck = 20 * time.Millisecond
	// lessons is of how many of the last processes the peaks are kept.
	lessons = 31
)

// errGiveWay is the cause of a context that ended because memory became short.
var errGiveWay = errors.New("gave way to others for want of memory")

// slots admits work in the order in which it asks: as many at a time as there are
// slots, and only while the memory that everything running is expected to need
// leaves room for one more. Something always runs, however little memory there is.
// Where expectations were too low, the youngest give way: their contexts end.
type slots struct {
	limit     int
	maxMemory int64               // of everything that runs; 0 = no bound of our own
	available func() int64        // memory that could still be taken; <0 = unknown
	rss       func(pid int) int64 // of a process and its descendants
	mu        sync.Mutex
	waiting   []*slot // first come, first served
	running   map[*slot]bool
	admitted  int     // since the start
	peaks     []int64 // of the last that ended
	looking   bool    // lookAgain will be called
	tight     bool    // little memory was left at the last look
}

// slot is the right to run one process.
type slot struct {
	owner    *slots
	expected int64 // 0 = unknown
	alone    bool  // nothing else may run meanwhile
	pid      int
	number   int // of its admission
	giveWay  context.CancelCauseFunc
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

// within is the context of what can be ended and run again in the slot: it ends with
// [errGiveWay] when that is needed.
func (w *slot) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.owner.mu.Lock()
	w.giveWay = cancel
	w.owner.mu.Unlock()
	return ctx, func() { cancel(nil) }
}

// took tells what the process took at its peak, which is what others of which nothing
// is known are expected to take.
func (w *slot) took(peak int64) {
	s := w.owner
	s.mu.Lock()
	defer s.mu.Unlock()
	if peak <= 0 {
		return
	}
	if len(s.peaks) == lessons {
		s.peaks = s.peaks[1:]
	}
	s.peaks = append(s.peaks, peak)
}

// need is the memory that is expected to be taken in the slot.
func (w *slot) need() int64 {
	w.owner.mu.Lock()
	defer w.owner.mu.Unlock()
	return w.owner.need(w)
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
		s.admitted++
		first.number = s.admitted
		close(first.admitted)
	}
	mayFit := len(s.waiting) > 0 && len(s.running) < s.limit
	if (mayFit || len(s.running) > 1) && !s.looking {
		s.looking = true
		pace := recheck
		if s.tight {
			pace = tightRecheck
		}
		time.AfterFunc(pace, s.lookAgain)
	}
}

// lookAgain ends whom there is no memory for, and admits whom freed memory has made
// room for.
func (s *slots) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking = false
	s.makeRoom()
	s.admit()
}

// makeRoom has the youngest give way, who have the least to lose, until the others take
// no more than they may. One stays. s.mu is held.
func (s *slots) makeRoom() {
	short := int64(0) // of what others on the machine need
	if free := s.available(); free >= 0 {
		short = scarce - free
	}
	if s.maxMemory <= 0 && short <= 0 {
		return
	}
	youngest := make([]*slot, 0, len(s.running))
	taken := make(map[*slot]int64, len(s.running))
	total := int64(0)
	for r := range s.running {
		youngest = append(youngest, r)
		taken[r] = s.takenBy(r)
		total += taken[r]
	}
	over := short
	if s.maxMemory > 0 {
		over = max(over, total-s.maxMemory)
		s.tight = total > s.maxMemory/4*3
	}
	slices.SortFunc(youngest, func(a, b *slot) int { return cmp.Compare(b.number, a.number) })
	for _, r := range youngest[:max(0, len(youngest)-1)] {
		if over <= 0 {
			return
		}
		if r.giveWay != nil && taken[r] > 0 {
			r.giveWay(errGiveWay) // the second time it does nothing: it is ending
			over -= taken[r]
		}
	}
}

// takenBy is the memory that a slot's process takes now.
func (s *slots) takenBy(r *slot) int64 {
	if r.pid == 0 {
		return 0
	}
	return s.rss(r.pid)
}

// need is the memory that a slot is expected to take: what is known of it, or else the
// median of those before.
func (s *slots) need(w *slot) int64 {
	switch {
	case w.expected > 0:
		return w.expected
	case len(s.peaks) > 0:
		return slices.Sorted(slices.Values(s.peaks))[len(s.peaks)/2]
	}
	return defaultPeak
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
		rss := s.takenBy(r)
		current += rss
		promised += max(rss, s.need(r))
	}
	promised += s.need(w)
	if s.maxMemory > 0 && promised > s.maxMemory {
		return false
	}
	// What is available excludes what the running ones have taken already.
	free := s.available()
	return free < 0 || promised <= free+current
}

// counts returns how many have a slot and how many wait for one.
func (s *slots) counts() (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running), len(s.waiting)
}
