package compilation

import (
	"maps"
	"os"
	"slices"
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
	Outputs     []outputRecord // the declared ones first
	Beside      []string       // paths that the action wrote last beside the declared ones
	Failed      bool           // the last attempt; Outputs are those of the one before
	Unsettled   string         // why the outputs are not what the inputs make, or may not be
	Uncacheable string         // why the cache does not have it
	Peak        int64          // bytes of memory that it took, 0 = unknown
	Mode        string         // of the cache's entry, "" = made plainly
	Observed    string         // how its inputs were found: byTrace or byDepfile
	Remote      bool           // a server made the outputs
}

// outputRecord is a file as we wrote it.
type outputRecord struct {
	Path   string
	Sig    ipc.Signature
	Digest cache.Digest
}

// trusted reports whether the outputs belong to the inputs.
func (r *record) trusted() bool { return r != nil && !r.Failed && r.Unsettled == "" }

// made are the outputs of the last attempt.
func (r *record) made() []outputRecord {
	if r.Failed {
		return nil
	}
	return r.Outputs
}

// makes reports whether the record's outputs begin with those that are declared.
func (r *record) makes(declared []string) bool {
	if len(r.Outputs) < len(declared) {
		return false
	}
	for i, path := range declared {
		if r.Outputs[i].Path != path {
			return false
		}
	}
	return true
}

// output returns the record of an output, nil if there is none.
func (r *record) output(path string) *outputRecord {
	if r == nil {
		return nil
	}
	for i := range r.Outputs {
		if r.Outputs[i].Path == path {
			return &r.Outputs[i]
		}
	}
	return nil
}

// withoutBeside is the record of an action that another one took a file from.
func (r *record) withoutBeside(path string) *record {
	c := *r
	c.Beside = slices.DeleteFunc(slices.Clone(r.Beside), func(p string) bool { return p == path })
	c.Outputs = slices.DeleteFunc(slices.Clone(r.Outputs), func(o outputRecord) bool { return o.Path == path })
	return &c
}

// records are the service's memory of everything it made, by ID.
type records struct {
	mu      sync.Mutex
	byID    map[string]*record
	recipes map[cache.Digest]*recipe
	// makers are the actions that wrote files beside their declared outputs last, by path.
	makers  map[string]string
	changes int // since the last save
}

func newRecords() *records {
	return &records{byID: make(map[string]*record), recipes: make(map[cache.Digest]*recipe), makers: make(map[string]string)}
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
	r.set(id, rec)
	r.recipes[rec.Recipe] = made
	r.changes++
}

// drop forgets an ID.
func (r *records) drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[id] != nil {
		r.set(id, &record{})
		delete(r.byID, id)
		r.changes++
	}
}

// set gives an ID its record. A file beside outputs belongs to the action that wrote it
// last: it counts no more for another one. r.mu is held.
func (r *records) set(id string, rec *record) {
	if old := r.byID[id]; old != nil {
		for _, p := range old.Beside {
			if r.makers[p] == id {
				delete(r.makers, p)
			}
		}
	}
	for _, p := range rec.Beside {
		if other := r.makers[p]; other != "" && r.byID[other] != nil {
			r.byID[other] = r.byID[other].withoutBeside(p)
		}
		r.makers[p] = id
	}
	r.byID[id] = rec
}

// maker returns the action that wrote a file beside its outputs last, "" if none did.
func (r *records) maker(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.makers[path]
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
