package compilation

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

// inputSet is what an action read, by content, what it looked for in vain, and the
// folders whose names it read. Paths are as the compiler spelled them (see spell),
// "src/../a.h" included: if src became a link, that would be another file.
type inputSet struct {
	files    []cache.Input
	misses   []string
	listings []cache.Listing
}

// packedSet is an inputSet as ascending lists of numbers of the tables, each number
// written as the varint of its distance from the one before: 500 inputs and 1,000
// misses take some 2 KB, and looking at one needs no map.
type packedSet struct {
	Files    []byte // of tables.files
	Misses   []byte // of tables.paths
	Listings []byte // of tables.listings
}

// tables give every path and every (path, digest) a number, so that what a thousand
// units share is kept once. Numbers are never given twice; what is no longer used
// goes when the state is written and read again.
type tables struct {
	name   string // that no other tables have had
	mu     sync.RWMutex
	paths  []string
	pathID map[string]uint32
	files  []tableFile
	fileID map[tableFile]uint32

	listings  []cache.Listing
	listingID map[cache.Listing]uint32
}

type tableFile struct {
	path   uint32
	digest cache.Digest
}

func newTables() *tables {
	return &tables{
		name:   rand.Text(),
		pathID: make(map[string]uint32), fileID: make(map[tableFile]uint32), listingID: make(map[cache.Listing]uint32),
	}
}

// contents returns everything, in the order of the numbers.
func (t *tables) contents() (paths []string, files []tableFile, listings []cache.Listing) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.paths), slices.Clone(t.files), slices.Clone(t.listings)
}

// restore fills new tables with what contents returned.
func (t *tables) restore(paths []string, files []tableFile, listings []cache.Listing) {
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

// pathNumber returns the number of a path, a new one if need be.
func (t *tables) pathNumber(path string) uint32 {
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

func (t *tables) addPath(path string) uint32 {
	id, ok := t.pathID[path]
	if !ok {
		id = uint32(len(t.paths))
		t.paths = append(t.paths, path)
		t.pathID[path] = id
	}
	return id
}

func (t *tables) addFile(f tableFile) uint32 {
	id, ok := t.fileID[f]
	if !ok {
		id = uint32(len(t.files))
		t.files = append(t.files, f)
		t.fileID[f] = id
	}
	return id
}

func (t *tables) addListing(l cache.Listing) uint32 {
	id, ok := t.listingID[l]
	if !ok {
		id = uint32(len(t.listings))
		t.listings = append(t.listings, l)
		t.listingID[l] = id
	}
	return id
}

// path returns the path with that number.
func (t *tables) path(id uint32) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.paths[id]
}

// file returns the file with that number.
func (t *tables) file(id uint32) tableFile {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.files[id]
}

// pack numbers a set.
func (t *tables) pack(set inputSet) packedSet {
	t.mu.Lock()
	defer t.mu.Unlock()
	files := make([]uint32, len(set.files))
	for i, f := range set.files {
		files[i] = t.addFile(tableFile{t.addPath(f.Path), f.Digest})
	}
	misses := make([]uint32, len(set.misses))
	for i, m := range set.misses {
		misses[i] = t.addPath(m)
	}
	listings := make([]uint32, len(set.listings))
	for i, l := range set.listings {
		listings[i] = t.addListing(l)
	}
	return packedSet{Files: packNumbers(files), Misses: packNumbers(misses), Listings: packNumbers(listings)}
}

// nameOf names a set and what else is said of it. Sets are equal where names are: of
// other tables, as of another process, no set has the same name.
func (t *tables) nameOf(p packedSet, more []byte) string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(t.name), p.Files, p.Misses, p.Listings, more} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// numbers returns the files of a set, and the path numbers of its misses.
func (t *tables) numbers(p packedSet) (files []tableFile, misses []uint32) {
	ids := unpackNumbers(p.Files)
	files = make([]tableFile, len(ids))
	t.mu.RLock()
	for i, id := range ids {
		files[i] = t.files[id]
	}
	t.mu.RUnlock()
	return files, unpackNumbers(p.Misses)
}

// foldersOf returns the listings of a set.
func (t *tables) foldersOf(p packedSet) []cache.Listing {
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

// unpack is the opposite of pack but for the order and what was there twice.
func (t *tables) unpack(p packedSet) inputSet {
	files, misses := t.numbers(p)
	set := inputSet{listings: t.foldersOf(p)}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, f := range files {
		set.files = append(set.files, cache.Input{Path: t.paths[f.path], Digest: f.digest})
	}
	for _, m := range misses {
		set.misses = append(set.misses, t.paths[m])
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
	for id := range eachNumber(packed) {
		ids = append(ids, id)
	}
	return ids
}

// eachNumber goes through what packNumbers wrote; from anything else it reads as far
// as it makes sense.
func eachNumber(packed []byte) iter.Seq[uint32] {
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
