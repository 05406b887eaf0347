package snapshot

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// Tree is what one batch, link or step sees of the files: each path is looked at
// once, however many units read it, so that a build decides by one state of the
// world. What changes after the look is the next build's; discovery gets the
// signatures seen here and notices.
type Tree struct {
	Root      string
	Env       []string               // of the request
	Variables *environment.Variables // the same
	Interner  *Interner
	hashes    *HashCache
	Disks     stamps.Disks

	mu      sync.Mutex
	seen    []seenPath        // by path number
	folders map[string]string // digests of the names in folders
	links   Links
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
	tidy   string // see Tree.Tidy
}

// Difference is why a set of inputs is not what is there now.
type Difference struct {
	Kind     string // one of ipc.CauseChanged, CauseRemoved, CauseAppeared, CauseListing, CauseEnvironment
	Path     string // of CauseEnvironment: the name or pattern
	Old, New cache.Digest
	// Was and Is are the texts of CauseEnvironment.
	Was, Is string
}

// New makes the snapshot of a request, which begins empty.
func New(root string, env []string, t *Interner, d *HashCache) *Tree {
	return &Tree{Root: root, Env: env, Variables: environment.New(env), Interner: t, hashes: d, folders: make(map[string]string)}
}

// at returns the entry of a path number. v.mu is held.
func (v *Tree) at(id uint32) *seenPath {
	if int(id) >= len(v.seen) {
		v.seen = append(v.seen, make([]seenPath, int(id)+1-len(v.seen)+len(v.seen)/2)...)
	}
	return &v.seen[id]
}

// Sign returns the signature of a path number, looking at the file the first time.
func (v *Tree) Sign(id uint32) ipc.Signature {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.signLocked(id).sig
}

func (v *Tree) signLocked(id uint32) *seenPath {
	s := v.at(id)
	if !s.signed {
		s.sig, s.signed = ipc.StatSignature(v.Abs(v.Interner.Path(id))), true
	}
	return s
}

// Signature is Sign for a path.
func (v *Tree) Signature(path string) ipc.Signature { return v.Sign(v.Interner.PathNumber(path)) }

// digest returns the content of a path number; an error means that there is none.
func (v *Tree) digest(id uint32) (cache.Digest, error) {
	v.mu.Lock()
	s := *v.signLocked(id)
	v.mu.Unlock()
	if s.hashed {
		return s.digest, s.err
	}
	is, err := v.hashes.Hash(v.Abs(v.Interner.Path(id)), s.sig)
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.at(id)
	now.digest, now.doubt, now.err, now.hashed = is.Digest, is.doubt, err, true
	if err == nil {
		now.sig = is.Sig
	}
	return is.Digest, err
}

// DigestOf is digest for a path.
func (v *Tree) DigestOf(path string) (cache.Digest, error) {
	return v.digest(v.Interner.PathNumber(path))
}

// Forget makes the next question about a path look again: we have just written it.
func (v *Tree) Forget(path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*v.at(v.Interner.PathNumber(path)) = seenPath{}
	v.compareAgain()
}

// compareAgain forgets what has been compared; v.mu is held.
func (v *Tree) compareAgain() {
	clear(v.same)
	clear(v.missing)
}

// Compare returns the first difference between a set and what is there, nil if
// there is none. Thousands of units share most of their inputs, so what has been
// compared once is a bit to look at.
func (v *Tree) Compare(set PackedSet) *Difference {
	files, misses := v.unknown(set)
	for _, id := range files {
		f := v.Interner.File(id)
		if d := v.CompareFile(f.Path, f.Digest); d != nil {
			return d
		}
		v.mu.Lock()
		mark(&v.same, id)
		v.mu.Unlock()
	}
	for _, id := range misses {
		if v.Sign(id).Exists() {
			return &Difference{Kind: ipc.CauseAppeared, Path: v.Interner.Path(id)}
		}
		v.mu.Lock()
		mark(&v.missing, id)
		v.mu.Unlock()
	}
	return v.CompareListings(v.Interner.Listings(set))
}

