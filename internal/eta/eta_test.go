package eta_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/eta"
)

var t0 = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// build runs units of a second each, one after the other, so many times slower than
// history expects, and gives out the estimate of the whole after each.
func build(units int, slower float64) (whole []float64) {
	var e eta.Estimate
	e.Planned(at(0), units, float64(units))
	now := 0.0
	for i := range units - 1 {
		id := fmt.Sprint(i)
		e.Started(at(now), id, 1)
		now += slower
		e.Worked(id)
		e.Ended(true)
		left, _ := e.Left(at(now))
		whole = append(whole, now+left.Seconds())
	}
	return whole
}

// On a machine that is slower or faster than it was the estimate is within a factor of
// two of the truth after a tenth of the units, and nears it.
func TestFollowsThePace(t *testing.T) {
	t.Parallel()
	for _, slower := range []float64{0.25, 0.5, 1, 2, 5, 20} {
		truth := 40 * slower
		for i, whole := range build(40, slower) {
			if i < 4 {
				continue
			}
			if f := whole / truth; f < 0.5 || f > 2 {
				t.Errorf("%g times slower, after %d units: %.1f s, in truth %.1f s", slower, i+1, whole, truth)
			}
			if f := whole / truth; i > 20 && math.Abs(f-1) > 0.35 {
				t.Errorf("%g times slower, after %d units: %.1f s, in truth %.1f s", slower, i+1, whole, truth)
			}
		}
	}
}

// What the cache delivers takes its share of the expected time along.
func TestHitsTakeNoTime(t *testing.T) {
	t.Parallel()
	var e eta.Estimate
	e.Planned(at(0), 40, 40)
	for range 39 {
		e.Ended(false)
	}
	if left, known := e.Left(at(0.2)); !known || left > time.Second {
		t.Errorf("%v left of one unit (%v)", left, known)
	}
}

func TestNothingToSay(t *testing.T) {
	t.Parallel()
	var e eta.Estimate
	if left, known := e.Left(at(9)); known {
		t.Errorf("before the plan: %v", left)
	}
	e.Planned(at(0), 2, 0)
	if left, known := e.Left(at(9)); known {
		t.Errorf("without history: %v", left)
	}
	e.Ended(true)
	if left, known := e.Left(at(3)); !known || left != 3*time.Second {
		t.Errorf("by the pace alone: %v %v", left, known)
	}
	e.Ended(true)
	if left, known := e.Left(at(4)); known {
		t.Errorf("at 100 %%: %v", left)
	}
}

// A unit that hangs longer than everything was expected to take leaves an estimate by
// what is done.
func TestLongerThanExpected(t *testing.T) {
	t.Parallel()
	var e eta.Estimate
	e.Planned(at(0), 10, 5)
	e.Started(at(0), "a", 1)
	e.Worked("a")
	e.Ended(true)
	if left, known := e.Left(at(50)); !known || left < 100*time.Second {
		t.Errorf("%v %v", left, known)
	}
}

// On a busy machine the first units tell before they are done.
func TestWhatRunsTooLongTells(t *testing.T) {
	t.Parallel()
	var e eta.Estimate
	e.Planned(at(0), 40, 12)
	e.Started(at(0), "a", 2)
	e.Started(at(0), "b", 2)
	before, _ := e.Left(at(2))
	if before != 10*time.Second {
		t.Errorf("while they take as long as expected: %v", before)
	}
	if left, _ := e.Left(at(10)); left < 30*time.Second || left > 60*time.Second {
		t.Errorf("after five times as long: %v", left)
	}
}

// Two units at a time on a machine that is eight times slower, the longest first: what has
// passed counts, also the time in which nothing ran.
func TestSeveralAtATime(t *testing.T) {
	t.Parallel()
	var e eta.Estimate
	const units, slower, pause = 40, 8.0, 1.0
	usual := func(i int) float64 { return float64(units-i) / 20 } // 2 s to 50 ms, 41 s together
	e.Planned(at(0), units, 20.5)
	now := 0.0
	truth := 20.5*slower + units/2*pause
	for i := 0; i < units; i += 2 {
		e.Started(at(now), "a", usual(i))
		e.Started(at(now), "b", usual(i+1))
		now += usual(i)*slower + pause
		for _, id := range []string{"a", "b"} {
			e.Worked(id)
			e.Ended(true)
		}
		left, known := e.Left(at(now))
		if whole := (now + left.Seconds()) / truth; known && (whole < 0.5 || whole > 2) {
			t.Errorf("after %d units: %.1f s, in truth %.1f s", i+2, now+left.Seconds(), truth)
		}
	}
}
