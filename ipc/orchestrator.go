package ipc

import (
	"context"
	"time"
)

// Orchestrator decides what runs when. One build runs at a time; equal requests
// join, others wait in the queue.
type Orchestrator interface {
	// Build brings targets up to date and reports what happens as events; it
	// returns after the build has finished, or at once with Detach. A caller whose
	// context ends cancels its build unless another caller waits for it.
	Build(context.Context, BuildRequest, func(Event)) (BuildReply, error)
	// Announce shows a build that another process makes in the folder, as `replibuild ninja`
	// does. It returns when that build has been reported to its end; if the context ends
	// before, the build counts as cancelled. A [CancelRequested] is sent when somebody wants
	// the build to stop.
	Announce(context.Context, AnnounceRequest, func(Event)) (AnnounceReply, error)
	// Report brings events of an announced build, in their order. It waits until the build
	// was announced.
	Report(context.Context, ReportRequest) (ReportReply, error)
	// Cancel stops a running or waiting build.
	Cancel(context.Context, CancelRequest) (CancelReply, error)
	// Queue tells what runs and what waits.
	Queue(context.Context, QueueRequest) (QueueReply, error)
	// SetStatus tells the state of the whole set.
	SetStatus(context.Context, SetStatusRequest) (SetStatus, error)
	// Restart restarts daemons of the set.
	Restart(context.Context, RestartRequest) (RestartReply, error)
	// History returns past builds, newest first.
	History(context.Context, HistoryRequest) (HistoryReply, error)
	// Explain says from recorded facts why a file or target was last made.
	Explain(context.Context, ExplainRequest) (ExplainReply, error)
	// Graph shows the includes below a file, with what each costs.
	Graph(context.Context, GraphRequest) (GraphReply, error)
	// Subscribe sends a snapshot, then events until the context ends. A receiver
	// that falls behind gets a fresh snapshot instead of what it missed.
	Subscribe(context.Context, SubscribeRequest, func(Event)) error
}

// What started a build.
const (
	TriggerCommand   = "command"
	TriggerWatch     = "watch"
	TriggerAuto      = "auto"
	TriggerDashboard = "dashboard"
	TriggerLauncher  = "launcher" // of no build, but of commands of the thin client
)

// BuildRequest asks for a build. Env is the caller's whole environment, KEY=VALUE; nil
// means that of the last build. It travels once for each build.
type BuildRequest struct {
	Env     []string `json:"env,omitempty"`
	Caller  *Caller  `json:"caller,omitempty"`  // nil: the daemon's own settings
	Targets []string `json:"targets,omitempty"` // names; none and no Files = all targets
	Files   []string `json:"files,omitempty"`   // sources, relative to the root: compile only these, link nothing
	Jobs    int      `json:"jobs,omitempty"`
	NoCache bool     `json:"no_cache,omitempty"`
	Trigger string   `json:"trigger,omitempty"` // "" = TriggerCommand
	Detach  bool     `json:"detach,omitempty"`
	// Trace asks for [BuildPhase] events and for the spans of what was made.
	Trace bool `json:"trace,omitempty"`
	// TimeTrace is a folder for what clang's -ftime-trace says of each unit that is
	// compiled, see [TimeTraceFile]; "" = none.
	TimeTrace string `json:"time_trace,omitempty"`
	// WaitUploads has the build end only when what may serve elsewhere is stored there.
	WaitUploads bool `json:"wait_uploads,omitempty"`
}

// BuildReply ends a build. OK is Go's name for what the reply's own "ok" cannot
// say: a build that failed was still answered.
type BuildReply struct {
	Build     string  `json:"build"` // id
	Success   bool    `json:"success"`
	Joined    bool    `json:"joined,omitempty"` // an equal build was running already
	Counts            // how the units ended
	Seconds   float64 `json:"seconds"`
	Cancelled bool    `json:"cancelled,omitempty"` // it did not succeed because it was cancelled
	Detail    string  `json:"detail,omitempty"`    // why it did not succeed, one line
}

// Counts says how the units of a build ended.
type Counts struct {
	Cached   int `json:"cached"` // nothing was compiled for them
	Compiled int `json:"compiled"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"`
}

// Total is the number of units.
func (c Counts) Total() int { return c.Cached + c.Compiled + c.Failed + c.Skipped }

// AnnounceRequest names a build that its own process makes. A build that the orchestrator has
// started a process for has the ID that it gave.
type AnnounceRequest struct {
	Build   string   `json:"build"`
	Trigger string   `json:"trigger"`
	Targets []string `json:"targets,omitempty"`
}

// AnnounceReply has no fields.
type AnnounceReply struct{}

// ReportRequest is events of an announced build; BuildFinished is the last one.
type ReportRequest struct {
	Build  string  `json:"build"`
	Events []Event `json:"events"`
}

