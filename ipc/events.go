package ipc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"time"
)

// Schema is the version of everything that is printed or sent as JSON: events,
// status, history. It grows when a field changes its meaning.
const Schema = 1

// Event is something that happened, in the one form that serves the wire, --json,
// --record, --replay and the history: a header and a body of one of the registered
// kinds, in JSON as one flat object.
type Event struct {
	Schema int       `json:"schema"`
	Name   string    `json:"event"`            // "unit_finished", …: from the body's type
	Seq    uint64    `json:"seq,omitempty"`    // grows by one per event of a sender; 0 = not numbered
	Time   time.Time `json:"time"`             // when it happened
	Build  string    `json:"build,omitempty"`  // id of the build it belongs to
	Number int       `json:"number,omitempty"` // counts the events of one build, from 1; 0 = not counted
	Body   EventBody `json:"-"`
}

// EventBody is one of the kinds below.
type EventBody interface{ EventName() string }

// MaxDirtyNodes is how many nodes a [DirtyChanged] lists: more than any screen or
// reader looks at, and few enough for one message.
const MaxDirtyNodes = 10_000

// NewEvent makes an event of now.
func NewEvent(build string, body EventBody) Event {
	return Event{Schema: Schema, Name: body.EventName(), Time: time.Now(), Build: build, Body: body}
}

// The kinds of events of a build, in the order in which they come.
type (
	// BuildQueued: a request waits.
	BuildQueued struct {
		Position int      `json:"position"` // 1 = next
		Trigger  string   `json:"trigger"`
		Targets  []string `json:"targets,omitempty"`
		Files    []string `json:"files,omitempty"`
	}
	// BuildStarted: the pipeline runs.
	BuildStarted struct {
		Project string   `json:"project"` // name
		Root    string   `json:"root"`
		Trigger string   `json:"trigger"`
		Daemons bool     `json:"daemons"` // false: all services run in the caller's process
		Targets []string `json:"targets,omitempty"`
		Files   []string `json:"files,omitempty"`
	}
	// BuildPlanned: what there is and what may have to be done.
	BuildPlanned struct {
		Units    int     `json:"units"`            // of the request
		Targets  int     `json:"targets"`          // to be linked or archived
		Dirty    int     `json:"dirty"`            // that may have to be compiled
		Expected float64 `json:"expected_seconds"` // by history and slots; 0 = unknown
		// Nodes are the IDs of the dirty units.
		Nodes []string `json:"nodes,omitempty"`
	}
	// StepStarted: the command of a [[generate]] step runs.
	StepStarted struct {
		Step     string  `json:"step"` // ID
		Expected float64 `json:"expected_seconds,omitempty"`
	}
	// StepFinished: a [[generate]] step.
	StepFinished struct {
		Step        string  `json:"step"` // ID
		Status      string  `json:"status"`
		Reason      Reason  `json:"reason"`
		Seconds     float64 `json:"seconds"`
		Changed     bool    `json:"changed"`
		Diagnostics string  `json:"diagnostics,omitempty"`
	}
	// UnitsCached: units in place, for which nothing was done at all; the first ten
	// are named.
	UnitsCached struct {
		Count int      `json:"count"`
		Files []string `json:"files"`
	}
	// UnitStarted: a compiler runs.
	UnitStarted struct {
		File     string  `json:"file"`
		Target   string  `json:"target"`
		Seen     bool    `json:"seen"` // history knows the unit: "Recompiling"
		Expected float64 `json:"expected_seconds,omitempty"`
	}
	// UnitFinished: a unit was compiled, failed, skipped or delivered from the cache.
	UnitFinished struct {
		File        string   `json:"file"`
		Target      string   `json:"target"`
		Status      string   `json:"status"`
		Reason      Reason   `json:"reason"`
		Seconds     float64  `json:"seconds"`
		Seen        bool     `json:"seen"`
		CPU         float64  `json:"cpu_seconds,omitempty"`
		Peak        int64    `json:"peak_bytes,omitempty"`
		Bytes       int64    `json:"object_bytes,omitempty"`
		Saved       float64  `json:"saved_seconds,omitempty"`
		Diagnostics string   `json:"diagnostics,omitempty"`
		Exit        int      `json:"exit,omitempty"`
		Command     []string `json:"command,omitempty"`
		Spans       []Span   `json:"spans,omitempty"`
	}
	// LinkStarted: a linker or archiver runs.
	LinkStarted struct {
		Target string `json:"target"`
		Output string `json:"output"`
	}
	// LinkFinished: a target was linked, taken from the cache, failed or skipped.
	// Targets that were in place are not reported, unless the build told before that they failed or
	// were skipped: it looks again when another request has joined.
	LinkFinished struct {
		Target      string   `json:"target"`
		Output      string   `json:"output"`
		Status      string   `json:"status"`
		Reason      Reason   `json:"reason"`
		Seconds     float64  `json:"seconds"`
		Bytes       int64    `json:"bytes,omitempty"`
		Diagnostics string   `json:"diagnostics,omitempty"`
		Command     []string `json:"command,omitempty"`
		Spans       []Span   `json:"spans,omitempty"`
	}
	// BuildPhase: a part of the pipeline has ended; only in builds that are traced.
	BuildPhase struct {
		Phase   string    `json:"phase"` // "queue", "sync", "plan" or "make"
		Start   time.Time `json:"start"`
		Seconds float64   `json:"seconds"`
	}
	// BuildFinished: how it ended. Cached counts all units for which nothing was
	// compiled.
	BuildFinished struct {
		OK bool `json:"ok"`
		Counts
		Links     int     `json:"links"` // linkers and archivers that ran
		Seconds   float64 `json:"seconds"`
		Cancelled bool    `json:"cancelled,omitempty"` // it did not succeed because it was cancelled
		Detail    string  `json:"detail,omitempty"`
	}
)

