package snapshot

import (
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxKnownFiles bounds the files of the sets that a [KnownSets] remembers, some 40 MB.
const maxKnownFiles = 1_000_000

// KnownSets remembers which signatures the files and folders of stored sets had when the sets
// were compared last. Each comparison looks at every file and folder again; what it saves is
// everything else: with the signature that it had, a file has the content that it had, and a
// folder lacks the names that it lacked. Only signatures that no other content can have are
// remembered (see [HashCache] and [MissCache]). The zero value is ready.
type KnownSets struct {
	misses MissCache

	mu    sync.Mutex
	sets  map[cache.Digest]*knownSet // by the key of the entry that they lead to
	files map[absFile]*knownFile     // of all sets: most files belong to many
	count int                        // of the files of all sets
}

// absFile is a file of a set.
type absFile struct {
	path   string // absolute
	digest cache.Digest
}

// knownSet is a set, grouped by folder.
type knownSet struct{ folders []*knownFolder }

type knownFolder struct {
	dir     string // absolute
	files   []*knownFile
	misses  int                           // index of its misses in the stored set, -1 if it has none
	lacking atomic.Pointer[ipc.Signature] // with it, the folder has none of the misses
}

type knownFile struct {
	absFile
	name string
	sig  atomic.Pointer[ipc.Signature] // with it, the file has the content
}

// CompareStored is [Tree.CompareSet] for a set as the cache has it. Each file and folder is
// looked at now.
func (v *Tree) CompareStored(set cache.InputSet, known *KnownSets) *Difference {
	for _, f := range known.of(v, set).folders {
		if d := f.compare(v, set, known); d != nil {
			return d
		}
	}
	return v.CompareListings(set.Listings)
}

// compare compares the files and the misses of one folder.
func (f *knownFolder) compare(v *Tree, set cache.InputSet, known *KnownSets) *Difference {
	at := enterFolder(f.dir, len(f.files))
	defer at.leave()
	for _, file := range f.files {
		if was := file.sig.Load(); was != nil && *was == at.sign(file.name) {
			continue
		}
		if d := v.CompareFile(v.Interner.PathNumber(file.path), file.digest); d != nil {
			return d
		}
		if sig := v.Signature(file.path); v.hashes.knows(sig, file.digest) {
			file.sig.Store(&sig)
		}
	}
	if f.misses < 0 {
		return nil
	}
	if was := f.lacking.Load(); was != nil && *was == at.own() {
		return nil
	}
	m := set.Misses[f.misses]
	missed, lacking := known.misses.appeared(v, m)
	if missed != "" {
		return &Difference{Kind: ipc.CauseAppeared, Path: missed}
	}
	if lacking.Exists() {
		f.lacking.Store(&lacking)
	}
	return nil
}

// of returns what is known of a set.
func (k *KnownSets) of(v *Tree, set cache.InputSet) *knownSet {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.sets[set.Action]
	if known == nil {
		if k.sets == nil || k.count > maxKnownFiles {
			k.sets, k.files, k.count = make(map[cache.Digest]*knownSet), make(map[absFile]*knownFile), 0
		}
		known = k.group(v, set)
		k.sets[set.Action] = known
		k.count += len(set.Inputs)
	}
	return known
}

// group needs k.mu.
func (k *KnownSets) group(v *Tree, set cache.InputSet) *knownSet {
	known, at := &knownSet{}, make(map[string]*knownFolder)
	folder := func(dir string) *knownFolder {
		f := at[dir]
		if f == nil {
			f = &knownFolder{dir: dir, misses: -1}
			at[dir] = f
			known.folders = append(known.folders, f)
		}
		return f
	}
	for _, in := range set.Inputs {
		file := absFile{v.Abs(in.Path), in.Digest}
		dir, name := filepath.Split(file.path)
		if k.files[file] == nil {
			k.files[file] = &knownFile{absFile: file, name: name}
		}
		f := folder(dir)
		f.files = append(f.files, k.files[file])
	}
	for i, m := range set.Misses {
		f := folder(Join(v.Abs(m.Dir), ""))
		if f.misses >= 0 { // a relative and an absolute path of one folder
			f = &knownFolder{dir: f.dir, misses: -1}
			known.folders = append(known.folders, f)
		}
		f.misses = i
	}
	return known
}
