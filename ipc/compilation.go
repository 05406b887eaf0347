package ipc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Compilation runs the actions of a plan, and never does the same thing twice. It owns
// the cache and every process that is started.
type Compilation interface {
	// Compile is the spec's plain request: one file with extra flags.
	Compile(context.Context, CompileRequest) (CompileReply, error)
	// Run brings actions of any kind up to date, in the order given, as many at a time as
	// slots and memory allow, and reports as they start and finish. None of them may need
	// another of the same request. An action that fails does not stop the others; the
	// error is for the request as a whole only.
	Run(context.Context, RunRequest, func(RunProgress)) (RunReply, error)
	// Cancel stops what runs for a build and returns when no process of it is left.
	Cancel(context.Context, CancelRequest) (CancelReply, error)
	CacheStats(context.Context, CacheStatsRequest) (CacheStatsReply, error)
	// CacheShare finishes storing what may serve in other folders, beyond the project's cache.
	CacheShare(context.Context, CacheShareRequest) (CacheShareReply, error)
	// CacheClear moves the cache aside; the token undoes it for some seconds.
	CacheClear(context.Context, CacheClearRequest) (CacheClearReply, error)
	CacheRestore(context.Context, CacheRestoreRequest) (CacheRestoreReply, error)
	// CacheVerify reads back entries and reports the damaged ones; if asked to, it
	// also compiles again what the cache has for a plan's units, and compares.
	CacheVerify(context.Context, CacheVerifyRequest) (CacheVerifyReply, error)
	// Inputs says what the files that units read cost.
	Inputs(context.Context, InputsRequest) (InputsReply, error)
	// Doubts says which results are made again by each build, and why.
	Doubts(context.Context, DoubtsRequest) (DoubtsReply, error)
	// Launches tells what became of launched commands, the last ones one by one.
	Launches(context.Context, LaunchesRequest) (LaunchesReply, error)
}

// What became of a unit, step or link.
const (
	StatusCached   = "cached"   // nothing was compiled: in place, or delivered from the cache
	StatusCompiled = "compiled" // the compiler ran (for a link: "linked" in words)
	StatusFailed   = "failed"
	StatusSkipped  = "skipped" // not tried: cancelled, or something it needs failed
)

// CompileRequest is the spec's {"action":"compile","file","flags"}. Flags are
// appended to the plan's for that file; unproven callers may use flags from the
// allow-list only.
type CompileRequest struct {
	File  string   `json:"file"`
	Flags []string `json:"flags,omitempty"`
}

// CompileReply says where the object is. OK is false with the diagnostics filled
// in when the compiler rejected the file; the reply itself still has "ok" of its
// own for that.
type CompileReply struct {
	File        string  `json:"file"`
	Object      string  `json:"object"` // relative to the project's root
	Status      string  `json:"status"`
	Seconds     float64 `json:"seconds"`
	Diagnostics string  `json:"diagnostics"`
}

// RunRequest is actions to bring up to date. Action.Command is an index into Commands.
type RunRequest struct {
	Build    string `json:"build"` // ID of the build, for Cancel
	Root     string `json:"root"`
	BuildDir string `json:"build_dir"`
	// Env is the caller's whole environment. A request that names one by EnvID that the
	// service got before may leave it out; if the service does not know it, the error is
	// "not_found".
	Env        []string    `json:"env,omitempty"`
	EnvID      string      `json:"env_id,omitempty"`
	Caller     *Caller     `json:"caller,omitempty"`
	Toolchains []Toolchain `json:"toolchains"`
	Commands   []Command   `json:"commands"`
	Actions    []RunAction `json:"actions"`
	// Jobs is how many processes the build may have at a time, in all of its requests
	// together; 0 = the daemon's own limit.
	Jobs    int     `json:"jobs,omitempty"`
	Timeout float64 `json:"timeout_seconds,omitempty"` // of one process; 0 = none
	NoCache bool    `json:"no_cache,omitempty"`        // do not look up; still store
	// LookUpOnly: nothing is run. An action whose outputs are neither in place nor to be had
	// from the cache is skipped.
	LookUpOnly bool `json:"look_up_only,omitempty"`
	Trace      bool `json:"trace,omitempty"` // fill in ActionResult.Spans
	// TimeTrace is a folder into which each unit that is compiled by a clang gets a
	// file of -ftime-trace, named by [TimeTraceFile]; "" = none.
	TimeTrace string `json:"time_trace,omitempty"`
	// Sharing is that of the plan.
	Sharing Sharing `json:"sharing,omitzero"`
}

// RunAction is an action with what scheduling knows of it.
type RunAction struct {
	Action
	Causes       []Cause `json:"causes,omitempty"`           // why discovery takes it for dirty
	Set          string  `json:"set,omitempty"`              // what discovery knows its inputs by; see [DirtyNode]
	ExpectedPeak int64   `json:"expected_peak,omitempty"`    // bytes, from history; 0 = unknown
	Expected     float64 `json:"expected_seconds,omitempty"` // from history; 0 = unknown
	// Remaining is how many seconds the build is expected to take from the start of the
	// action on, along the critical path. The slots go to the highest first.
	Remaining float64 `json:"remaining_seconds,omitempty"`
	// Beside are the files that a step made beside its outputs when it was made last, as the caller
	// knows them: a process beside the daemons has no records of it.
	Beside []FileSig `json:"beside,omitempty"`
}

