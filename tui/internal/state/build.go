package state

import (
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/internal/eta"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// Build is one build with what became of its units.
type Build struct {
	ID        string
	Trigger   string
	Started   time.Time
	Ended     time.Time
	Finished  bool
	OK        bool
	Cancelled bool
	Detail    string
	Daemons   bool
	Targets   []string
	Partial   bool             // not everything was asked for
	Planned   ipc.BuildPlanned // zero until known
	Counts    ipc.Counts
	Links     int
	InPlace   int     // units for which nothing was done at all; they are not in Units
	Units     []*Unit // in order of appearance
	Steps     int     // units done that may have had to be compiled
	jobs      []*Unit // that run, in the order in which they started

	eta    eta.Estimate
	number int             // of the last event that was taken in
	queue  map[string]bool // IDs of units that it has not come to
	index  map[string]int
	causes map[cause][]int // places in Units
}

// cause is what a unit was made for: a kind of reason and the path in it.
type cause struct{ code, path string }

func causeOf(u *Unit) cause { return cause{u.Reason.Code, u.Reason.Path} }

// SameCause lists the indices in Units of units that were made for the same reason as u,
// u included. It is empty if the reason has no path.
func (b *Build) SameCause(u *Unit) []int { return b.causes[causeOf(u)] }

// note lists the unit at a place with its cause.
func (b *Build) note(place int, old, u *Unit) {
	if u.Reason.Path == "" || old != nil && causeOf(old) == causeOf(u) {
		return
	}
	if b.causes == nil {
		b.causes = map[cause][]int{}
	}
	b.causes[causeOf(u)] = append(b.causes[causeOf(u)], place)
}

// Short is the part of a build's id that tells it from others.
func Short(id string) string {
	if len(id) > 8 {
		return id[len(id)-8:]
	}
	return id
}

// AllGood reports whether everything is up to date by this build.
func (b *Build) AllGood() bool { return b.Finished && b.OK && !b.Partial }

// Elapsed is how long it took, or has been running at now.
func (b *Build) Elapsed(now time.Time) time.Duration {
	if b.Finished {
		now = b.Ended
	}
	return max(0, now.Sub(b.Started))
}

// Progress is how many of the units that may have to be compiled are done.
func (b *Build) Progress() (done, of int) {
	of = max(b.Planned.Dirty, b.Steps+len(b.jobs))
	return min(b.Steps, of), of
}

// Left estimates the time to the end. Negative: unknown, or there is nothing left to
// compile.
func (b *Build) Left(now time.Time) time.Duration {
	if left, known := b.eta.Left(now); known {
		return left
	}
	return -1
}

// LeftByTarget counts the units that run or wait, by target.
func (b *Build) LeftByTarget() map[string]int {
	left := map[string]int{}
	for id := range b.queue {
		_, target, _ := SplitID(id)
		left[target]++
	}
	for _, u := range b.jobs {
		if u.Kind == KindUnit {
			left[u.Target]++
		}
	}
	return left
}

// Has reports whether the build has touched a unit.
func (b *Build) Has(id string) bool {
	_, has := b.index[id]
	return has
}

// Jobs are the units that run, in the order in which they started.
func (b *Build) Jobs() []*Unit { return b.jobs }

// noJob takes a unit off the jobs.
func (b *Build) noJob(id string) {
	b.jobs = slices.DeleteFunc(b.jobs, func(u *Unit) bool { return u.ID == id })
}

// Queued reports whether the build has still to come to a unit.
func (b *Build) Queued(id string) bool { return b.queue[id] }

// build takes an event of a build in. Events may come twice, in a snapshot and by
// themselves.
func (s *State) build(e ipc.Event) {
	if e.Build == "" {
		return
	}
	_, starts := e.Body.(ipc.BuildStarted)
	_, ends := e.Body.(ipc.BuildFinished)
	if starts || ends {
		s.unqueue(e.Build)
	}
	if s.Current == nil || s.Current.ID != e.Build {
		if !starts && (ends || s.Current != nil && !s.Current.Finished || s.over(e.Build)) {
			return // of a build that never ran, or is not the one that runs
		}
		s.begin(e.Build, e.Time)
	}
	if e.Number > 0 && e.Number <= s.Current.number {
		return
	}
	s.Current.number = max(s.Current.number, e.Number)
	c := s.Current
	switch b := e.Body.(type) {
	case ipc.BuildStarted:
		c.Trigger, c.Daemons, c.Targets = b.Trigger, b.Daemons, b.Targets
		c.Partial = len(b.Targets)+len(b.Files) > 0
		s.Project, s.Root = b.Project, b.Root
	case ipc.BuildPlanned:
		c.planned(b)
		c.eta.Planned(e.Time, b.Dirty, b.Expected)
		s.refreshAll()
	case ipc.StepStarted:
		c.eta.Started(e.Time, b.Step, b.Expected)
		s.start(&Unit{ID: b.Step, Kind: KindStep, Name: stepName(b.Step), Expected: b.Expected}, e.Time)
	case ipc.UnitsCached:
		c.inPlace(c.InPlace + b.Count)
	case ipc.StepFinished:
		c.eta.Worked(b.Step)
		s.finish(&Unit{
			ID: b.Step, Kind: KindStep, Name: stepName(b.Step), Status: b.Status, Reason: b.Reason,
			Seconds: b.Seconds, Diagnostics: b.Diagnostics,
		}, e.Time)
	case ipc.UnitStarted:
		c.eta.Started(e.Time, b.Target+":"+b.File, b.Expected)
		s.start(&Unit{ID: b.Target + ":" + b.File, Kind: KindUnit, Name: b.File, Target: b.Target, Expected: b.Expected}, e.Time)
	case ipc.UnitFinished:
		s.unitFinished(b, e.Time)
	case ipc.LinkStarted:
		s.start(&Unit{ID: "link:" + b.Target, Kind: KindLink, Name: b.Output, Target: b.Target, Expected: s.last["link:"+b.Target].Seconds}, e.Time)
	case ipc.LinkFinished:
		if b.Status == ipc.StatusCompiled {
			c.Links++
		}
		s.finish(&Unit{
			ID: "link:" + b.Target, Kind: KindLink, Name: b.Output, Target: b.Target, Status: b.Status, Reason: b.Reason,
			Seconds: b.Seconds, Bytes: b.Bytes, Diagnostics: b.Diagnostics, Command: b.Command,
		}, e.Time)
	case ipc.BuildFinished:
		s.finished(b, e.Time)
	}
	s.touch(Builds)
}

// over reports whether the history has a build.
func (s *State) over(id string) bool {
	return slices.ContainsFunc(s.History, func(r ipc.BuildRecord) bool { return r.Build == id })
}

func (s *State) begin(id string, at time.Time) {
	s.Current, s.order = &Build{ID: id, Started: at, index: map[string]int{}}, 0
	s.refreshAll()
	s.touch(Builds)
}

// planned takes in what there is to do. It comes again after steps have run, and when the
// build looks for changes again because another request joined it.
func (b *Build) planned(p ipc.BuildPlanned) {
	b.Planned = p
	b.inPlace(0)
	b.queue = make(map[string]bool, len(p.Nodes))
	for _, id := range p.Nodes {
		if !b.Has(id) {
			b.queue[id] = true
		}
	}
	b.Planned.Nodes = nil
}

// inPlace sets for how many units nothing was done. A later look of the same build counts
// the units that it made before; they are subtracted.
func (b *Build) inPlace(n int) {
	if b.Planned.Units > 0 {
		n = max(0, min(n, b.Planned.Units-b.touched()))
	}
	b.Counts.Cached += n - b.InPlace
	b.InPlace = n
}

// touched counts the units for which something was done.
func (b *Build) touched() (n int) {
	for _, u := range b.Units {
		if u.Kind == KindUnit {
			n++
		}
	}
	return n
}

// Hits is how many units the cache delivered.
func (b *Build) Hits() int { return max(0, b.Counts.Cached-b.InPlace) }

func (s *State) start(u *Unit, at time.Time) {
	u.Status, u.Started, u.Build = StatusRunning, at, s.Current.ID
	s.Current.noJob(u.ID)
	s.Current.jobs = append(s.Current.jobs, u)
	s.put(u)
}

func (s *State) unitFinished(b ipc.UnitFinished, at time.Time) {
	c := s.Current
	c.Steps++
	c.eta.Worked(b.Target + ":" + b.File)
	c.eta.Ended(b.Status == ipc.StatusCompiled || b.Status == ipc.StatusFailed)
	switch b.Status {
	case ipc.StatusCached:
		c.Counts.Cached++
	case ipc.StatusCompiled:
		c.Counts.Compiled++
	case ipc.StatusFailed:
		c.Counts.Failed++
	case ipc.StatusSkipped:
		c.Counts.Skipped++
	}
	s.finish(&Unit{
		ID: b.Target + ":" + b.File, Kind: KindUnit, Name: b.File, Target: b.Target, Status: b.Status, Reason: b.Reason,
		Seconds: b.Seconds, CPU: b.CPU, Peak: b.Peak, Bytes: b.Bytes, Saved: b.Saved,
		Diagnostics: b.Diagnostics, Exit: b.Exit, Command: b.Command,
	}, at)
}

func (s *State) finish(u *Unit, at time.Time) {
	u.Build = s.Current.ID
	if i, known := s.Current.index[u.ID]; known {
		old := s.Current.Units[i]
		if old.Status == StatusRunning {
			s.Current.noJob(u.ID)
		}
	}
	s.put(u)
	s.sample(u, at)
}

// put makes u the current build's state of its unit.
func (s *State) put(u *Unit) {
	c := s.Current
	s.order++
	u.Order = s.order
	delete(c.queue, u.ID)
	if i, known := c.index[u.ID]; known {
		c.note(i, c.Units[i], u)
		c.Units[i] = u
	} else {
		c.note(len(c.Units), nil, u)
		c.index[u.ID] = len(c.Units)
		c.Units = append(c.Units, u)
	}
	s.refresh(u.ID)
}

func (s *State) finished(b ipc.BuildFinished, at time.Time) {
	c := s.Current
	c.Finished, c.OK, c.Cancelled, c.Ended, c.Detail = true, b.OK, b.Cancelled, at, b.Detail
	// A process that builds beside the daemons tells of its build when it has begun: then it is
	// longer than its events.
	if begun := at.Add(-time.Duration(b.Seconds * float64(time.Second))); begun.Before(c.Started) {
		c.Started = begun
	}
	hits := c.Hits()
	c.Counts, c.Links, c.InPlace = b.Counts, b.Links, max(0, b.Cached-hits)
	c.queue = nil
	s.endJobs()
	s.AddRecord(c.record(b.Seconds))
	s.refreshAll()
}

// endJobs ends the jobs of a finished build whose end event is missing.
func (s *State) endJobs() {
	c := s.Current
	for _, u := range c.jobs {
		ended := *u
		ended.Status, ended.Reason = ipc.StatusSkipped, words.BuildCancelled()
		c.Units[c.index[u.ID]] = &ended
	}
	c.jobs = nil
}

// resume begins a build that runs already and is known from the queue only.
func (s *State) resume(running *ipc.BuildInfo) {
	s.begin(running.Build, running.Since)
	c := s.Current
	c.Trigger, c.Targets, c.Steps = running.Trigger, running.Targets, running.Done
	c.Partial = len(running.Targets)+len(running.Files) > 0
	c.Planned.Dirty = running.Units
	c.eta.Planned(running.Since, running.Units, 0)
	for range running.Done {
		c.eta.Ended(true)
	}
	for _, j := range running.Jobs {
		u := &Unit{ID: j.ID, Name: j.File, Expected: j.Expected}
		u.Kind, u.Target, _ = SplitID(j.ID)
		s.start(u, j.Since)
	}
}
