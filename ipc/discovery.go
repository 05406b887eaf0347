package ipc

import "context"

// Discovery knows which recorded files have changed. It knows nothing of compilers: it
// keeps [NodeRecord]s (a plan, a step, a unit, a link), each with the files that it was
// made from, the names that it missed, the folders that it listed and the files that it
// made.
type Discovery interface {
	// Sync waits until every change made before the call has been digested and
	// says which nodes are dirty. In doubt (overflow, timeout, no events) it looks
	// at every tracked file itself; it never answers "clean" by default.
	Sync(context.Context, SyncRequest) (SyncReply, error)
	// Changes returns what has changed since a generation, for display.
	Changes(context.Context, ChangesRequest) (ChangesReply, error)
	// Record takes the inputs and outputs of finished nodes and marks them clean,
	// unless a file differs already from the signature in the record.
	Record(context.Context, RecordRequest) (RecordReply, error)
	// Dependents names the nodes that read a file, from memory.
	Dependents(context.Context, DependentsRequest) (DependentsReply, error)
	// Rescan forgets what events said and looks at every tracked file.
	Rescan(context.Context, RescanRequest) (RescanReply, error)
}

// SyncRequest asks what is dirty.
type SyncRequest struct {
	Full bool `json:"full,omitempty"` // stat everything; do not trust the watcher
}

// SyncReply is the state of the graph at a moment after the request.
type SyncReply struct {
	// Token names the set of records that the graph holds. It changes with every
	// Record and survives a restart only if the records did: a caller who holds
	// the Token of its last Record knows that nothing was lost.
	Token      string      `json:"token"`
	Generation uint64      `json:"generation"` // grows with every change of the project's files
	Dirty      []DirtyNode `json:"dirty"`
	Nodes      int         `json:"nodes"` // recorded nodes, dirty ones included
	Files      int         `json:"files"` // distinct files tracked
	Mode       string      `json:"mode"`  // "watch" or "stat": what the answer rests on
	Scanned    int         `json:"scanned"`
}

// DirtyNode is a recorded node whose inputs or outputs changed. Causes are in the order
// in which they were seen, at most eight. Set is that of the record, if only outputs
// changed.
type DirtyNode struct {
	ID     string  `json:"id"`
	Causes []Cause `json:"causes"`
	Set    string  `json:"set,omitempty"`
}

// Kinds of a [Cause].
const (
	CauseChanged   = "changed"   // an input's signature differs, and its content if the record has it
	CauseRemoved   = "removed"   // an input is gone
	CauseAppeared  = "appeared"  // a name that was missed is there now
	CauseListing   = "listing"   // a listed folder has other names in it
	CauseOutput    = "output"    // an output is gone or was changed by someone else
	CauseUnsettled = "unsettled" // an input changed while the node was made
	// CauseEnvironment: a variable that was asked for has another value. Discovery does not
	// know of them; see [NodeRecord].Variables.
	CauseEnvironment = "environment"
)

// Cause is one change that makes a node dirty.
type Cause struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"` // of "environment": the name of the variable
	Text string `json:"text,omitempty"` // of "unsettled": why the record cannot be trusted; of "output": what is wrong with it
}

// Miss is names looked for in a folder and not found. Dir need not exist. Paths
// are relative to the project's root where they lie beneath it.
type Miss struct {
	Dir   string   `json:"dir"`
	Names []string `json:"names"`
}

// Listing is a folder whose names somebody read. Digest is the hex SHA-256 of its
// sorted names, each followed by a NUL, of those that match Match (doublestar
// pattern relative to Dir; "" = all names directly in Dir). See [ListingDigest].
type Listing struct {
	Dir    string `json:"dir"`
	Match  string `json:"match,omitempty"`
	Digest string `json:"digest"`
}

// FileSig is a file with its signature at the time it was read or written. Digest is
// the hex SHA-256 of an input's content, given where nothing but the content matters:
// a node is clean with any file of that content there. "" = the signature matters.
// With [FolderDigest] it is clean with any folder there, whatever is in it.
//
// Link says that the path itself counts, not what it leads to: Sig is a
// [LinkSignature], and the content of a symbolic link is its text.
type FileSig struct {
	Path   string    `json:"path"`
	Sig    Signature `json:"sig"`
	Digest string    `json:"digest,omitempty"`
	Link   bool      `json:"link,omitempty"`
}