// RunProgress is news of a running request. Track holds records for discovery of
// actions that finished in this message or in one before; its tables go on from message
// to message, so that what the actions share travels once: a number counts from the
// first entry of the first message.
type RunProgress struct {
	Started  []string       `json:"started,omitempty"` // IDs of actions whose process has been started
	Finished []ActionResult `json:"finished,omitempty"`
	Track    Track          `json:"track"`
	// Notices tell what happened since the last request, such as what the audit of idle
	// hours found.
	Notices []Notice `json:"notices,omitempty"`
}

// ActionResult is what became of one action.
type ActionResult struct {
	ID          string   `json:"id"`
	Status      string   `json:"status"`
	InPlace     bool     `json:"in_place,omitempty"` // the outputs were there already; nothing was written
	Changed     bool     `json:"changed,omitempty"`  // some output has other bytes than before
	Reason      Reason   `json:"reason"`
	Key         string   `json:"key,omitempty"` // action key, hex
	Seconds     float64  `json:"seconds"`
	CPU         float64  `json:"cpu_seconds,omitempty"`
	Peak        int64    `json:"peak_bytes,omitempty"`
	Bytes       int64    `json:"object_bytes,omitempty"`
	Saved       float64  `json:"saved_seconds,omitempty"` // what a hit would have cost
	Diagnostics string   `json:"diagnostics,omitempty"`   // as the compiler printed them, colours included
	Exit        int      `json:"exit,omitempty"`          // exit status of a failed compiler, 128+n for signal n
	Command     []string `json:"command,omitempty"`       // of a failed unit
	Spans       []Span   `json:"spans,omitempty"`         // where its time went, if RunRequest.Trace asks
	// Left are the files in the build folder that a failed or cancelled command wrote and left.
	Left []LeftFile `json:"left,omitempty"`
}

// LeftFile is a file that a command wrote and left.
type LeftFile struct {
	File FileSig `json:"file"`
	// Before: something was there before. It is the action's own only if the action made that.
	Before bool `json:"before,omitempty"`
}

// Names of a [Span] of a unit, link or step, in the order in which they come.
const (
	SpanLookup = "lookup" // signatures, action key, cache
	SpanWait   = "wait"   // for a slot and memory
	SpanRun    = "run"    // the compiler, linker or command
	SpanStore  = "store"  // what it read, delivery
)

// Span is a stretch of time.
type Span struct {
	Name    string    `json:"name"`
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
}

// TimeTraceFile is the name of the file in RunRequest.TimeTrace that belongs to a
// unit.
func TimeTraceFile(unit string) string {
	sum := sha256.Sum256([]byte(unit))
	return hex.EncodeToString(sum[:12]) + ".json"
}

// RunReply ends a request.
type RunReply struct {
	Counts
}

// CancelRequest names a build.
type CancelRequest struct {
	Build string `json:"build"`
}

// CancelReply says whether there was anything to cancel.
type CancelReply struct {
	Cancelled bool `json:"cancelled"`
	// Left are files that actions wrote, by ID, that ended after the build was cancelled: the
	// caller of CompilationRun may not have heard of them.
	Left map[string][]LeftFile `json:"left,omitempty"`
}

// CacheStatsRequest has no fields.
type CacheStatsRequest struct{}

// CacheStatsReply is the cache as it is now and what it did since it was made.
type CacheStatsReply struct {
	Dir          string           `json:"dir"`
	Bytes        int64            `json:"bytes"`
	MaxBytes     int64            `json:"max_bytes"`
	Entries      int64            `json:"entries"`
	Hits         int64            `json:"hits"`
	Misses       int64            `json:"misses"`
	MissReasons  map[string]int64 `json:"miss_reasons"`
	Stored       int64            `json:"stored"`
	Evicted      int64            `json:"evicted"`
	Damaged      int64            `json:"damaged"`
	SavedSeconds float64          `json:"saved_seconds"`
	OldestUnix   int64            `json:"oldest_unix,omitempty"` // last use of the least recently used entry
	ReadOnly     string           `json:"read_only,omitempty"`   // why nothing is stored, "" if it is
	Tiers        []TierStats      `json:"tiers,omitempty"`       // the places beyond it that are in use
	Sharing      *SharingStats    `json:"sharing,omitempty"`     // set if there are any
	RemoteOff    string           `json:"remote_off,omitempty"`  // why the remote cache was turned off for the project
}

