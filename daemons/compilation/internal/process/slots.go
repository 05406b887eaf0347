package process

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
	// lessons is how many peaks are kept, those of the last processes.
	lessons = 31
)

// ErrGiveWay is the cause of a context that ended because memory became short.
var ErrGiveWay = errors.New("gave way to others for want of memory")

// Slots admits work in the order in which it asks: as many at a time as there are
// slots, and only while the memory that everything running is expected to need
// leaves room for one more. Something always runs, however little memory there is.
// Where expectations were too low, the youngest give way: their contexts end.
type Slots struct {
	limit     int
	maxMemory int64               // of everything that runs; 0 = no bound of our own
	available func() int64        // memory that could still be taken; <0 = unknown
	rss       func(pid int) int64 // of a process and its descendants
	mu        sync.Mutex
	waiting   []*Slot // the highest rank first, of one rank in the order of their coming
	running   map[*Slot]bool
	admitted  int     // since the start
	peaks     []int64 // of the last that ended
	looking   bool    // lookAgain will be called
	tight     bool    // little memory was left at the last look
}

// Slot is the right to run one process.
type Slot struct {
	owner    *Slots
	expected int64   // 0 = unknown
	rank     float64 // the highest is admitted first
	alone    bool    // nothing else may run meanwhile
	beside   bool    // another program limits how many of its kind run
	pid      int
	number   int // of its admission
	giveWay  context.CancelCauseFunc
	admitted chan struct{}
}

// NewSlots makes that many slots; maxMemory bounds what everything that runs takes, 0 = no
// bound but what is available.
func NewSlots(limit int, maxMemory int64) *Slots {
	return &Slots{
		limit: limit, maxMemory: maxMemory,
		available: availableMemory, rss: treeRSS,
		running: make(map[*Slot]bool),
	}
}

// NewGate makes slots of a request's own, without regard to memory.
func NewGate(limit int) *Slots {
	s := NewSlots(limit, 0)
	s.available = func() int64 { return -1 }
	s.rss = func(int) int64 { return 0 }
	return s
}

// Places is how many slots there are.
func (s *Slots) Places() int { return s.limit }

// Memory is what processes could still take, in bytes; below 0 = unknown.
func (s *Slots) Memory() int64 { return s.available() }

// SetMaxMemory changes the bound of everything that runs; 0 = none.
func (s *Slots) SetMaxMemory(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxMemory = bytes
}

// Pids are the IDs of the processes that use a slot.
func (s *Slots) Pids() (pids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.running {
		if r.pid != 0 {
			pids = append(pids, r.pid)
		}
	}
	return pids
}

// Acquire waits for a slot for something that is expected to take so many bytes at
// its peak (0 = unknown).
func (s *Slots) Acquire(ctx context.Context, expected int64, alone bool) (*Slot, error) {
	want := s.Line(expected, alone, 0)
	return want, want.Wait(ctx)
}

// Line takes a place in the line: behind all whose rank is as high or higher. Either Wait
// or Release must follow.
func (s *Slots) Line(expected int64, alone bool, rank float64) *Slot {
	want := &Slot{owner: s, expected: expected, alone: alone, rank: rank, admitted: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.waiting, func(other *Slot) bool { return other.rank < rank })
	if at < 0 {
		at = len(s.waiting)
	}
	s.waiting = slices.Insert(s.waiting, at, want)
	s.admit()
	return want
}

// Beside takes a place for a command whose number another program limits, as ninja does by -j
// and by pools. It takes none of the slots and waits for none: only what runs alone is waited
// for. What it takes counts as taken; nothing is expected of it until it is known.
func (s *Slots) Beside(expected int64) *Slot {
	want := &Slot{owner: s, expected: expected, beside: true, admitted: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.Insert(s.waiting, 0, want)
	s.admit()
	return want
}

// Wait waits for the slot; an error gives the place up.
func (w *Slot) Wait(ctx context.Context) error {
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
		w.Release()
		return context.Cause(ctx)
	}
}

