package process

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const mb = 1 << 20

// admitted reports who of the line has been let in, once all have settled.
func admitted(slots ...chan *Slot) (in []bool) {
	synctest.Wait()
	for _, c := range slots {
		in = append(in, len(c) == 1)
	}
	return in
}

func ask(s *Slots, ctx context.Context, expected int64, alone bool) chan *Slot {
	c := make(chan *Slot, 1)
	go func() {
		if got, err := s.Acquire(ctx, expected, alone); err == nil {
			c <- got
		}
	}()
	synctest.Wait()
	return c
}

func TestSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var free atomic.Int64
		free.Store(1000 * mb)
		rss := map[int]int64{1: 300 * mb}
		s := &Slots{limit: 2, available: func() int64 { return free.Load() }, rss: func(pid int) int64 { return rss[pid] }, running: map[*Slot]bool{}}

		huge := ask(s, ctx, 5000*mb, false)
		next := ask(s, ctx, 100*mb, false)
		if in := admitted(huge, next); !in[0] || in[1] {
			t.Fatalf("alone, something too large runs, and nothing beside it: %v", in)
		}
		(<-huge).Release()
		second := ask(s, ctx, 0, false)
		third := ask(s, ctx, 1, false)
		if in := admitted(next, second, third); !in[0] || !in[1] || in[2] {
			t.Fatalf("two slots: %v", in)
		}
		first := <-next
		first.Runs(1) // 300 MB instead of the 100 expected
		(<-second).Release()
		if in := admitted(third); !in[0] {
			t.Fatal("the third was not let in")
		}
		(<-third).Release()
		free.Store(300 * mb) // + 300 taken already - 300 promised
		fits := ask(s, ctx, 301*mb, false)
		if in := admitted(fits); in[0] {
			t.Fatal("301 MB let in where 300 are free")
		}
		free.Store(400 * mb)
		time.Sleep(recheck)
		if in := admitted(fits); !in[0] {
			t.Fatal("freed memory was not noticed")
		}
		(<-fits).Release()
		s.mu.Lock()
		s.maxMemory = 350 * mb
		s.mu.Unlock()
		over := ask(s, ctx, 51*mb, false)
		if in := admitted(over); in[0] {
			t.Fatal("MaxMemory exceeded")
		}
		first.Release()
		alone := ask(s, ctx, 1, true)
		behind := ask(s, ctx, 1, false)
		if in := admitted(over, alone, behind); !in[0] || in[1] || in[2] {
			t.Fatalf("alone waits for all others, and those behind it wait too: %v", in)
		}
		(<-over).Release()
		if in := admitted(alone, behind); !in[0] || in[1] {
			t.Fatalf("alone: %v", in)
		}
		cancel()
		synctest.Wait()
		(<-alone).Release()
		if len(s.waiting) != 0 || len(s.running) != 0 {
			t.Fatalf("left: %d waiting, %d running", len(s.waiting), len(s.running))
		}
	})
}

// Those who give way are the youngest, as many as it takes, and never all.
func TestSlotsGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(1 << 40)
		var each atomic.Int64
		s := &Slots{limit: 9, maxMemory: 1000 * mb, available: func() int64 { return free.Load() }, running: map[*Slot]bool{}}
		s.rss = func(int) int64 { return each.Load() }
		var gone [4]context.Context
		var all [4]*Slot
		for i := range all {
			all[i], _ = s.Acquire(t.Context(), 1*mb, false)
			all[i].Runs(i + 1)
			if i != 2 { // cannot be run again
				ctx, done := all[i].Within(t.Context())
				defer done()
				gone[i] = ctx
			}
		}
		check := func(what string, want ...int) {
			t.Helper()
			time.Sleep(recheck + 1)
			synctest.Wait()
			for i, ctx := range gone {
				if ctx != nil && (ctx.Err() != nil) != slices.Contains(want, i) {
					t.Fatalf("%s: of %d: %v", what, i, context.Cause(ctx))
				}
			}
		}
		each.Store(250 * mb)
		check("as much as may be taken")
		each.Store(260 * mb)
		check("a little more", 3)
		if err := context.Cause(gone[3]); !errors.Is(err, ErrGiveWay) {
			t.Fatal(err)
		}
		all[3].Release()
		check("now it fits", 3)
		each.Store(400 * mb)
		check("much more", 1, 3)
		all[1].Release()
		each.Store(5000 * mb)
		check("what cannot be run again stays, and so does the oldest", 1, 3)
		all[2].Release()
		check("one may take what it likes", 1, 3)

		// Without a bound of our own, what is available is the bound.
		s.mu.Lock()
		s.maxMemory = 0
		s.mu.Unlock()
		each.Store(100 * mb)
		last, _ := s.Acquire(t.Context(), 1*mb, false)
		last.Runs(9)
		ctx, done := last.Within(t.Context())
		defer done()
		gone[1] = ctx
		check("enough", 3)
		free.Store(scarce - 1)
		check("memory is scarce", 1, 3)
		last.Release()
		all[0].Release()
	})
}

