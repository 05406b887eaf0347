// Package state is what the dashboard knows: the set, the cache, the queue, builds
// and units, put together from the event stream and from answers to questions.
//
// What it promises: it is a plain value without goroutines, clocks or input and
// output, so that a recorded event log leads to the same state as the live one; a
// part that did not change keeps its revision, so that what was drawn of it can be
// used again; what it keeps is bounded.
package state

import (
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Topic is a part of the state that changes by itself.
type Topic uint8

// The topics.
const (
	Daemons Topic = iota
	Builds
	Cache
	Queue
	Dirty
	Connection
	Clock // Now
	topics
)

// Links of the dashboard to the orchestrator.
const (
	LinkConnecting = "connecting"
	LinkLive       = "live"
	LinkDown       = "down"
	LinkReplay     = "replay"
)

// State is everything that panes show, but logs. Fields are read freely and changed
// by the methods only.
type State struct {
	Root    string
	Project string // name, "" until a build told it
	Set     string
	Link    string
	Now     time.Time

	Daemons []Daemon // always four
	Cache   CacheNumbers
	Queue   ipc.QueueReply
	Current *Build            // the build that runs, or the last one; nil = none yet
	History []ipc.BuildRecord // newest first, at most maxHistory

	All   []*Unit // last known state of every unit, in order of appearance
	Dirty []*Unit // as discovery sees them
	// DirtyCount counts all dirty nodes; Dirty may have fewer.
	DirtyCount int
	Changed    []string // paths of the last change

	units   map[string]int // index into All by ID
	order   int            // the last Unit.Order
	samples map[string][]Sample
	plan    *ipc.Plan
	byID    map[string]*ipc.Unit
	past    *Build // the past build that was asked for last
	revs    [topics]uint64
}

// Bounds of what is kept.
const (
	maxHistory = 200
	maxSamples = 60
)

// New makes the state of a project of which nothing is known yet.
func New(root, set string) *State {
	s := &State{Root: root, Set: set, Link: LinkConnecting, units: map[string]int{}, samples: map[string][]Sample{}}
	for _, name := range ipc.DaemonNames() {
		s.Daemons = append(s.Daemons, Daemon{DaemonStatus: ipc.DaemonStatus{Name: name}})
	}
	return s
}

// Rev is a number that changes whenever one of the topics does.
func (s *State) Rev(of ...Topic) uint64 {
	var sum uint64
	for _, t := range of {
		sum += s.revs[t]
	}
	return sum
}

func (s *State) touch(t Topic) { s.revs[t]++ }

// SetNow moves the clock. It says whether anything shown depends on it.
func (s *State) SetNow(t time.Time) {
	s.Now = t
	s.touch(Clock)
}

// SetLink notes how the stream is doing.
func (s *State) SetLink(link string) {
	if s.Link == link {
		return
	}
	s.Link = link
	s.touch(Connection)
}

// Running reports whether a build runs.
func (s *State) Running() bool { return s.Current != nil && !s.Current.Finished }

// Apply takes an event in.
func (s *State) Apply(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.Snapshot:
		s.snapshot(b, e.Time)
	case ipc.DaemonChanged:
		s.SetDaemon(b.DaemonStatus, e.Time)
	case ipc.CacheChanged:
		s.SetCache(b.CacheStatsReply)
	case ipc.FilesChanged:
		s.filesChanged(b)
	case ipc.BuildQueued:
		s.queued(e.Build, b, e.Time)
	default:
		s.build(e)
	}
}

// snapshot replaces what the events before could have told wrongly.
func (s *State) snapshot(b ipc.Snapshot, at time.Time) {
	s.SetStatus(b.Status, at)
	s.SetQueue(b.Queue)
	for i := len(b.Recent) - 1; i >= 0; i-- {
		s.AddRecord(b.Recent[i])
	}
	s.reconcile(b.Queue.Running, at)
}

// SetQueue takes the answer to a queue request in.
func (s *State) SetQueue(q ipc.QueueReply) {
	s.Queue = q
	s.touch(Queue)
}

func (s *State) queued(build string, b ipc.BuildQueued, at time.Time) {
	for i := range s.Queue.Waiting {
		if s.Queue.Waiting[i].Build == build {
			return
		}
	}
	s.Queue.Waiting = append(s.Queue.Waiting, ipc.BuildInfo{Build: build, Trigger: b.Trigger, Since: at, Callers: 1})
	s.touch(Queue)
}

func (s *State) unqueue(build string) {
	for i := range s.Queue.Waiting {
		if s.Queue.Waiting[i].Build == build {
			s.Queue.Waiting = append(s.Queue.Waiting[:i:i], s.Queue.Waiting[i+1:]...)
			s.touch(Queue)
			return
		}
	}
}

func (s *State) filesChanged(b ipc.FilesChanged) {
	s.Changed, s.DirtyCount = b.Paths, b.Dirty
	s.Dirty = s.Dirty[:0:0]
	for _, id := range b.Units {
		u := &Unit{ID: id, Status: StatusDirty, Reason: ipc.Reason{Code: ipc.ReasonInput, Text: because(b.Paths)}}
		u.Kind, u.Target, u.Name = SplitID(id)
		if i, known := s.units[id]; known {
			last := s.All[i]
			u.Seconds, u.CPU, u.Peak, u.Bytes, u.Name = last.Seconds, last.CPU, last.Peak, last.Bytes, last.Name
			if usual := s.usual(id); usual > 0 { // it may have come from the cache the last time
				u.Seconds = usual
			}
		}
		s.Dirty = append(s.Dirty, u)
	}
	s.touch(Dirty)
}

func because(paths []string) string {
	switch len(paths) {
	case 0:
		return ""
	case 1:
		return paths[0] + " changed"
	}
	return paths[0] + " and others changed"
}

// SetPlan takes the plan in: it names units that no build has touched yet, and the
// command line of every unit.
func (s *State) SetPlan(p *ipc.Plan) {
	if p == nil {
		return
	}
	s.plan, s.byID = p, make(map[string]*ipc.Unit, len(p.Units))
	if s.Project == "" {
		s.Project = p.Project
	}
	for i := range p.Units {
		u := &p.Units[i]
		s.byID[u.ID] = u
		if _, known := s.units[u.ID]; !known {
			s.remember(&Unit{ID: u.ID, Kind: KindUnit, Name: u.Source, Target: u.Target})
		}
	}
	s.touch(Builds)
}

// Place is where a unit is in All, negative if it is not known.
func (s *State) Place(id string) int {
	if i, known := s.units[id]; known {
		return i
	}
	return -1
}

// Plan is the last plan known, or nil.
func (s *State) Plan() *ipc.Plan { return s.plan }

// Command is how a unit is compiled: as it failed, else by the plan; nil if neither
// is known.
func (s *State) Command(u *Unit) []string {
	if len(u.Command) > 0 || s.plan == nil {
		return u.Command
	}
	if pu := s.byID[u.ID]; pu != nil {
		return s.plan.CommandLine(pu)
	}
	return nil
}