// Admitted reports whether the slot is there.
func (w *Slot) Admitted() bool {
	select {
	case <-w.admitted:
		return true
	default:
		return false
	}
}

// Turn is closed when the slot is there.
func (w *Slot) Turn() <-chan struct{} { return w.admitted }

// Runs tells which process uses the slot, so that its memory can be looked at.
func (w *Slot) Runs(pid int) {
	w.owner.mu.Lock()
	w.pid = pid
	w.owner.mu.Unlock()
}

// Within is the context of what can be ended and run again in the slot: it ends with
// [ErrGiveWay] when that is needed.
func (w *Slot) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.owner.mu.Lock()
	w.giveWay = cancel
	w.owner.mu.Unlock()
	return ctx, func() { cancel(nil) }
}

// Took notes what the process took at its peak. The median of these peaks is expected of
// processes about which nothing is known.
func (w *Slot) Took(peak int64) {
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

// Need is the memory that is expected to be taken in the slot.
func (w *Slot) Need() int64 {
	w.owner.mu.Lock()
	defer w.owner.mu.Unlock()
	return w.owner.need(w)
}

// Release gives the slot, or the place in line, back.
func (w *Slot) Release() {
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
func (s *Slots) admit() {
	for len(s.waiting) > 0 && s.fits(s.waiting[0]) {
		first := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.running[first] = true
		s.admitted++
		first.number = s.admitted
		close(first.admitted)
	}
	mayFit := len(s.waiting) > 0 && s.taken() < s.limit
	if (mayFit || len(s.running) > 1) && !s.looking {
		s.looking = true
		pace := recheck
		if s.tight {
			pace = tightRecheck
		}
		time.AfterFunc(pace, s.lookAgain)
	}
}

// lookAgain ends processes that there is no memory for, and admits those that freed
// memory has made room for.
func (s *Slots) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking = false
	s.makeRoom()
	s.admit()
}

// makeRoom ends the youngest processes, which lose the least, until the others take no
// more than they may. One stays. s.mu is held.
func (s *Slots) makeRoom() {
	short := int64(0) // of what others on the machine need
	if free := s.available(); free >= 0 {
		short = scarce - free
	}
	if s.maxMemory <= 0 && short <= 0 {
		return
	}
	youngest := make([]*Slot, 0, len(s.running))
	taken := make(map[*Slot]int64, len(s.running))
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
	slices.SortFunc(youngest, func(a, b *Slot) int { return cmp.Compare(b.number, a.number) })
	for _, r := range youngest[:max(0, len(youngest)-1)] {
		if over <= 0 {
			return
		}
		if r.giveWay != nil && taken[r] > 0 {
			r.giveWay(ErrGiveWay) // the second time it does nothing: it is ending
			over -= taken[r]
		}
	}
}

// takenBy is the memory that a slot's process takes now.
func (s *Slots) takenBy(r *Slot) int64 {
	if r.pid == 0 {
		return 0
	}
	return s.rss(r.pid)
}

// need is the memory that a slot is expected to take: what is known of it, or else the
// median of those before.
func (s *Slots) need(w *Slot) int64 {
	switch {
	case w.expected > 0 || w.beside:
		return w.expected
	case len(s.peaks) > 0:
		return slices.Sorted(slices.Values(s.peaks))[len(s.peaks)/2]
	}
	return defaultPeak
}

// taken is how many slots are in use. s.mu is held.
func (s *Slots) taken() (n int) {
	for r := range s.running {
		if !r.beside {
			n++
		}
	}
	return n
}

func (s *Slots) fits(w *Slot) bool {
	if len(s.running) == 0 {
		return true
	}
	if w.alone || !w.beside && s.taken() >= s.limit {
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
	if w.beside {
		return true
	}
	promised += s.need(w)
	if s.maxMemory > 0 && promised > s.maxMemory {
		return false
	}
	// What is available excludes what the running ones have taken already.
	free := s.available()
	return free < 0 || promised <= free+current
}

// Counts returns how many have a slot and how many wait for one.
func (s *Slots) Counts() (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running), len(s.waiting)
}