// The kinds of events that belong to no build, or to any.
type (
	// Notice: something the user should know once: a fallback, a degraded mode.
	Notice struct {
		Level   string `json:"level"` // "info", "warning" or "error"
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
	// CancelRequested: somebody wants the build to stop. Only the process that announced it
	// gets this.
	CancelRequested struct{}
	// DaemonChanged: a daemon's state changed.
	DaemonChanged struct{ DaemonStatus }
	// FilesChanged: files of the project changed; Dirty counts nodes.
	FilesChanged struct {
		Generation uint64   `json:"generation"`
		Paths      []string `json:"paths"` // at most 100
		Dirty      int      `json:"dirty"`
		Units      []string `json:"units,omitempty"` // dirty nodes' IDs, at most 100
	}
	// DirtyChanged: which nodes are dirty now, with the causes of each. It is sent
	// whenever that changes, by a file or by a build.
	DirtyChanged struct {
		Known bool        `json:"known"` // false: discovery does not answer, so nothing is known
		Count int         `json:"count"`
		Nodes []DirtyNode `json:"nodes,omitempty"` // the first of them, see [MaxDirtyNodes]
	}
	// CacheChanged: the cache's numbers, after a build or a clear.
	CacheChanged struct{ CacheStatsReply }
	// Snapshot: everything a new subscriber has to know. It replaces
	// what earlier events said.
	Snapshot struct {
		Status SetStatus     `json:"status"`
		Queue  QueueReply    `json:"queue"`
		Recent []BuildRecord `json:"recent,omitempty"` // newest first
		Dirty  DirtyChanged  `json:"dirty"`
		// Build is the build that runs, or the last one that ran in the orchestrator's
		// life: its events, without those that later ones make superfluous.
		Build []Event `json:"build_events,omitempty"`
	}
	// Heartbeat: nothing happened, the sender is alive. Only on the wire.
	Heartbeat struct{}
)

// EventName implementations: the word in "event".
func (BuildQueued) EventName() string     { return "build_queued" }
func (BuildStarted) EventName() string    { return "build_started" }
func (BuildPlanned) EventName() string    { return "build_planned" }
func (StepStarted) EventName() string     { return "step_started" }
func (StepFinished) EventName() string    { return "step_finished" }
func (UnitsCached) EventName() string     { return "units_cached" }
func (UnitStarted) EventName() string     { return "unit_started" }
func (UnitFinished) EventName() string    { return "unit_finished" }
func (LinkStarted) EventName() string     { return "link_started" }
func (LinkFinished) EventName() string    { return "link_finished" }
func (BuildPhase) EventName() string      { return "build_phase" }
func (BuildFinished) EventName() string   { return "build_finished" }
func (Notice) EventName() string          { return "notice" }
func (CancelRequested) EventName() string { return "cancel_requested" }
func (DaemonChanged) EventName() string   { return "daemon_changed" }
func (FilesChanged) EventName() string    { return "files_changed" }
func (DirtyChanged) EventName() string    { return "dirty_changed" }
func (CacheChanged) EventName() string    { return "cache_changed" }
func (Snapshot) EventName() string        { return "snapshot" }
func (Heartbeat) EventName() string       { return "heartbeat" }

// EventBodies returns a zero value of every kind, sorted by name: the schema.
func EventBodies() []EventBody {
	all := []EventBody{
		BuildQueued{}, BuildStarted{}, BuildPlanned{}, StepStarted{}, StepFinished{}, UnitsCached{}, UnitStarted{},
		UnitFinished{}, LinkStarted{}, LinkFinished{}, BuildPhase{}, BuildFinished{}, Notice{}, CancelRequested{}, DaemonChanged{},
		FilesChanged{}, DirtyChanged{}, CacheChanged{}, Snapshot{}, Heartbeat{},
	}
	sort.Slice(all, func(i, j int) bool { return all[i].EventName() < all[j].EventName() })
	return all
}

// eventHeader is Event without its methods, so that it can be encoded plainly.
type eventHeader Event

// MarshalJSON writes header and body as one flat object, header first.
func (e Event) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(eventHeader(e))
	if err != nil || e.Body == nil {
		return head, err
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, []byte("{}")) {
		return head, nil
	}
	head[len(head)-1] = ','
	return append(head, body[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. An event of an unknown kind, from a
// newer sender, keeps its header and has a nil Body.
func (e *Event) UnmarshalJSON(data []byte) error {
	var h eventHeader
	if err := json.Unmarshal(data, &h); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	for _, kind := range EventBodies() {
		if kind.EventName() != h.Name {
			continue
		}
		v := reflect.New(reflect.TypeOf(kind))
		if err := json.Unmarshal(data, v.Interface()); err != nil {
			return fmt.Errorf("event %s: %w", h.Name, err)
		}
		h.Body = v.Elem().Interface().(EventBody)
	}
	*e = Event(h)
	return nil
}