// TierStats is a place beyond the project's cache where results are looked for.
type TierStats struct {
	Name         string  `json:"name"`                // "shared", "remote" or "farm"
	Place        string  `json:"place"`               // a folder or a URL
	Bytes        int64   `json:"bytes,omitempty"`     // 0 = unknown
	MaxBytes     int64   `json:"max_bytes,omitempty"` // 0 = no limit, or unknown
	Entries      int64   `json:"entries,omitempty"`   // 0 = unknown
	Hits         int64   `json:"hits"`
	Misses       int64   `json:"misses"`
	Stored       int64   `json:"stored"`
	SavedSeconds float64 `json:"saved_seconds"`
	// Of a server:
	State        string  `json:"state,omitempty"` // "connecting", "on" or "off"
	Why          string  `json:"why,omitempty"`   // it is off
	MayWrite     bool    `json:"may_write,omitempty"`
	WhyNot       string  `json:"why_not,omitempty"`         // nothing is stored
	Latency      float64 `json:"latency_seconds,omitempty"` // of a look-up, averaged
	LostSeconds  float64 `json:"lost_seconds,omitempty"`    // of the last build: a free slot waited for it in vain
	Queue        int     `json:"queue,omitempty"`           // results that wait to be uploaded
	QueueBytes   int64   `json:"queue_bytes,omitempty"`
	FetchedBytes int64   `json:"fetched_bytes,omitempty"`
	StoredBytes  int64   `json:"stored_bytes,omitempty"`
	// Of a build farm, where Hits are compiles with a result that was used, Misses those without,
	// and SavedSeconds the time of workers:
	MayExecute bool           `json:"may_execute,omitempty"`
	Running    int            `json:"running,omitempty"` // compiles there now
	Slots      int            `json:"slots,omitempty"`   // compiles there at a time, at most
	Kept       map[string]int `json:"kept,omitempty"`    // compiles that did not go there or have no result from there, by reason
}

// SharingStats is what became of results that might serve in other folders, since the service
// was made.
type SharingStats struct {
	Waiting int            `json:"waiting"` // an idle compile will decide about them
	Stored  int            `json:"stored"`
	Kept    map[string]int `json:"kept,omitempty"` // results and commands that stay in their folder, by reason
}

// CacheShareRequest has no fields.
type CacheShareRequest struct{}

// CacheShareReply says what is shared now.
type CacheShareReply struct {
	SharingStats
}

// CacheClearRequest says what goes.
type CacheClearRequest struct {
	// UnusedSeconds leaves what was used later; 0 leaves nothing. What it removes cannot be
	// restored.
	UnusedSeconds float64 `json:"unused_seconds,omitempty"`
}

// CacheClearReply counts what went, and how to undo it.
type CacheClearReply struct {
	Token       string  `json:"token"`
	UndoSeconds float64 `json:"undo_seconds"`
	Bytes       int64   `json:"bytes"`
	Entries     int64   `json:"entries"`
}

// CacheRestoreRequest undoes a clear.
type CacheRestoreRequest struct {
	Token string `json:"token"`
}

// CacheRestoreReply counts what came back.
type CacheRestoreReply struct {
	Bytes   int64 `json:"bytes"`
	Entries int64 `json:"entries"`
}

// CacheVerifyRequest asks for a check of all entries, or of a sample. With a plan it
// also asks to compile again, plainly, the units of it that the cache has objects for.
type CacheVerifyRequest struct {
	Sample int   `json:"sample,omitempty"` // 0 = all
	Plan   *Plan `json:"plan,omitempty"`   // nil: only read back
	// Env is the environment in which to compile again; nil: that of the plan.
	Env []string `json:"env,omitempty"`
}

// CacheVerifyReply reports what was read and what was wrong. Damaged entries are
// deleted, different ones put aside: the next build compiles them.
type CacheVerifyReply struct {
	Checked int64    `json:"checked"`
	Damaged []string `json:"damaged"` // action key and what is wrong with it
	// Recomputed counts the actions whose outputs were made again.
	Recomputed int64 `json:"recomputed,omitempty"`
	// Different are actions whose outputs are not what the plain command makes, with what
	// is known of them.
	Different []string `json:"different,omitempty"`
	// Unsteady are actions whose command does not make the same twice, so that nothing can
	// be said of the cache.
	Unsteady []string `json:"unsteady,omitempty"`
	// Absent counts actions of the plan for which the cache has no result that belongs
	// to their present inputs.
	Absent int64 `json:"absent,omitempty"`
}

// InputsRequest asks what the files that units read cost. Seconds is what each unit
// takes, by ID: a file costs the sum over the units that read it.
type InputsRequest struct {
	Seconds map[string]float64 `json:"seconds"`
	Paths   []string           `json:"paths,omitempty"` // only these, in this order
}

// InputsReply is what was asked for.
type InputsReply struct {
	Files []InputCost `json:"files"`
}

// InputCost is what a file costs that units read.
type InputCost struct {
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`   // its size now, 0 if it is gone
	Units   int     `json:"units"`   // that read it
	Seconds float64 `json:"seconds"` // that these units take together
}

// DoubtsRequest asks which results are not believed.
type DoubtsRequest struct{}

// DoubtsReply is what was asked for, in the order of the IDs.
type DoubtsReply struct {
	Doubts []Doubt `json:"doubts"`
}

// Doubt is why a result is made again by each build: not all that made it is known.
type Doubt struct {
	ID  string `json:"id"`  // of a unit, link or step
	Why string `json:"why"` // a sentence for people
}
