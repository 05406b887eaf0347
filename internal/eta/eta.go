// Package eta says how long a build that runs will still take.
//
// A build begins with what history expects of it. How long that part took which is done
// tells how fast the machine is today, busy or not, compared with history; what the cache
// delivered takes no time. The estimate follows. The dashboard and the command line use
// the same one.
package eta

import "time"

// Estimate is the estimate of one build. The zero value is that of a build that has not
// said yet what there is to do.
type Estimate struct {
	began    time.Time
	expected float64        // seconds of everything, by history; 0 = unknown
	units    int            // that may have to be compiled
	ended    int            // of those, however they ended
	spared   int            // of those, units that were not compiled
	running  map[string]job // by ID
	width    int            // how many ran at a time, at most
	done     float64        // seconds that history expected of what has finished
}

// job is something that runs.
type job struct {
	since    time.Time
	expected float64 // seconds, 0 = unknown
}

// Planned notes what there is to do at a time: so many units, and the seconds that history
// expects of everything, 0 if it knows nothing. It replaces what was noted before.
func (e *Estimate) Planned(at time.Time, units int, expected float64) {
	*e = Estimate{began: at, expected: expected, units: units, width: 1}
}

// Started notes that a unit, link or step began; expected is how many seconds history says
// that it takes, 0 for nothing.
func (e *Estimate) Started(at time.Time, id string, expected float64) {
	if e.running == nil {
		e.running = map[string]job{}
	}
	e.running[id] = job{at, expected}
	e.width = max(e.width, len(e.running))
}

// Worked notes that something that was started does not run any more.
func (e *Estimate) Worked(id string) {
	if j, ran := e.running[id]; ran {
		e.done += e.usual(j)
		delete(e.running, id)
	}
}

// Ended notes that a unit is done. compiled is whether a compiler ran for it.
func (e *Estimate) Ended(compiled bool) {
	e.ended++
	if !compiled {
		e.spared++
	}
}

// usual is how many seconds a job usually takes, the average where that is not known.
func (e *Estimate) usual(j job) float64 {
	if j.expected > 0 || e.units == 0 {
		return j.expected
	}
	return e.expected * float64(e.width) / float64(e.units)
}

// steady is the share of the expected time that has to pass before the part that is done
// says as much of the pace as history does: one unit says little.
const steady = 0.05

// pace is how much longer than history expects everything takes: the time that has passed
// in proportion to what usually is done within it. What runs longer than usual adds to
// the first only.
func (e *Estimate) pace(now time.Time) float64 {
	done := e.done
	for _, j := range e.running {
		done += min(now.Sub(j.since).Seconds(), e.usual(j))
	}
	history := steady * e.expected
	return (now.Sub(e.began).Seconds() + history) / (done/float64(e.width) + history)
}

// Left is the expected time from now to the end. known is false if nothing can be said,
// and once all units are done: what is linked then takes no time worth telling.
func (e *Estimate) Left(now time.Time) (left time.Duration, known bool) {
	if e.ended >= e.units {
		return 0, false
	}
	elapsed := now.Sub(e.began).Seconds()
	share := float64(e.units-e.spared) / float64(e.units)
	if e.expected > 0 {
		if rest := e.expected*e.pace(now)*share - elapsed; rest > 0 {
			return seconds(rest), true
		}
	}
	if e.ended == 0 {
		return 0, false
	}
	return seconds(elapsed / float64(e.ended) * float64(e.units-e.ended)), true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
