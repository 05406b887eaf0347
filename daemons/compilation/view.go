package compilation

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// view is what one batch, link or step sees of the files: each path is looked at
// once, however many units read it, so that a build decides by one state of the
// world. What changes after the look is the next build's; discovery gets the
// signatures seen here and notices.
type view struct {
	root    string
	env     []string // of the request
	tables  *tables
	digests *digests
	disks   stamps.Disks

	mu      sync.Mutex
	seen    []seenPath        // by path number
	folders map[string]string // digests of the names in folders
	links   links
	same    []bool // by file number: known to have that content
	missing []bool // by path number: known to be missing
}

type seenPath struct {
	sig    ipc.Signature
	digest cache.Digest
	signed bool
	hashed bool
	err    error  // of hashing
	doubt  string // why a later look may not tell another content from digest
	tidy   string // see view.tidy
}

// difference is why a set of inputs is not what is there now.
type difference struct {
	kind     string // one of ipc.CauseChanged, CauseRemoved, CauseAppeared, CauseListing
	path     string
	old, new cache.Digest
}

func newView(root string, env []string, t *tables, d *digests) *view {
	return &view{root: root, env: env, tables: t, digests: d, folders: make(map[string]string)}
}

// at returns the entry of a path number. v.mu is held.
func (v *view) at(id uint32) *seenPath {
	if int(id) >= len(v.seen) {
		v.seen = append(v.seen, make([]seenPath, int(id)+1-len(v.seen)+len(v.seen)/2)...)
	}
	return &v.seen[id]
}

// sign returns the signature of a path number, looking at the file the first time.
func (v *view) sign(id uint32) ipc.Signature {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.signLocked(id).sig
}

func (v *view) signLocked(id uint32) *seenPath {
	s := v.at(id)
	if !s.signed {
		s.sig, s.signed = ipc.StatSignature(v.abs(v.tables.path(id))), true
	}
	return s
}

// signature is sign for a path.
func (v *view) signature(path string) ipc.Signature { return v.sign(v.tables.pathNumber(path)) }

// digest returns the content of a path number; an error means that there is none.
func (v *view) digest(id uint32) (cache.Digest, error) {
	v.mu.Lock()
	s := *v.signLocked(id)
	v.mu.Unlock()
	if s.hashed {
		return s.digest, s.err
	}
	is, err := v.digests.of(v.abs(v.tables.path(id)), s.sig)
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.at(id)
	now.digest, now.doubt, now.err, now.hashed = is.digest, is.doubt, err, true
	if err == nil {
		now.sig = is.sig
	}
	return is.digest, err
}

// digestOf is digest for a path.
func (v *view) digestOf(path string) (cache.Digest, error) {
	return v.digest(v.tables.pathNumber(path))
}

// forget makes the next question about a path look again: we have just written it.
func (v *view) forget(path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*v.at(v.tables.pathNumber(path)) = seenPath{}
	v.compareAgain()
}

// compareAgain forgets what has been compared; v.mu is held.
func (v *view) compareAgain() {
	clear(v.same)
	clear(v.missing)
}

// compare returns the first difference between a set and what is there, nil if
// there is none. Thousands of units share most of their inputs, so what has been
// compared once is a bit to look at.
func (v *view) compare(set packedSet) *difference {
	files, misses := v.unknown(set)
	for _, id := range files {
		f := v.tables.file(id)
		if d := v.compareFile(f.path, f.digest); d != nil {
			return d
		}
		v.mu.Lock()
		mark(&v.same, id)
		v.mu.Unlock()
	}
	for _, id := range misses {
		if v.sign(id).Exists() {
			return &difference{kind: ipc.CauseAppeared, path: v.tables.path(id)}
		}
		v.mu.Lock()
		mark(&v.missing, id)
		v.mu.Unlock()
	}
	return v.compareFolders(v.tables.foldersOf(set))
}

// unknown returns the numbers of a set that have not been compared yet.
func (v *view) unknown(set packedSet) (files, misses []uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range eachNumber(set.Files) {
		if int(id) >= len(v.same) || !v.same[id] {
			files = append(files, id)
		}
	}
	for id := range eachNumber(set.Misses) {
		if int(id) >= len(v.missing) || !v.missing[id] {
			misses = append(misses, id)
		}
	}
	return files, misses
}

