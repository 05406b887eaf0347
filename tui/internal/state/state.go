// Package state is what the dashboard knows: the set, the cache, the queue, builds
// and units, put together from the event stream and from answers to questions.
//
// What it promises: it is a plain value without goroutines, clocks or input and
// output, so that a recorded event log leads to the same state as the live one; a
// part that did not change keeps its revision, so that what was drawn of it can be
// used again; what it keeps is bounded.
package state

import (
	"slices"
	"strings"
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
	Root     string
	Source   string // of a build folder: the folder of the sources; "" for a project of our own
	Launched bool   // this is the user set: its commands come from the thin client, and it builds nothing
	Project  string // name, "" until a build told it
	Set      string
	Link     string
	Now      time.Time

	Daemons []Daemon // always four
	Cache   CacheNumbers
	Queue   ipc.QueueReply
	Current *Build            // the build that runs, or the last one; nil = none yet
	History []ipc.BuildRecord // newest first, at most MaxHistory

	All   []*Unit          // a row for everything that is known, see [State.row]
	Dirty ipc.DirtyChanged // what discovery last said
	Lost  time.Time        // when contact was lost; zero = it is not

	units   map[string]int             // index into All by ID
	causes  map[string][]ipc.Cause     // of dirty nodes, by ID
	last    map[string]ipc.ExplainFact // what became of a node when it was last made
	dirty   int                        // rows of All that are dirty
	failed  int                        // rows of All that failed
	clean   int                        // rows of All that are up to date
	order   int                        // the last Unit.Order
	samples map[string][]Sample
	plan    *ipc.Plan
	byID    map[string]*ipc.Action
	past    *Build // the past build that was asked for last
	revs    [topics]uint64
}

// Bounds of what is kept.
const (
	MaxHistory = 200 // builds
	maxSamples = 60
)

// New makes the state of a project before anything is known.
func New(root, set string) *State {
	s := &State{Root: root, Set: set, Link: LinkConnecting, units: map[string]int{}, samples: map[string][]Sample{}, last: map[string]ipc.ExplainFact{}}
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

// SetLink notes how the stream is doing. Without contact every clock of a build stops:
// whether it goes on is not known. What waits and what has changed is not known either: a
// command that waited builds by itself.
func (s *State) SetLink(link string) {
	if s.Link == link {
		return
	}
	s.Link = link
	s.Lost = time.Time{}
	if link == LinkDown {
		s.Lost = s.Now
		s.SetQueue(ipc.QueueReply{})
		s.setDirty(ipc.DirtyChanged{})
	}
	s.refreshAll()
	s.touch(Connection)
	s.touch(Builds)
}

// EndedElsewhere forgets a build that contact was lost with if the history has it, or one
// that began after it: another process has finished it, or built in its place.
func (s *State) EndedElsewhere() {
	if s.Lost.IsZero() || !s.Running() || len(s.History) == 0 {
		return
	}
	if newest := s.History[0]; newest.Build == s.Current.ID || newest.Started.After(s.Current.Started) {
		s.Current = nil
		s.refreshAll()
		s.touch(Builds)
	}
}

// Clock is the time up to which builds are known: now, or when contact was lost.
func (s *State) Clock() time.Time {
	if s.Lost.IsZero() {
		return s.Now
	}
	return s.Lost
}

// Running reports whether a build runs, as far as is known.
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
	case ipc.DirtyChanged:
		s.setDirty(b)
	case ipc.BuildQueued:
		s.queued(e.Build, b, e.Time)
	default:
		s.build(e)
	}
}

// snapshot replaces what the events before it said: what is shown from now on is what
// a dashboard shows that starts now.
func (s *State) snapshot(b ipc.Snapshot, at time.Time) {
	s.SetStatus(b.Status, at)
	s.SetQueue(b.Queue)
	s.setRecent(b.Recent)
	s.Current, s.order = nil, 0
	for _, e := range b.Build {
		s.build(e)
	}
	if len(b.Build) == 0 && b.Queue.Running != nil {
		s.resume(b.Queue.Running)
	}
	s.setDirty(b.Dirty)
	s.touch(Builds)
}

// SetQueue takes the answer to a queue request in.
func (s *State) SetQueue(q ipc.QueueReply) {
	s.Queue = q
	s.touch(Queue)
}

// queued puts a request at its place in the queue.
func (s *State) queued(build string, b ipc.BuildQueued, at time.Time) {
	info := ipc.BuildInfo{Build: build, Trigger: b.Trigger, Targets: b.Targets, Files: b.Files, Since: at, Callers: 1}
	waiting := slices.Clone(s.Queue.Waiting)
	if i := slices.IndexFunc(waiting, func(w ipc.BuildInfo) bool { return w.Build == build }); i >= 0 {
		info = waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
	}
	place := max(0, min(b.Position-1, len(waiting)))
	s.Queue.Waiting = slices.Insert(waiting, place, info)
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

// setDirty takes in what discovery says is dirty.
func (s *State) setDirty(b ipc.DirtyChanged) {
	s.Dirty, s.causes = b, make(map[string][]ipc.Cause, len(b.Nodes))
	for _, n := range b.Nodes {
		s.causes[n.ID] = n.Causes
	}
	s.refreshAll()
	s.touch(Dirty)
}

// SetLast takes in what became of every node when it was last made.
func (s *State) SetLast(facts []ipc.ExplainFact) {
	before := s.last
	s.last = make(map[string]ipc.ExplainFact, len(facts))
	for _, f := range facts {
		if known := before[f.ID]; known.Time.After(f.Time) { // of a build that ended since
			f = known
		}
		s.last[f.ID] = f
	}
	s.refreshAll()
	s.touch(Builds)
}

// SetPlan takes the plan in: it names units that no build has touched yet, and the
// command line of every unit.
func (s *State) SetPlan(p *ipc.Plan) {
	if p == nil {
		return
	}
	s.plan, s.byID = p, make(map[string]*ipc.Action, len(p.Actions))
	if s.Project == "" {
		s.Project = p.Project
	}
	for i := range p.Actions {
		s.byID[p.Actions[i].ID] = &p.Actions[i]
	}
	s.refreshAll()
	s.touch(Builds)
}

// Plan is the last plan known, or nil.
func (s *State) Plan() *ipc.Plan { return s.plan }

// Command is how a unit is compiled, a target linked, a step run: as it failed, else by
// the plan; nil if neither is known.
func (s *State) Command(u *Unit) []string {
	if len(u.Command) > 0 || s.plan == nil {
		return u.Command
	}
	if a := s.byID[u.ID]; a != nil {
		return s.plan.Line(a)
	}
	return nil
}

// Shown is the name of a file as it is drawn: relative to the folder of the sources, which lie
// outside of a build folder.
func (s *State) Shown(name string) string {
	if s.Source == "" {
		return name
	}
	return strings.TrimPrefix(name, s.Source+"/")
}