// What is expected of the unknown is what others took.
func TestSlotsLearn(t *testing.T) {
	t.Parallel()
	s := NewSlots(9, 0)
	w, err := s.Acquire(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Release()
	if n := w.Need(); n != defaultPeak {
		t.Errorf("at first %d", n)
	}
	for _, peak := range []int64{0, 70, 900, 60, 50} { // 0: unknown
		w.Took(peak * mb)
	}
	if n := w.Need(); n != 70*mb {
		t.Errorf("expected %d MB, not the median", n/mb)
	}
	for range lessons {
		w.Took(1200 * mb)
	}
	if n := w.Need(); n != 1200*mb || len(s.peaks) != lessons {
		t.Errorf("expected %d MB of %d", n/mb, len(s.peaks))
	}
}

func TestSlotsCancelled(t *testing.T) {
	t.Parallel()
	s := NewSlots(1, 0)
	held, err := s.Acquire(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := s.Acquire(ctx, 0, false); err != why {
		t.Errorf("got %v", err)
	}
}

func TestAvailableMemory(t *testing.T) {
	t.Parallel()
	if n := availableMemory(); n < -1 || n > 1<<50 {
		t.Errorf("%d bytes available", n)
	}
}

// Commands of another build system take no slot and wait for none, but for what runs alone.
func TestSlotsBeside(t *testing.T) {
	t.Parallel()
	s := &Slots{limit: 1, available: func() int64 { return 10 * mb }, rss: func(int) int64 { return 0 }, running: map[*Slot]bool{}}
	first, second := s.Beside(0), s.Beside(20*mb)
	if in := []bool{first.Admitted(), second.Admitted()}; !in[0] || !in[1] {
		t.Fatalf("two beside one slot: %v", in)
	}
	second.Release()
	compile, waits := s.Line(5*mb, false, 0), s.Line(1*mb, false, 0)
	if !compile.Admitted() || waits.Admitted() {
		t.Fatal("a command beside takes none of the slots")
	}
	third := s.Beside(0)
	if !third.Admitted() {
		t.Fatal("a command beside waits for no slot")
	}
	waits.Release()
	alone := s.Line(1*mb, true, 0)
	compile.Release()
	first.Release()
	if alone.Admitted() {
		t.Fatal("what runs alone waits for commands beside")
	}
	third.Release()
	fourth := s.Beside(0)
	if !alone.Admitted() || fourth.Admitted() {
		t.Fatal("a command beside waits for what runs alone")
	}
	alone.Release()
	if !fourth.Admitted() {
		t.Fatal("the command was not let in")
	}
}

// The highest rank is admitted first, of one rank the first that came.
func TestSlotsByRank(t *testing.T) {
	t.Parallel()
	s := &Slots{limit: 1, available: func() int64 { return -1 }, rss: func(int) int64 { return 0 }, running: map[*Slot]bool{}}
	running := s.Line(1, false, 0)
	names := map[*Slot]string{}
	for _, w := range []struct {
		name string
		rank float64
	}{{"short", 1}, {"link", 1e9}, {"long", 7}, {"long too", 7}, {"unknown", 0}} {
		names[s.Line(1, false, w.rank)] = w.name
	}
	var order []string
	for range len(names) {
		running.Release()
		for slot := range s.running {
			running = slot
		}
		order = append(order, names[running])
	}
	if want := []string{"link", "long", "long too", "short", "unknown"}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
}