// ReportReply has no fields.
type ReportReply struct{}

// QueueRequest has no fields.
type QueueRequest struct{}

// QueueReply tells what runs and what waits, in order.
type QueueReply struct {
	Running *BuildInfo  `json:"running,omitempty"`
	Waiting []BuildInfo `json:"waiting"`
	Limit   int         `json:"limit"` // queue_size
}

// BuildInfo describes a build that runs or waits.
type BuildInfo struct {
	Build   string       `json:"build"`
	Trigger string       `json:"trigger"`
	Targets []string     `json:"targets,omitempty"`
	Files   []string     `json:"files,omitempty"`
	Since   time.Time    `json:"since"`
	Callers int          `json:"callers"`
	Units   int          `json:"units,omitempty"` // to look at, once known
	Done    int          `json:"done,omitempty"`
	Jobs    []RunningJob `json:"jobs,omitempty"`
}

// RunningJob is a compiler, linker or step that runs now.
type RunningJob struct {
	ID       string    `json:"id"` // unit, link or step ID
	File     string    `json:"file"`
	Target   string    `json:"target,omitempty"`
	Since    time.Time `json:"since"`
	Expected float64   `json:"expected_seconds,omitempty"`
}

// SetStatusRequest has no fields.
type SetStatusRequest struct{}

// States of a daemon.
const (
	StateRunning      = "running"
	StateStopped      = "stopped"
	StateStarting     = "starting"
	StateCrashed      = "crashed"
	StateUnresponsive = "unresponsive"
	StateDisabled     = "disabled"
	StateElsewhere    = "elsewhere" // in another container or namespace: it cannot be used from here
)

// Names of the daemons, in the order in which they are started and printed.
const (
	NameDiscovery    = "discovery"
	NameSetup        = "setup"
	NameCompilation  = "compilation"
	NameOrchestrator = "orchestrator"
)

// DaemonNames returns the four names in order.
func DaemonNames() []string {
	return []string{NameDiscovery, NameSetup, NameCompilation, NameOrchestrator}
}

// SetStatus is the state of a project's daemons, as `status --json` prints it.
type SetStatus struct {
	Schema  int            `json:"schema"`
	Project string         `json:"project"` // root
	Set     string         `json:"set"`
	Daemons []DaemonStatus `json:"daemons"` // always four, in order
	Cache   CacheSummary   `json:"cache"`
}

// DaemonStatus is one daemon's state.
type DaemonStatus struct {
	Name      string  `json:"name"`
	State     string  `json:"state"`
	PID       int     `json:"pid"`
	Port      int     `json:"port"`
	Uptime    float64 `json:"uptime_seconds"`
	Restarts  int     `json:"restarts"`
	RSS       int64   `json:"rss_bytes,omitempty"`
	Requests  uint64  `json:"requests,omitempty"`
	LastError string  `json:"last_error,omitempty"`
	// LastCrash says of a daemon that was restarted after a crash which process ended,
	// and when; "" if it never crashed since it was stopped.
	LastCrash string `json:"last_crash,omitempty"`
}

// Summary is the cache in few numbers.
func (r CacheStatsReply) Summary() CacheSummary {
	return CacheSummary{Hits: r.Hits, Misses: r.Misses, Bytes: r.Bytes, Tiers: r.Tiers}
}

// CacheSummary is the cache in few numbers.
type CacheSummary struct {
	Hits   int64 `json:"hits"`
	Misses int64 `json:"misses"`
	Bytes  int64 `json:"bytes"`
	// Tiers are the places beyond it that are in use.
	Tiers []TierStats `json:"tiers,omitempty"`
}

// RestartRequest names daemons; none means all but the orchestrator that answers.
type RestartRequest struct {
	Daemons []string `json:"daemons,omitempty"`
}

// RestartReply is the set afterwards.
type RestartReply struct {
	Daemons []DaemonStatus `json:"daemons"`
}

// HistoryRequest asks for builds, newest first.
type HistoryRequest struct {
	Limit int    `json:"limit,omitempty"` // 0 = 20
	Build string `json:"build,omitempty"` // only this one, with its units
	Units bool   `json:"units,omitempty"` // with the units of each
	Slow  int    `json:"slow,omitempty"`  // also so many of the slowest units and costliest headers
	Last  bool   `json:"last,omitempty"`  // also the last record of every unit, link and step
}

// HistoryReply is past builds.
type HistoryReply struct {
	Builds []BuildRecord `json:"builds"`
	Slow   *Slow         `json:"slow,omitempty"` // if it was asked for
	Last   []ExplainFact `json:"last,omitempty"` // if it was asked for, sorted by ID
}

