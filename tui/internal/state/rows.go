package state

import (
	"maps"
	"reflect"
	"slices"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// Last lists what became of every node when it was last made.
func (s *State) Last() []ipc.ExplainFact {
	all := make([]ipc.ExplainFact, 0, len(s.last))
	for _, id := range slices.Sorted(maps.Keys(s.last)) {
		all = append(all, s.last[id])
	}
	return all
}

// DirtyRows is how many rows are dirty.
func (s *State) DirtyRows() int { return s.dirty }

// CleanRows is how many rows are up to date, by the last build or without one. It is 0 if
// no daemon would report a change.
func (s *State) CleanRows() int {
	if !s.watched() {
		return 0
	}
	return s.clean
}

// row is what is shown of a node: what the build that runs does with it, else what
// discovery says of it, else what became of it when it was last made.
func (s *State) row(id string) *Unit {
	made := s.made(id)
	if made != nil && made.Status == StatusRunning && !s.Lost.IsZero() {
		made = nil // whether it still runs is not known
	}
	if c := s.Current; c != nil && !c.Finished && s.Lost.IsZero() {
		if made != nil {
			return made
		}
		if c.Queued(id) {
			return s.rest(id, StatusQueued)
		}
	}
	if causes, dirty := s.causes[id]; dirty {
		return s.dirtyRow(id, made, causes)
	}
	switch last, built := s.last[id]; {
	case made != nil:
		return made
	case last.Status == ipc.StatusFailed:
		return s.rest(id, ipc.StatusFailed)
	case !built && !s.Lost.IsZero() && s.Current != nil && (s.Current.Has(id) || s.Current.Queued(id)):
		return s.rest(id, StatusToCheck)
	case !built && (s.Current == nil || !s.Current.AllGood()):
		return s.rest(id, StatusNotBuilt)
	case !s.watched():
		return s.rest(id, StatusToCheck)
	}
	return s.rest(id, StatusUpToDate)
}

// watched reports whether a change of a file would be heard of.
func (s *State) watched() bool {
	return s.Dirty.Known && (s.Link == LinkLive || s.Link == LinkReplay)
}

// made is a node as the current build made it, or nil.
func (s *State) made(id string) *Unit {
	if c := s.Current; c != nil {
		if i, has := c.index[id]; has {
			return c.Units[i]
		}
	}
	return nil
}

// dirtyRow is a node whose inputs or outputs changed. A failed one stays so until one of its
// inputs changes: that it failed is why it is dirty.
func (s *State) dirtyRow(id string, made *Unit, causes []ipc.Cause) *Unit {
	why := slices.IndexFunc(causes, func(c ipc.Cause) bool {
		return c.Kind != ipc.CauseUnsettled && c.Kind != ipc.CauseOutput
	})
	failed := made != nil && (made.Status == ipc.StatusFailed || made.Status == ipc.StatusSkipped)
	if failed && why < 0 {
		return made
	}
	if made == nil && why < 0 && s.last[id].Status == ipc.StatusFailed {
		return s.rest(id, ipc.StatusFailed)
	}
	u := s.rest(id, StatusDirty)
	switch {
	case why >= 0:
		u.Reason = words.Cause(causes[why])
	case len(causes) > 0:
		u.Reason = words.Cause(causes[0])
	}
	if made != nil {
		u.Diagnostics, u.Command = made.Diagnostics, made.Command
	}
	return u
}

// rest is a node that nothing is done with, with what it cost when it was last made.
func (s *State) rest(id, status string) *Unit {
	last := s.last[id]
	u := &Unit{
		ID: id, Status: status, Seconds: last.Seconds, CPU: last.CPU, Peak: last.Peak, Bytes: last.Bytes,
		Build: last.Build, Started: last.Time,
	}
	u.Kind, u.Target, u.Name = SplitID(id)
	if last.Status == ipc.StatusCached && last.Saved > 0 {
		u.Seconds = last.Saved // what compiling takes
	}
	if status == ipc.StatusFailed {
		u.Reason = last.Reason
	}
	switch {
	case last.File != "":
		u.Name = last.File
	case u.Kind == KindLink && s.plan != nil:
		if t := s.plan.Target(u.Target); t != nil && t.Output != "" {
			u.Name = t.Output
		}
	}
	return u
}

// refresh makes the row of one node anew.
func (s *State) refresh(id string) {
	u := s.row(id)
	i, known := s.units[id]
	if !known {
		s.units[id] = len(s.All)
		s.All = append(s.All, u)
		s.count(u, 1)
		return
	}
	if !same(s.All[i], u) {
		s.count(s.All[i], -1)
		s.count(u, 1)
		s.All[i] = u
	}
}

// refreshAll makes all rows anew. A row that stays as it was keeps its value, so that
// it is not sorted and drawn again.
func (s *State) refreshAll() {
	before, places := s.All, s.units
	s.All, s.units, s.dirty, s.clean, s.failed = make([]*Unit, 0, len(before)), make(map[string]int, len(before)), 0, 0, 0
	for _, id := range s.nodes() {
		if _, twice := s.units[id]; twice {
			continue
		}
		u := s.row(id)
		if i, known := places[id]; known && same(before[i], u) {
			u = before[i]
		}
		s.units[id] = len(s.All)
		s.All = append(s.All, u)
		s.count(u, 1)
	}
}

// nodes lists the IDs that have a row: those of the plan, of the current build and of
// what is dirty; without a plan also those that the history knows.
func (s *State) nodes() (ids []string) {
	if p := s.plan; p != nil {
		for i := range p.Actions {
			if p.Actions[i].Kind != ipc.ActionPhony {
				ids = append(ids, p.Actions[i].ID)
			}
		}
	} else {
		for id := range s.last {
			ids = append(ids, id)
		}
	}
	if s.Current != nil {
		for _, u := range s.Current.Units {
			ids = append(ids, u.ID)
		}
	}
	for _, n := range s.Dirty.Nodes {
		ids = append(ids, n.ID)
	}
	slices.Sort(ids)
	return ids
}

func (s *State) count(u *Unit, n int) {
	switch u.Status {
	case StatusDirty:
		s.dirty += n
	case StatusUpToDate, ipc.StatusCompiled, ipc.StatusCached:
		s.clean += n
	case ipc.StatusFailed:
		s.failed += n
	}
}

func same(a, b *Unit) bool { return a == b || reflect.DeepEqual(a, b) }

// FirstFailure is the ID of the first node of the current build that failed, or of any
// row if it has none; "" if none failed.
func (s *State) FirstFailure() string {
	if s.Current != nil {
		for _, u := range s.Current.Units {
			if u.Status == ipc.StatusFailed {
				return u.ID
			}
		}
	}
	for _, u := range s.All {
		if u.Status == ipc.StatusFailed {
			return u.ID
		}
	}
	return ""
}

// Failed reports whether a row has failed.
func (s *State) Failed() bool { return s.failed > 0 }
