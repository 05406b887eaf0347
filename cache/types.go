package cache

import "time"

// Input is a file that an action read.
type Input struct {
	Path   string
	Digest Digest
}

// Miss is names looked for in a folder and not found.
type Miss struct {
	Dir   string
	Names []string
}

// Listing is a folder whose names an action read; see ipc.Listing for the digest.
type Listing struct {
	Dir, Match, Digest string
}

// InputSet is everything that one run of an action read, and the key of the entry
// that it led to.
type InputSet struct {
	Inputs   []Input
	Misses   []Miss
	Listings []Listing
	Action   Digest
}

// Entry is what is kept for an action key.
type Entry struct {
	Action      Digest    `json:"action"`
	Outputs     []Output  `json:"outputs"`
	Diagnostics string    `json:"diagnostics,omitempty"` // as printed, colours included
	Seconds     float64   `json:"seconds"`               // what it cost to make
	CPU         float64   `json:"cpu_seconds"`
	Peak        int64     `json:"peak_bytes"`
	Created     time.Time `json:"created"`
	Command     string    `json:"command,omitempty"`
	// Mode is how it was made, "" = plainly; an audit knows then what may differ.
	Mode string `json:"mode,omitempty"`
	// Observed is how its inputs were found, "" = by watching the process.
	Observed string `json:"observed,omitempty"`
	// Origin says for people where it was made, "" = in the folder that the cache is for.
	Origin string `json:"origin,omitempty"`
	// Remote: it came from a server.
	Remote bool `json:"remote,omitempty"`
	// Templates are the names of outputs with markers in the place of folders' names, in a
	// store that serves several folders.
	Templates []string `json:"templates,omitempty"`
}

// Output is one file that an action made.
type Output struct {
	Name string `json:"name"`
	Blob Digest `json:"blob"`
	Size int64  `json:"size"`
	Mode uint32 `json:"mode"` // permission bits
}

// MissReason says why there is no entry; "" means that there is one.
type MissReason string

// Reasons of a miss; the words are those of ipc.Reason.
const (
	Found   MissReason = ""
	New     MissReason = "new"     // never stored
	Evicted MissReason = "evicted" // made room
	Expired MissReason = "expired" // not used for the TTL
	Damaged MissReason = "damaged" // not what was stored
	Cleared MissReason = "cleared" // the cache was emptied
)

// Stats is the store as it is now and what it did since it was made.
type Stats struct {
	Bytes        int64
	MaxBytes     int64
	Entries      int64
	Hits         int64
	Misses       int64
	MissReasons  map[string]int64
	Stored       int64
	Evicted      int64
	Damaged      int64
	SavedSeconds float64
	Oldest       time.Time // last use of the least recently used entry
	ReadOnly     string    // why nothing is stored, "" if it is
}
