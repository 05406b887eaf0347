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
		e.Started(id, 1)
		now += slower
		e.Worked(id, slower)
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
	e.Started("a", 1)
	e.Worked("a", 1)
	e.Ended(true)
	if left, known := e.Left(at(50)); !known || left < 100*time.Second {
		t.Errorf("%v %v", left, known)
	}
}
