package state

import (
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Build is one build with what became of its units.
type Build struct {
	ID       string
	Trigger  string
	Started  time.Time
	Ended    time.Time
	Finished bool
	OK       bool
	Detail   string
	Daemons  bool
	Targets  []string
	Partial  bool             // not everything was asked for
	Planned  ipc.BuildPlanned // zero until known
	Counts   ipc.Counts
	Links    int
	InPlace  int     // units for which nothing was done at all; they are not in Units
	Units    []*Unit // in order of appearance
	Steps    int     // units done that may have had to be compiled
	jobs     []*Unit // that run, in the order in which they started

	index  map[string]int
	causes map[cause][]int // places in Units
}

// cause is what a unit was made for: a kind of reason and the path in it.
type cause struct{ code, path string }

func causeOf(u *Unit) cause { return cause{u.Reason.Code, u.Reason.Path} }

// SameCause lists the places in Units of what was made for the same reason as u, u
// included; none if there is no path in the reason.
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

// Left estimates the time to the end: by history where there is some, else by the
// pace so far. Negative: unknown.
func (b *Build) Left(now time.Time) time.Duration {
	elapsed := b.Elapsed(now)
	done, of := b.Progress()
	if b.Planned.Expected > 0 {
		if left := time.Duration(b.Planned.Expected*float64(time.Second)) - elapsed; left > 0 {
			return left
		}
	}
	if done == 0 || of == 0 {
		return -1
	}
	return time.Duration(float64(elapsed) / float64(done) * float64(of-done))
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

// build takes an event of a build in.
func (s *State) build(e ipc.Event) {
	if e.Build == "" {
		return
	}
	if _, starts := e.Body.(ipc.BuildStarted); starts || s.Current == nil || s.Current.ID != e.Build {
		if s.Current != nil && s.Current.ID != e.Build && !s.Current.Finished && !starts {
			return // a late word on a build that is not the one that runs
		}
		if s.Current == nil || s.Current.ID != e.Build {
			s.begin(e.Build, e.Time)
		}
	}
	c := s.Current
	switch b := e.Body.(type) {
	case ipc.BuildStarted:
		c.Trigger, c.Daemons, c.Targets = b.Trigger, b.Daemons, b.Targets
		c.Partial = len(b.Targets)+len(b.Files) > 0
		s.Project, s.Root = b.Project, b.Root
	case ipc.BuildPlanned:
		c.Planned = b
	case ipc.UnitsCached:
		c.InPlace += b.Count
		c.Counts.Cached += b.Count
	case ipc.StepFinished:
		s.finish(&Unit{
			ID: b.Step, Kind: KindStep, Name: stepName(b.Step), Status: b.Status, Reason: b.Reason,
			Seconds: b.Seconds, Diagnostics: b.Diagnostics,
		}, e.Time)
	case ipc.UnitStarted:
		s.start(&Unit{ID: b.Target + ":" + b.File, Kind: KindUnit, Name: b.File, Target: b.Target, Expected: b.Expected}, e.Time)
	case ipc.UnitFinished:
		s.unitFinished(b, e.Time)
	case ipc.LinkStarted:
		s.start(&Unit{ID: "link:" + b.Target, Kind: KindLink, Name: b.Output, Target: b.Target, Expected: s.usual("link:" + b.Target)}, e.Time)
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

func (s *State) begin(id string, at time.Time) {
	s.unqueue(id)
	s.Current = &Build{ID: id, Started: at, index: map[string]int{}}
	s.touch(Builds)
}

func (s *State) start(u *Unit, at time.Time) {
	u.Status, u.Started, u.Build = StatusRunning, at, s.Current.ID
	s.Current.noJob(u.ID)
	s.Current.jobs = append(s.Current.jobs, u)
	s.put(u)
}

func (s *State) unitFinished(b ipc.UnitFinished, at time.Time) {
	c := s.Current
	c.Steps++
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
		u.Started, u.Expected = old.Started, old.Expected
		if old.Status == StatusRunning {
			s.Current.noJob(u.ID)
		}
	}
	s.put(u)
	s.sample(u, at)
}

// put makes u the current build's and the last known state of its unit.
func (s *State) put(u *Unit) {
	c := s.Current
	if i, known := c.index[u.ID]; known {
		u.Order = c.Units[i].Order
		c.note(i, c.Units[i], u)
		c.Units[i] = u
	} else {
		s.order++
		u.Order = s.order
		c.note(len(c.Units), nil, u)
		c.index[u.ID] = len(c.Units)
		c.Units = append(c.Units, u)
	}
	s.remember(u)
}

func (s *State) remember(u *Unit) {
	if i, known := s.units[u.ID]; known {
		s.All[i] = u
		return
	}
	s.units[u.ID] = len(s.All)
	s.All = append(s.All, u)
}

func (s *State) finished(b ipc.BuildFinished, at time.Time) {
	c := s.Current
	c.Finished, c.OK, c.Ended, c.Detail = true, b.OK, at, b.Detail
	c.Counts, c.Links = b.Counts, b.Links
	s.settle(ipc.StatusSkipped)
	s.AddRecord(c.record(b.Seconds))
	if c.AllGood() {
		s.Dirty, s.DirtyCount, s.Changed = nil, 0, nil
		s.touch(Dirty)
	}
}

// settle ends what a finished build did not: its events were lost, or it was killed.
func (s *State) settle(status string) {
	for i, u := range s.Current.Units {
		if u.Status == StatusRunning {
			ended := *u
			ended.Status, ended.Reason = status, ipc.Reason{Code: ipc.ReasonCancelled, Text: "its build ended"}
			s.Current.Units[i] = &ended
			s.remember(&ended)
		}
	}
	s.Current.jobs = nil
}

// reconcile makes the current build agree with what a snapshot says is running.
func (s *State) reconcile(running *ipc.BuildInfo, at time.Time) {
	if c := s.Current; c != nil && !c.Finished && (running == nil || running.Build != c.ID) {
		c.Finished, c.Ended, c.Detail = true, at, "it ended while nobody listened"
		for _, r := range s.History {
			if r.Build == c.ID {
				c.OK, c.Detail, c.Counts = r.Success, r.Detail, r.Counts
				c.Ended = c.Started.Add(time.Duration(r.Seconds * float64(time.Second)))
			}
		}
		s.settle(ipc.StatusSkipped)
		s.touch(Builds)
	}
	if running == nil {
		return
	}
	if s.Current == nil || s.Current.ID != running.Build {
		s.begin(running.Build, running.Since)
	}
	c := s.Current
	c.Trigger, c.Targets, c.Steps = running.Trigger, running.Targets, max(c.Steps, running.Done)
	c.Partial = len(running.Targets)+len(running.Files) > 0
	c.Planned.Dirty = max(c.Planned.Dirty, running.Units)
	for _, j := range running.Jobs {
		if i, known := c.index[j.ID]; known && c.Units[i].Status == StatusRunning {
			continue
		}
		u := &Unit{ID: j.ID, Name: j.File, Expected: j.Expected}
		u.Kind, u.Target, _ = SplitID(j.ID)
		s.start(u, j.Since)
	}
	s.touch(Builds)
}
