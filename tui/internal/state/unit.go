package state

import (
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// Kinds of a [Unit].
const (
	KindUnit = "unit"
	KindLink = "link"
	KindStep = "step"
)

// What a unit can be besides ipc's Status words.
const (
	StatusRunning  = words.Running
	StatusQueued   = words.Queued
	StatusDirty    = "dirty"
	StatusUpToDate = words.UpToDate
	StatusToCheck  = "to check" // nothing watches: it may have changed
	StatusNotBuilt = "not built"
)

// Unit is a source file of a target, a link or a generating step, in one build. It
// is not changed once it is in the state; a new one takes its place.
type Unit struct {
	ID          string
	Kind        string
	Name        string // path of the source, the output or what is generated
	Target      string
	Status      string
	Reason      ipc.Reason
	Seconds     float64
	CPU         float64
	Peak        int64
	Bytes       int64
	Saved       float64
	Expected    float64 // seconds, by history; 0 = unknown
	Started     time.Time
	Build       string
	Order       int // in the current build: the later it came the higher; 0 = not touched by it
	Diagnostics string
	Exit        int
	Command     []string
}

// Sample is one time that a unit was made.
type Sample struct {
	Build   string
	Time    time.Time
	Status  string
	Reason  ipc.Reason
	Seconds float64
}

// SplitID takes the ID of a plan's node apart.
func SplitID(id string) (kind, target, name string) {
	switch {
	case id == "plan":
		return KindStep, "", "replibuild.toml"
	case strings.HasPrefix(id, "link:"):
		target = strings.TrimPrefix(id, "link:")
		return KindLink, target, target
	case strings.HasPrefix(id, "step:"):
		return KindStep, "", stepName(id)
	}
	target, name, found := strings.Cut(id, ":")
	if !found {
		return KindUnit, "", id
	}
	return KindUnit, target, name
}

func stepName(id string) string { return strings.TrimPrefix(id, "step:") }

// sample remembers what a unit cost.
func (s *State) sample(u *Unit, at time.Time) {
	if u.Status == ipc.StatusSkipped {
		return
	}
	s.addSample(u.ID, Sample{Build: u.Build, Time: at, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds})
}

func (s *State) addSample(id string, sample Sample) {
	list := s.samples[id]
	for i := range list {
		if list[i].Build == sample.Build {
			list[i] = sample
			return
		}
	}
	at := len(list)
	for at > 0 && sample.Time.Before(list[at-1].Time) {
		at--
	}
	list = append(list, Sample{})
	copy(list[at+1:], list[at:])
	list[at] = sample
	s.samples[id] = list[max(0, len(list)-maxSamples):]
}

// Samples are the times that a unit was made, oldest first.
func (s *State) Samples(id string) []Sample { return s.samples[id] }

// SetFacts takes the answer to an explain request in.
func (s *State) SetFacts(facts []ipc.ExplainFact) {
	for _, f := range facts {
		s.addSample(f.ID, Sample{Build: f.Build, Time: f.Time, Status: f.Status, Reason: f.Reason, Seconds: f.Seconds})
	}
	s.touch(Builds)
}
