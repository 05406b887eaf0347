package state

import (
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// AddRecord remembers a build that is over. A record without units does not replace
// one that has them.
func (s *State) AddRecord(r ipc.BuildRecord) {
	at, found := slices.BinarySearchFunc(s.History, r, func(a, b ipc.BuildRecord) int {
		if a.Build == b.Build {
			return 0
		}
		return b.Started.Compare(a.Started)
	})
	if !found {
		at = slices.IndexFunc(s.History, func(h ipc.BuildRecord) bool { return h.Build == r.Build })
		if found = at >= 0; !found {
			at = slices.IndexFunc(s.History, func(h ipc.BuildRecord) bool { return h.Started.Before(r.Started) })
			if at < 0 {
				at = len(s.History)
			}
		}
	}
	switch {
	case found && len(r.Units) == 0 && len(s.History[at].Units) > 0:
		r.Units = s.History[at].Units
		s.History[at] = r
	case found:
		s.History[at] = r
	default:
		s.History = slices.Insert(s.History, at, r)
		s.History = s.History[:min(len(s.History), MaxHistory)]
	}
	if s.past != nil && s.past.ID == r.Build {
		s.past = nil
	}
	for _, u := range r.Units {
		s.addSample(u.ID, Sample{Build: r.Build, Time: r.Started, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds})
		s.learn(r, u)
	}
	s.touch(Builds)
}

// Knows reports whether the history has a build, without its units.
func (s *State) Knows(id string) bool {
	i := slices.IndexFunc(s.History, func(r ipc.BuildRecord) bool { return r.Build == id })
	return i >= 0 && len(s.History[i].Units) == 0
}

// AddRecords remembers builds that are over.
func (s *State) AddRecords(all []ipc.BuildRecord) {
	for _, r := range all {
		s.AddRecord(r)
	}
	s.refreshAll()
}

// learn keeps a record of a node if it is the latest.
func (s *State) learn(r ipc.BuildRecord, u ipc.UnitRecord) {
	if known, has := s.last[u.ID]; u.Status == ipc.StatusSkipped || has && known.Time.After(r.Started) {
		return
	}
	s.last[u.ID] = ipc.ExplainFact{Build: r.Build, Time: r.Started, UnitRecord: u}
}

// setRecent replaces the newest builds.
func (s *State) setRecent(recent []ipc.BuildRecord) {
	if len(recent) > 0 {
		oldest := recent[len(recent)-1].Started
		s.History = slices.DeleteFunc(s.History, func(r ipc.BuildRecord) bool {
			return r.Started.After(oldest) && !slices.ContainsFunc(recent, func(n ipc.BuildRecord) bool { return n.Build == r.Build })
		})
	} else {
		s.History = nil
	}
	s.past = nil
	for _, r := range slices.Backward(recent) {
		s.AddRecord(r)
	}
}

func unitOf(r ipc.BuildRecord, u ipc.UnitRecord) *Unit {
	kind, target, name := SplitID(u.ID)
	if u.File != "" {
		name = u.File
	}
	return &Unit{
		ID: u.ID, Kind: kind, Name: name, Target: target, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds,
		CPU: u.CPU, Peak: u.Peak, Bytes: u.Bytes, Saved: u.Saved, Build: r.Build, Started: r.Started,
	}
}

// record is the form in which the history keeps a build.
func (b *Build) record(seconds float64) ipc.BuildRecord {
	r := ipc.BuildRecord{
		Build: b.ID, Started: b.Started, Seconds: seconds, Trigger: b.Trigger, Success: b.OK, Cancelled: b.Cancelled, Detail: b.Detail, Counts: b.Counts,
		Hits: b.Hits(),
	}
	for _, u := range b.Units {
		r.Units = append(r.Units, ipc.UnitRecord{
			ID: u.ID, File: u.Name, Target: u.Target, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds,
			CPU: u.CPU, Peak: u.Peak, Bytes: u.Bytes, Saved: u.Saved,
		})
	}
	return r
}

// Build returns a build by id: the current one, or a past one as the history has it;
// nil if it is not known.
func (s *State) Build(id string) *Build {
	if s.Current != nil && (id == "" || s.Current.ID == id) {
		return s.Current
	}
	for i := range s.History {
		if id != "" && s.History[i].Build != id {
			continue
		}
		if s.past == nil || s.past.ID != s.History[i].Build {
			s.past = past(s.History[i])
		}
		return s.past
	}
	return nil
}

func past(r ipc.BuildRecord) *Build {
	b := &Build{
		ID: r.Build, Trigger: r.Trigger, Started: r.Started, Finished: true, OK: r.Success, Cancelled: r.Cancelled, Detail: r.Detail, Counts: r.Counts,
		Ended: r.Started.Add(time.Duration(r.Seconds * float64(time.Second))), index: map[string]int{},
	}
	for i, u := range r.Units {
		unit := unitOf(r, u)
		unit.Order = i + 1
		b.index[u.ID] = i
		b.Units = append(b.Units, unit)
	}
	b.InPlace = max(0, r.Cached-r.Hits)
	return b
}

// Lookups counts the cache lookups of a past build and how many of them hit.
func Lookups(r ipc.BuildRecord) (hits, of int) {
	return r.Hits, r.Hits + r.Compiled + r.Failed
}

// HitTrend is the share of hits of the last n builds that asked the cache, oldest
// first.
func (s *State) HitTrend(n int) []float64 {
	var out []float64
	for _, r := range s.History {
		if hits, of := Lookups(r); of > 0 && len(out) < n {
			out = append(out, float64(hits)/float64(of))
		}
	}
	slices.Reverse(out)
	return out
}

// TimeTrend is the seconds that the last n builds took, oldest first.
func (s *State) TimeTrend(n int) []float64 {
	var out []float64
	for _, r := range s.History[:min(n, len(s.History))] {
		out = append(out, r.Seconds)
	}
	slices.Reverse(out)
	return out
}