// Slow is where the time of a whole build goes, by what each unit took when it was
// really compiled last.
type Slow struct {
	Seconds float64     `json:"seconds"` // of all units together
	Units   []SlowUnit  `json:"units"`   // slowest first
	Headers []InputCost `json:"headers"` // those that cost most first
}

// SlowUnit is what a unit or link took when it was really made last.
type SlowUnit struct {
	ID      string  `json:"id"`
	Seconds float64 `json:"seconds"`
	Peak    int64   `json:"peak_bytes,omitempty"`
}

// BuildRecord is one past build. Units that were in place are counted, not listed.
type BuildRecord struct {
	Build     string    `json:"build"`
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	Trigger   string    `json:"trigger"`
	Success   bool      `json:"success"`
	Cancelled bool      `json:"cancelled,omitempty"` // it did not succeed because it was cancelled
	Detail    string    `json:"detail,omitempty"`
	Plan      string    `json:"plan,omitempty"`
	Counts
	Hits int `json:"hits"` // units delivered from the cache
	// Tiers are results that came from beyond the project's cache, by [Reason].Tier.
	Tiers map[string]TierHits `json:"tiers,omitempty"`
	// Expected is how long its units were expected to take, by their cost alone.
	Expected float64      `json:"expected_seconds,omitempty"`
	Units    []UnitRecord `json:"units,omitempty"`
}

// TierHits are results of one build that came from one place.
type TierHits struct {
	Hits  int     `json:"hits"`
	Saved float64 `json:"saved_seconds"`
}

// AddTiers sets b.Tiers from its units.
func (b *BuildRecord) AddTiers() {
	b.Tiers = nil
	for _, u := range b.Units {
		if u.Reason.Tier == "" {
			continue
		}
		if b.Tiers == nil {
			b.Tiers = make(map[string]TierHits)
		}
		t := b.Tiers[u.Reason.Tier]
		b.Tiers[u.Reason.Tier] = TierHits{t.Hits + 1, t.Saved + u.Saved}
	}
}

// UnitRecord is a unit, step or link in a past build.
type UnitRecord struct {
	ID      string  `json:"id"`
	File    string  `json:"file,omitempty"`
	Target  string  `json:"target,omitempty"`
	Status  string  `json:"status"`
	Reason  Reason  `json:"reason"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds,omitempty"`
	Peak    int64   `json:"peak_bytes,omitempty"`
	Bytes   int64   `json:"object_bytes,omitempty"`
	Saved   float64 `json:"saved_seconds,omitempty"`
}

// ExplainRequest names a source file, header or target.
type ExplainRequest struct {
	Subject string `json:"subject"`
}

// ExplainReply is the recorded facts about the subject.
type ExplainReply struct {
	Subject    string        `json:"subject"`
	Kind       string        `json:"kind"` // "unit", "header" or "target"
	Records    []ExplainFact `json:"records"`
	Dirty      []DirtyNode   `json:"dirty,omitempty"`      // what has changed since
	Dependents []string      `json:"dependents,omitempty"` // nodes that read it
	Inputs     []string      `json:"inputs,omitempty"`     // files that a unit or target was made from
	Chains     []Chain       `json:"chains,omitempty"`     // how what matters is reached, see [Chain]
}

// Chain is the shortest way of includes by which a unit reads a file: for a unit one
// for each of its inputs in the project and each that was the reason, for a header
// one for each of its readers, at most a hundred.
type Chain struct {
	Unit  string   `json:"unit"`  // ID
	Files []string `json:"files"` // the source first, the file last
}

// GraphRequest names a source file or header.
type GraphRequest struct {
	Subject string `json:"subject"`
}

// GraphReply is the includes below a file as the unit read them, with what each costs.
type GraphReply struct {
	Subject string      `json:"subject"`
	Unit    string      `json:"unit"`              // ID of the unit whose inputs these are
	Files   []GraphFile `json:"files"`             // Subject first, then by distance
	Readers []string    `json:"readers,omitempty"` // IDs of all nodes that read Subject
	Missed  []string    `json:"missed,omitempty"`  // IDs of those that missed it
	// Unplaced counts inputs of the unit that no include was found for: those of
	// flags, of the compiler itself, or behind a macro.
	Unplaced int `json:"unplaced,omitempty"`
}

// GraphFile is a file of a [GraphReply].
type GraphFile struct {
	InputCost
	Includes []int `json:"includes,omitempty"` // indices of the files that it includes, in order
}

// ExplainFact is one time that the subject was made.
type ExplainFact struct {
	Build string    `json:"build"`
	Time  time.Time `json:"time"`
	UnitRecord
}

// SubscribeRequest asks for events; None = all kinds.
type SubscribeRequest struct {
	Events []string `json:"events,omitempty"`
}