// unknown returns the numbers of a set that have not been compared yet.
func (v *Tree) unknown(set PackedSet) (files, misses []uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range EachNumber(set.Files) {
		if int(id) >= len(v.same) || !v.same[id] {
			files = append(files, id)
		}
	}
	for id := range EachNumber(set.Misses) {
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

// CompareSet is Compare for a set that is not interned.
func (v *Tree) CompareSet(set InputSet) *Difference {
	for _, f := range set.Files {
		if d := v.CompareFile(v.Interner.PathNumber(f.Path), f.Digest); d != nil {
			return d
		}
	}
	for _, m := range set.Misses {
		if v.Signature(m).Exists() {
			return &Difference{Kind: ipc.CauseAppeared, Path: m}
		}
	}
	return v.CompareListings(set.Listings)
}

// CompareFile is Compare for one file, by the number of its path.
func (v *Tree) CompareFile(id uint32, want cache.Digest) *Difference {
	now, err := v.digest(id)
	switch {
	case err == nil && now == want:
		return nil
	case err != nil && !v.Sign(id).Exists():
		return &Difference{Kind: ipc.CauseRemoved, Path: v.Interner.Path(id), Old: want}
	}
	return &Difference{Kind: ipc.CauseChanged, Path: v.Interner.Path(id), Old: want, New: now}
}

// CompareListings is Compare for listings.
func (v *Tree) CompareListings(listings []cache.Listing) *Difference {
	for _, l := range listings {
		if kind := v.Differs(l); kind != "" {
			d := &Difference{Kind: kind, Path: l.Dir}
			if l.Match == Variable {
				d.Was, d.Is = l.Digest, v.Value(l)
			}
			return d
		}
	}
	return nil
}

// Names returns the digest of the names in a folder, looking at it the first time;
// one that cannot be read has none.
func (v *Tree) Names(dir string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	digest, known := v.folders[dir]
	if !known {
		digest = ListFolder(v.Abs(dir))
		v.folders[dir] = digest
	}
	return digest
}

// ListFolder is the digest of the names in a folder, "" if it cannot be read.
func ListFolder(dir string) string {
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

// Changed names a file of a set that has another content by now, or may have one
// although its signature is the same; "" if none.
func (v *Tree) Changed(set PackedSet) string {
	files, _ := v.Interner.Numbers(PackedSet{Files: set.Files})
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range files {
		switch s := v.at(f.Path); {
		case !s.hashed:
		case s.err != nil || s.digest != f.Digest:
			return v.Interner.Path(f.Path) + " changed meanwhile"
		case s.doubt != "":
			return v.Interner.Path(f.Path) + " " + s.doubt
		}
	}
	return ""
}

// SignAll looks at every file of a set, so that a later look tells whether it has
// changed in between.
func (v *Tree) SignAll(set PackedSet) {
	files, _ := v.Interner.Numbers(set)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range files {
		v.signLocked(f.Path)
	}
}

// ErrChanged is returned by [Tree.Renew] for a file that is not what it was.
var ErrChanged = errors.New("changed meanwhile")

// Renew looks at a path again, after a process has read it, and returns its
// content. Unless the file is what it was before, if it was looked at before, and
// its last change is older than since (ns), it is not known which content was read,
// and the error is ErrChanged. The same holds if its content was in doubt all the time.
func (v *Tree) Renew(path string, since int64) (cache.Digest, error) {
	id := v.Interner.PathNumber(path)
	sig := ipc.StatSignature(v.Abs(path))
	v.mu.Lock()
	s := v.at(id)
	changed := s.signed && s.sig != sig || v.Disks.Latest(v.Abs(path), sig) >= since
	if s.signed && s.sig != sig {
		*s = seenPath{}
		v.compareAgain()
	}
	s.sig, s.signed = sig, true
	v.mu.Unlock()
	sum, err := v.digest(id)
	if changed && sig.Exists() || err == nil && (v.Sign(id) != sig || v.doubts(id)) {
		err = ErrChanged
	}
	return sum, err
}

// doubts reports whether a file may have another content than the one that was read,
// and the same signature.
func (v *Tree) doubts(id uint32) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at(id).doubt != ""
}

// Abs makes a path absolute; it may be relative to the root.
func (v *Tree) Abs(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return v.Root + "/" + p
}

// Tidy gives a path the form that discovery and people know: without "..". It is
// left as it is if that would name another file, or if that cannot be told because
// neither is there.
func (v *Tree) Tidy(p string) string {
	if !strings.Contains(p, "..") {
		return path.Clean(p)
	}
	clean := Spell(v.Root, path.Clean(v.Abs(p)))
	if sig := v.Signature(p); !sig.Exists() || v.Signature(clean) != sig {
		return p
	}
	return clean
}

// TidyNumber is Tidy for a path number; the answer is kept.
func (v *Tree) TidyNumber(id uint32) string {
	v.mu.Lock()
	known := v.at(id).tidy
	v.mu.Unlock()
	if known != "" {
		return known
	}
	clean := v.Tidy(v.Interner.Path(id))
	v.mu.Lock()
	v.at(id).tidy = clean
	v.mu.Unlock()
	return clean
}
