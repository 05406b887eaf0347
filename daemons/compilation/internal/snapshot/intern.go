package snapshot

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
)

// InputSet is what an action read, by content, what it looked for in vain, and the
// folders whose names it read. Paths are as the compiler spelled them (see [Spell]),
// "src/../a.h" included: if src became a link, that would be another file.
type InputSet struct {
	Files    []cache.Input
	Misses   []string
	Listings []cache.Listing
}

// PackedSet is an [InputSet] as ascending lists of numbers of an [Interner], each number
// written as the varint of its distance from the one before: 500 inputs and 1,000
// misses take some 2 KB, and looking at one needs no map.
type PackedSet struct {
	Files    []byte // of Interner.files
	Misses   []byte // of Interner.paths
	Listings []byte // of Interner.listings
}

// Interner gives every path and every (path, digest) a number, so that what a thousand
// units share is kept once. A number is never used again. Entries that are not used any
// more are dropped when the state is written and read again.
type Interner struct {
	name   string // that no other Interner has
	mu     sync.RWMutex
	paths  []string
	pathID map[string]uint32
	files  []File
	fileID map[File]uint32

	listings  []cache.Listing
	listingID map[cache.Listing]uint32
}

// File is a file with its content: the number of its path, and a digest.
type File struct {
	Path   uint32
	Digest cache.Digest
}

// NewInterner makes an empty one.
func NewInterner() *Interner {
	return &Interner{
		name:   rand.Text(),
		pathID: make(map[string]uint32), fileID: make(map[File]uint32), listingID: make(map[cache.Listing]uint32),
	}
}

// Contents returns everything, in the order of the numbers.
func (t *Interner) Contents() (paths []string, files []File, listings []cache.Listing) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.paths), slices.Clone(t.files), slices.Clone(t.listings)
}

// Restore fills a new Interner with what Contents returned.
func (t *Interner) Restore(paths []string, files []File, listings []cache.Listing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range paths {
		t.addPath(p)
	}
	for _, f := range files {
		t.addFile(f)
	}
	for _, l := range listings {
		t.addListing(l)
	}
}

// PathNumber returns the number of a path, a new one if need be.
func (t *Interner) PathNumber(path string) uint32 {
	t.mu.RLock()
	id, ok := t.pathID[path]
	t.mu.RUnlock()
	if ok {
		return id
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.addPath(path)
}

func (t *Interner) addPath(path string) uint32 {
	id, ok := t.pathID[path]
	if !ok {
		id = uint32(len(t.paths))
		t.paths = append(t.paths, path)
		t.pathID[path] = id
	}
	return id
}

func (t *Interner) addFile(f File) uint32 {
	id, ok := t.fileID[f]
	if !ok {
		id = uint32(len(t.files))
		t.files = append(t.files, f)
		t.fileID[f] = id
	}
	return id
}

func (t *Interner) addListing(l cache.Listing) uint32 {
	id, ok := t.listingID[l]
	if !ok {
		id = uint32(len(t.listings))
		t.listings = append(t.listings, l)
		t.listingID[l] = id
	}
	return id
}

// Path returns the path with that number.
func (t *Interner) Path(id uint32) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.paths[id]
}

// File returns the file with that number.
func (t *Interner) File(id uint32) File {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.files[id]
}

// Pack numbers a set.
func (t *Interner) Pack(set InputSet) PackedSet {
	t.mu.Lock()
	defer t.mu.Unlock()
	files := make([]uint32, len(set.Files))
	for i, f := range set.Files {
		files[i] = t.addFile(File{t.addPath(f.Path), f.Digest})
	}
	misses := make([]uint32, len(set.Misses))
	for i, m := range set.Misses {
		misses[i] = t.addPath(m)
	}
	listings := make([]uint32, len(set.Listings))
	for i, l := range set.Listings {
		listings[i] = t.addListing(l)
	}
	return PackedSet{Files: packNumbers(files), Misses: packNumbers(misses), Listings: packNumbers(listings)}
}

// NameOf names a set and what else is said of it. Sets with equal names are equal.
// Names never collide across interners or processes.
func (t *Interner) NameOf(p PackedSet, more []byte) string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(t.name), p.Files, p.Misses, p.Listings, more} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Numbers returns the files of a set, and the path numbers of its misses.
func (t *Interner) Numbers(p PackedSet) (files []File, misses []uint32) {
	ids := unpackNumbers(p.Files)
	files = make([]File, len(ids))
	t.mu.RLock()
	for i, id := range ids {
		files[i] = t.files[id]
	}
	t.mu.RUnlock()
	return files, unpackNumbers(p.Misses)
}

// Listings returns the listings of a set.
func (t *Interner) Listings(p PackedSet) []cache.Listing {
	if len(p.Listings) == 0 {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out []cache.Listing
	for _, id := range unpackNumbers(p.Listings) {
		out = append(out, t.listings[id])
	}
	return out
}

// Unpack is the opposite of pack but for the order and what was there twice.
func (t *Interner) Unpack(p PackedSet) InputSet {
	files, misses := t.Numbers(p)
	set := InputSet{Listings: t.Listings(p)}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, f := range files {
		set.Files = append(set.Files, cache.Input{Path: t.paths[f.Path], Digest: f.Digest})
	}
	for _, m := range misses {
		set.Misses = append(set.Misses, t.paths[m])
	}
	return set
}

func packNumbers(ids []uint32) []byte {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	packed := make([]byte, 0, len(ids)+8)
	last := uint32(0)
	for _, id := range ids {
		packed = binary.AppendUvarint(packed, uint64(id-last))
		last = id
	}
	return packed
}

// unpackNumbers reads what packNumbers wrote.
func unpackNumbers(packed []byte) []uint32 {
	ids := make([]uint32, 0, len(packed))
	for id := range EachNumber(packed) {
		ids = append(ids, id)
	}
	return ids
}

// EachNumber goes through what packNumbers wrote; from anything else it reads as far
// as it makes sense.
func EachNumber(packed []byte) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		last := uint32(0)
		for len(packed) > 0 {
			d, n := binary.Uvarint(packed)
			if n <= 0 {
				return
			}
			last += uint32(d)
			packed = packed[n:]
			if !yield(last) {
				return
			}
		}
	}
}