// FolderDigest is the [FileSig.Digest] of an input that has to be a folder, and of which nothing else
// matters: a hash of no content (of the word "folder").
const FolderDigest = "034a0062488256f14c8b14d025ec3988b148938f7f9db94ca0ac73f4b3614d8a"

// Track is a batch of tables that [NodeRecord]s point into, so that what a
// thousand units share travels once. A Plan's Track has exactly one node, "plan".
type Track struct {
	Files     []FileSig    `json:"files,omitempty"`
	Misses    []Miss       `json:"misses,omitempty"`
	Listings  []Listing    `json:"listings,omitempty"`
	Variables []Variable   `json:"variables,omitempty"`
	Nodes     []NodeRecord `json:"nodes,omitempty"`
}

// Variable is a variable of the environment as it was when a node was made, or all whose
// names fit Name if that ends in "*". Text is what it was: equal texts mean equal values.
type Variable struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// NodeRecord is what one node was made from and made; numbers are indices into
// the tables of the same Track.
type NodeRecord struct {
	ID       string   `json:"id"`
	Inputs   []uint32 `json:"inputs,omitempty"`
	Outputs  []uint32 `json:"outputs,omitempty"`
	Misses   []uint32 `json:"misses,omitempty"`
	Listings []uint32 `json:"listings,omitempty"`
	// Variables are those of the environment that the node was made from. Discovery, which
	// knows no environment, does not keep them: the orchestrator compares.
	Variables []uint32 `json:"variables,omitempty"`
	// Unsettled says that the node must not be taken for clean although it was
	// made: an input changed meanwhile, or it can never be trusted (__TIME__).
	Unsettled string `json:"unsettled,omitempty"`
	// Set names the inputs, misses, listings and variables, for a later record with Same, which
	// leaves them out: they are those that were recorded under that name. "" = no name.
	Set  string `json:"set,omitempty"`
	Same bool   `json:"same,omitempty"`
}

// RecordRequest is a batch of finished nodes. Forget names nodes that are no
// longer part of the plan; it is applied first.
type RecordRequest struct {
	Track
	Forget []string `json:"forget,omitempty"`
	Reset  bool     `json:"reset,omitempty"` // forget all nodes first
}

// RecordReply returns the token that now names the graph's records.
type RecordReply struct {
	Token string `json:"token"`
}

// ChangesRequest asks for the changes after a generation.
type ChangesRequest struct {
	Since uint64 `json:"since"`
	// Causes asks for at most so many dirty nodes with their causes, in place of Paths
	// and Dirty.
	Causes int `json:"causes,omitempty"`
}

// ChangesReply lists changed paths, newest last; Truncated if older ones are lost.
type ChangesReply struct {
	Generation uint64   `json:"generation"`
	Paths      []string `json:"paths"`
	Dirty      []string `json:"dirty"` // IDs of dirty nodes
	// Nodes are dirty nodes with their causes, Count how many there are; only if the
	// request asked for causes.
	Nodes     []DirtyNode `json:"nodes,omitempty"`
	Count     int         `json:"count,omitempty"`
	Truncated bool        `json:"truncated,omitempty"`
}

// DependentsRequest asks which nodes read Path (relative to the root, or absolute), or
// what the node with the ID Path read.
type DependentsRequest struct {
	Path string `json:"path"`
}

// DependentsReply names the nodes that read the file, and those that would if it
// appeared.
type DependentsReply struct {
	Nodes  []string `json:"nodes"`
	Missed []string `json:"missed,omitempty"`
	Inputs []string `json:"inputs,omitempty"` // if Path is a node's ID: the files that it read
}

// RescanRequest has no fields.
type RescanRequest struct{}

// RescanReply counts what was looked at.
type RescanReply struct {
	Files   int     `json:"files"`
	Dirty   int     `json:"dirty"`
	Seconds float64 `json:"seconds"`
}
