package compilation

import (
	"maps"
	"os"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// record is what a unit, link or step was last made from and made. It tells whether
// the output is in place still, without the cache, and what has changed since.
type record struct {
	Recipe      cache.Digest
	Base        cache.Digest
	Action      cache.Digest
	Set         snapshot.PackedSet
	Outputs     []outputRecord
	Failed      bool   // the last attempt; Outputs is empty then
	Unsettled   string // why the outputs are not what the inputs make, or may not be
	Uncacheable string // why the cache does not have it
	Peak        int64  // bytes of memory that it took, 0 = unknown
	Mode        string // of the cache's entry, "" = made plainly
	Observed    string // how its inputs were found: byTrace or byDepfile
}

// outputRecord is a file as we wrote it.
type outputRecord struct {
	Path   string
	Sig    ipc.Signature
	Digest cache.Digest
}

// trusted reports whether the outputs belong to the inputs.
func (r *record) trusted() bool { return r != nil && !r.Failed && r.Unsettled == "" }

// records are the service's memory of everything it made, by ID.
type records struct {
	mu      sync.Mutex
	byID    map[string]*record
	recipes map[cache.Digest]*recipe
	changes int // since the last save
}

func newRecords() *records {
	return &records{byID: make(map[string]*record), recipes: make(map[cache.Digest]*recipe)}
}

// get returns the record of an ID, nil if there is none. It must not be changed.
func (r *records) get(id string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// recipe returns the recipe of a record.
func (r *records) recipe(rec *record) *recipe {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recipes[rec.Recipe]
}

// put replaces the record of an ID.
func (r *records) put(id string, rec *record, made *recipe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[id] = rec
	r.recipes[rec.Recipe] = made
	r.changes++
}

// snapshot copies the maps; what they hold is never changed.
func (r *records) snapshot() (map[string]*record, map[cache.Digest]*recipe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byID), maps.Clone(r.recipes)
}

// outputSignature looks at an output itself: a link in its place is not what we
// wrote, whatever it leads to.
func outputSignature(path string) ipc.Signature {
	fi, err := os.Lstat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return ipc.Signature{}
	}
	return ipc.SignatureOf(fi)
}
