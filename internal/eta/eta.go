// Package eta says how long a build that runs will still take.
//
// A build begins with what history expects of it. What has finished since tells how fast
// the machine is today, compared with history, and which units the cache delivered
// instead; the estimate follows. The dashboard and the command line use the same one.
package eta

import "time"

// Estimate is the estimate of one build. The zero value is that of a build that has not
// said yet what there is to do.
type Estimate struct {
	began    time.Time
	expected float64            // seconds of everything, by history; 0 = unknown
	units    int                // that may have to be compiled
	ended    int                // of those, however they ended
	spared   int                // of those, units that were not compiled
	running  map[string]float64 // expected seconds, by ID
	usual    float64            // seconds that history expected of what has finished
	took     float64            // seconds that it took
}

// Planned notes what there is to do at a time: so many units, and the seconds that history
// expects of everything, 0 if it knows nothing. It replaces what was noted before.
func (e *Estimate) Planned(at time.Time, units int, expected float64) {
	*e = Estimate{began: at, expected: expected, units: units}
}

// Started notes that a unit, link or step began; expected is what history says of it, 0
// for nothing.
func (e *Estimate) Started(id string, expected float64) {
	if e.running == nil {
		e.running = map[string]float64{}
	}
	e.running[id] = expected
}

// Worked notes that something that was started has run for so many seconds.
func (e *Estimate) Worked(id string, seconds float64) {
	if usual := e.running[id]; usual > 0 && seconds > 0 {
		e.usual += usual
		e.took += seconds
	}
	delete(e.running, id)
}

// Ended notes that a unit is done. compiled is whether a compiler ran for it.
func (e *Estimate) Ended(compiled bool) {
	e.ended++
	if !compiled {
		e.spared++
	}
}

// steady is the share of the expected time that has to pass before what has finished says
// as much of the pace as history does: one unit says little.
const steady = 0.05

// pace is how much longer than history expects everything takes.
func (e *Estimate) pace() float64 {
	history := steady * e.expected
	if e.usual+history <= 0 {
		return 1
	}
	return (e.took + history) / (e.usual + history)
}

// Left is the expected time from now to the end. known is false if nothing can be said,
// and once all units are done: what is linked then takes no time worth telling.
func (e *Estimate) Left(now time.Time) (left time.Duration, known bool) {
	if e.ended >= e.units {
		return 0, false
	}
	elapsed := now.Sub(e.began).Seconds()
	share := float64(e.units-e.spared) / float64(e.units)
	if rest := e.expected*e.pace()*share - elapsed; rest > 0 {
		return seconds(rest), true
	}
	if e.ended == 0 {
		return 0, false
	}
	return seconds(elapsed / float64(e.ended) * float64(e.units-e.ended)), true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