// mark sets a bit and makes room for it.
func mark(bits *[]bool, id uint32) {
	if n := int(id) + 1; n > len(*bits) {
		*bits = append(*bits, make([]bool, n-len(*bits)+n/2)...)
	}
	(*bits)[id] = true
}

// compareSet is compare for a set that is not in the tables.
func (v *view) compareSet(set inputSet) *difference {
	for _, f := range set.files {
		if d := v.compareFile(v.tables.pathNumber(f.Path), f.Digest); d != nil {
			return d
		}
	}
	for _, m := range set.misses {
		if v.signature(m).Exists() {
			return &difference{kind: ipc.CauseAppeared, path: m}
		}
	}
	return v.compareFolders(set.listings)
}

func (v *view) compareFile(id uint32, want cache.Digest) *difference {
	now, err := v.digest(id)
	switch {
	case err == nil && now == want:
		return nil
	case err != nil && !v.sign(id).Exists():
		return &difference{kind: ipc.CauseRemoved, path: v.tables.path(id), old: want}
	}
	return &difference{kind: ipc.CauseChanged, path: v.tables.path(id), old: want, new: now}
}

func (v *view) compareFolders(listings []cache.Listing) *difference {
	for _, l := range listings {
		if kind := v.sameFact(l); kind != "" {
			return &difference{kind: kind, path: l.Dir}
		}
	}
	return nil
}

// names returns the digest of the names in a folder, looking at it the first time;
// one that cannot be read has none.
func (v *view) names(dir string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	digest, known := v.folders[dir]
	if !known {
		digest = listFolder(v.abs(dir))
		v.folders[dir] = digest
	}
	return digest
}

func listFolder(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return ipc.ListingDigest(names)
}

// contradiction names a file of a set that has another content by now, or may have one
// although its signature is the same; "" if none.
func (v *view) contradiction(set packedSet) string {
	files, _ := v.tables.numbers(packedSet{Files: set.Files})
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range files {
		switch s := v.at(f.path); {
		case !s.hashed:
		case s.err != nil || s.digest != f.digest:
			return v.tables.path(f.path) + " changed meanwhile"
		case s.doubt != "":
			return v.tables.path(f.path) + " " + s.doubt
		}
	}
	return ""
}

// signAll looks at every file of a set, so that a later look tells whether it has
// changed in between.
func (v *view) signAll(set packedSet) {
	files, _ := v.tables.numbers(set)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range files {
		v.signLocked(f.path)
	}
}

// errChanged is returned by renew for a file that is not what it was.
var errChanged = errors.New("changed meanwhile")

// renew looks at a path again, after a process has read it, and returns its
// content. Unless the file is what it was before, if it was looked at before, and
// its last change is older than since (ns), nobody knows which content was read,
// and the error is errChanged. The same holds if its content was in doubt all the time.
func (v *view) renew(path string, since int64) (cache.Digest, error) {
	id := v.tables.pathNumber(path)
	sig := ipc.StatSignature(v.abs(path))
	v.mu.Lock()
	s := v.at(id)
	changed := s.signed && s.sig != sig || v.disks.Latest(v.abs(path), sig) >= since
	if s.signed && s.sig != sig {
		*s = seenPath{}
		v.compareAgain()
	}
	s.sig, s.signed = sig, true
	v.mu.Unlock()
	sum, err := v.digest(id)
	if changed && sig.Exists() || err == nil && (v.sign(id) != sig || v.doubts(id)) {
		err = errChanged
	}
	return sum, err
}

// doubts reports whether a file may have another content than the one that was read,
// and the same signature.
func (v *view) doubts(id uint32) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at(id).doubt != ""
}

func (v *view) abs(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return v.root + "/" + p
}

// tidy gives a path the form that discovery and people know: without "..". It is
// left as it is if that would name another file, or if nobody can tell because
// neither is there.
func (v *view) tidy(p string) string {
	if !strings.Contains(p, "..") {
		return path.Clean(p)
	}
	clean := spell(v.root, path.Clean(v.abs(p)))
	if sig := v.signature(p); !sig.Exists() || v.signature(clean) != sig {
		return p
	}
	return clean
}

// tidyNumber is tidy for a path number; the answer is kept.
func (v *view) tidyNumber(id uint32) string {
	v.mu.Lock()
	known := v.at(id).tidy
	v.mu.Unlock()
	if known != "" {
		return known
	}
	clean := v.tidy(v.tables.path(id))
	v.mu.Lock()
	v.at(id).tidy = clean
	v.mu.Unlock()
	return clean
}
