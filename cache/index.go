package cache

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"time"
)

// index is what a store knows of the folder: sizes, last uses, and which blobs how
// many entries name. Other processes change the folder too, so it is an estimate
// until the next scan; only eviction and statistics use it.
type index struct {
	entries   map[Digest]*item
	blobs     map[Digest]*blob
	manifests map[Digest]int64 // sizes
	bytes     int64            // of all three
}

type item struct {
	size  int64 // of the entry's own file
	used  time.Time
	blobs []Digest
}

type blob struct {
	size int64
	refs int
}

func newIndex() *index {
	return &index{entries: make(map[Digest]*item), blobs: make(map[Digest]*blob), manifests: make(map[Digest]int64)}
}

// scan reads all entries of a store's folder: some ten microseconds each. A time in the
// future (the clock was set back) is replaced by now, because its entry would outlive all
// others.
func scan(dir string, now time.Time) *index {
	x := newIndex()
	walkDigests(filepath.Join(dir, "entries"), func(d Digest, path string) {
		payload, err := readFrame(path, entryMagic)
		info, statErr := os.Lstat(path)
		var e Entry
		if err != nil || statErr != nil || json.Unmarshal(payload, &e) != nil {
			return
		}
		used := info.ModTime()
		if used.After(now) {
			used = now
			os.Chtimes(path, now, now)
		}
		x.add(d, info.Size(), e.Outputs, used)
	})
	walkDigests(filepath.Join(dir, "manifests"), func(d Digest, path string) {
		if info, err := os.Lstat(path); err == nil {
			x.manifest(d, info.Size())
		}
	})
	return x
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// manifest notes the size of a manifest, 0 for one that is gone.
func (x *index) manifest(base Digest, size int64) {
	x.bytes += size - x.manifests[base]
	if size == 0 {
		delete(x.manifests, base)
		return
	}
	x.manifests[base] = size
}

// keep takes over what old knows better: later uses, and entries that were stored
// while the folder was scanned.
func (x *index) keep(old *index, isThere func(Digest) bool) {
	for d, it := range old.entries {
		switch fresh := x.entries[d]; {
		case fresh != nil && it.used.After(fresh.used):
			fresh.used = it.used
		case fresh == nil && isThere(d):
			outputs := make([]Output, len(it.blobs))
			for i, b := range it.blobs {
				outputs[i] = Output{Blob: b, Size: old.blobs[b].size}
			}
			x.add(d, it.size, outputs, it.used)
		}
	}
}

// walkDigests calls fn for every file dir/ab/HEX; other files there are not ours.
func walkDigests(dir string, fn func(d Digest, path string)) {
	shards, _ := os.ReadDir(dir)
	for _, shard := range shards {
		files, _ := os.ReadDir(filepath.Join(dir, shard.Name()))
		for _, f := range files {
			if d, err := ParseDigest(f.Name()); err == nil {
				fn(d, filepath.Join(dir, shard.Name(), f.Name()))
			}
		}
	}
}

func (x *index) add(action Digest, size int64, outputs []Output, used time.Time) {
	x.delete(action)
	it := &item{size: size, used: used}
	x.bytes += size
	for _, o := range outputs {
		it.blobs = append(it.blobs, o.Blob)
		b := x.blobs[o.Blob]
		if b == nil {
			b = &blob{size: o.Size}
			x.blobs[o.Blob] = b
			x.bytes += o.Size
		}
		b.refs++
	}
	x.entries[action] = it
}

// delete removes an entry and returns the blobs that no entry names any more.
func (x *index) delete(action Digest) (orphans []Digest) {
	it := x.entries[action]
	if it == nil {
		return nil
	}
	delete(x.entries, action)
	x.bytes -= it.size
	for _, d := range it.blobs {
		b := x.blobs[d]
		if b.refs--; b.refs == 0 {
			delete(x.blobs, d)
			x.bytes -= b.size
			orphans = append(orphans, d)
		}
	}
	return orphans
}

func (x *index) use(action Digest, now time.Time) {
	if it := x.entries[action]; it != nil {
		it.used = now
	}
}

// byUse returns the keys, least recently used first.
func (x *index) byUse() []Digest {
	keys := make([]Digest, 0, len(x.entries))
	for d := range x.entries {
		keys = append(keys, d)
	}
	sort.Slice(keys, func(i, j int) bool { return x.entries[keys[i]].used.Before(x.entries[keys[j]].used) })
	return keys
}

func (x *index) oldest() time.Time {
	var t time.Time
	for _, it := range x.entries {
		if t.IsZero() || it.used.Before(t) {
			t = it.used
		}
	}
	return t
}
