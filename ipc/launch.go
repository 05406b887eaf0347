package ipc

import (
	"context"
	"time"
)

// Launcher answers the thin client, which stands before a compiler as ccache does, or is to build
// a folder that may have nothing to do. A look at files serves one request only, and begins after the request has come.
type Launcher interface {
	// Launch looks a command up. It writes nothing but temporary files beside the outputs.
	Launch(context.Context, LaunchRequest) LaunchAnswer
}

// LaunchRequest is a command as the thin client was called.
type LaunchRequest struct {
	Dir     string   // the working folder, as getcwd(2) returns it
	Program string   // the compiler, absolute; else our own Go program
	Args    []string // the first is the name by which it is called
	Env     []string
	Umask   uint32
	PID     int // of the client, 0 if it is not known
	// Terminals says which of the standard outputs are terminals: 1 the first, 2 the second.
	Terminals uint32
}

// What a LaunchAnswer says.
const (
	LaunchHit  = 'h' // Files are to be renamed, Stderr is to be printed, and that is all
	LaunchMiss = 'm' // the command is to run traced, and to be reported
	LaunchRun  = 'r' // the command is to run as it is
	LaunchDone = 'd' // Stdout is to be printed, and that is all
)

// LaunchAnswer is what the thin client is to do.
type LaunchAnswer struct {
	Kind   byte
	Why    string       // of LaunchRun, and of LaunchMiss: what differs from a known result, "" if there is none
	Files  []LaunchFile // of LaunchHit, in the order in which they are renamed
	Stderr []byte       // of LaunchHit
	Stdout []byte       // of LaunchDone
	// Starter goes before the path and the arguments of the command, Env (NAME=value) takes
	// the place of variables of these names. Of LaunchMiss.
	Starter []string
	Env     []string
	Miss    LaunchMissed // of LaunchMiss; Close it
	// Made says that a LaunchHit was compiled for this request. Stored is to be called when the
	// answer has been sent, nil if there is nothing to do.
	Made   bool
	Stored func()
}

// LaunchFile is a finished output and the place that it belongs to, both absolute.
type LaunchFile struct{ Temporary, Path string }

// LaunchMissed is a command that runs as a child of the thin client.
type LaunchMissed interface {
	// Finish finds out what the command read and made. The caller calls the function that
	// it returns to store that, nil if it is not stored, when it knows that the thin client
	// still waits: nothing that runs after the compiler has changed the outputs until then.
	Finish(context.Context, LaunchEnd) (store func())
	Close()
}

// LaunchEnd is how a command ended.
type LaunchEnd struct {
	Status  int // as wait4(2) gives it
	Seconds float64
	CPU     float64
	Peak    int64  // bytes
	Stdout  int    // bytes that it printed there
	Stderr  []byte // what it printed there
	Cut     bool   // Stderr is not all of it
}

// LaunchNumbers counts launched commands since the service began.
type LaunchNumbers struct {
	Hits      int64            `json:"hits"`
	Misses    int64            `json:"misses"`
	Stored    int64            `json:"stored"`     // of the misses
	NotStored int64            `json:"not_stored"` // of the misses
	Warm      int64            `json:"warm"`       // of the misses, compiled by a clang that was resident
	Refused   map[string]int64 `json:"refused"`    // commands that were left alone, by reason
}

// LaunchesRequest asks for what became of launched commands.
type LaunchesRequest struct {
	After int64 `json:"after,omitempty"` // only what was noted after so many records
}

// LaunchesReply is what became of launched commands.
type LaunchesReply struct {
	LaunchNumbers
	Running int            `json:"running"`        // misses
	Noted   int64          `json:"noted"`          // records since the service began
	Last    []LaunchRecord `json:"last,omitempty"` // the last ones, oldest first
}

// Any reports whether anything was launched.
func (n LaunchNumbers) Any() bool { return n.Hits+n.Misses > 0 || len(n.Refused) > 0 }

// What became of a launched command.
const (
	LaunchedHit       = "hit"
	LaunchedMiss      = "miss"
	LaunchedAlone     = "run"
	LaunchedStored    = "stored"
	LaunchedNotStored = "not stored"
)

// LaunchRecord is one thing that happened to a launched command.
type LaunchRecord struct {
	Time    time.Time `json:"time"`
	Dir     string    `json:"dir"`
	Args    []string  `json:"args"`
	Result  string    `json:"result"` // one of the words above
	Why     string    `json:"why,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	Failed  bool      `json:"failed,omitempty"` // a miss that ended with another exit code than 0
}
