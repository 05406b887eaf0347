package cache

import (
	"errors"
	"os"
	"strings"
	"time"
)

// trimTo is the share of MaxBytes that trimming leaves, so that a full cache does
// not trim at every store.
const trimTo = 0.9

// staleTemp is the age at which a temporary file belongs to a process that died.
const staleTemp = time.Hour

// trimEvery is how often a store looks for what has expired, and for what others did
// to the folder. With a TTL below, it is the TTL.
const trimEvery = 10 * time.Minute

// Pin keeps an entry from being evicted until [Store.Unpin] is called for the
// build.
func (s *Store) Pin(build string, action Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[build] == nil {
		s.pins[build] = make(map[Digest]bool)
	}
	s.pins[build][action] = true
}

// Unpin ends the pins of a build. What had no room but was needed goes now, in the
// background.
func (s *Store) Unpin(build string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pins, build)
	crowded := s.crowdedAt > 0
	s.crowdedAt = 0
	if crowded && !s.closed {
		s.background.Go(s.Trim)
	}
}

// over reports whether there is more than MaxBytes; it needs the lock. If a trim could
// not make room because a build needs the entries, the next trim waits until a tenth more
// has been stored.
func (s *Store) over(x *index) bool {
	return s.options.MaxBytes > 0 && x.bytes > max(s.options.MaxBytes, s.crowdedAt)
}

// Trim deletes entries that were not used for the TTL, then, if there is more than
// MaxBytes, the least recently used ones. One process trims at a time.
func (s *Store) Trim() {
	lock, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return
	}
	defer lock.Close()
	if lockFile(lock) != nil {
		return
	}
	fresh := scan(s.dir, s.now()) // other processes store too
	s.adopt(fresh)
	s.mu.Lock()
	victims := s.victims(s.index)
	s.mu.Unlock()
	for _, v := range victims {
		s.remove(v.action, v.why)
	}
	s.removeStray()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crowdedAt = 0
	if s.over(s.index) {
		s.crowdedAt = s.index.bytes + s.options.MaxBytes/10
	}
}

// adopt replaces the index by a scan.
func (s *Store) adopt(fresh *index) {
	old := s.loaded()
	defer s.mu.Unlock()
	now := s.now()
	for _, it := range old.entries {
		it.used = earlier(it.used, now)
	}
	fresh.keep(old, func(d Digest) bool {
		_, err := os.Lstat(s.file("entries", d))
		return err == nil
	})
	why := Evicted // by another process
	if len(fresh.entries) == 0 {
		why = Cleared
	}
	for d := range old.entries {
		if fresh.entries[d] == nil {
			s.remember(d, why)
		}
	}
	s.index = fresh
}

// trimLater arms the timer of the next regular trim; it needs the lock.
func (s *Store) trimLater() {
	every := trimEvery
	if ttl := s.options.TTL; ttl > 0 {
		every = max(min(every, ttl), time.Second)
	}
	s.trimmer = time.AfterFunc(every, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		s.background.Go(s.Trim)
		s.trimLater()
	})
}

type victim struct {
	action Digest
	why    MissReason
}

// victims chooses what to delete; it needs the lock.
func (s *Store) victims(x *index) []victim {
	var out []victim
	w := weights{x: x, refs: make(map[Digest]int)}
	left := x.bytes
	goal := int64(trimTo * float64(s.options.MaxBytes))
	over := s.over(x)
	for _, d := range x.byUse() {
		it := x.entries[d]
		switch {
		case s.pinned(d):
		case s.options.TTL > 0 && s.now().Sub(it.used) > s.options.TTL:
			out = append(out, victim{d, Expired})
			left -= w.take(it)
		case over && left > goal:
			out = append(out, victim{d, Evicted})
			left -= w.take(it)
		}
	}
	return out
}

// weights counts what deleting entries frees: a blob goes with the last entry that
// names it.
type weights struct {
	x    *index
	refs map[Digest]int // that are taken already
}

func (w weights) take(it *item) int64 {
	size := it.size
	for _, d := range it.blobs {
		b := w.x.blobs[d]
		if w.refs[d]++; w.refs[d] == b.refs {
			size += b.size
		}
	}
	return size
}

func (s *Store) pinned(d Digest) bool {
	for _, set := range s.pins {
		if set[d] {
			return true
		}
	}
	return false
}

// removeStray deletes blobs without an entry, left by a process that died between
// the two, manifests that lead nowhere and temporary files, once they are old.
func (s *Store) removeStray() {
	old := s.now().Add(-staleTemp)
	isOld := func(path string) bool {
		info, err := os.Lstat(path)
		return err == nil && info.ModTime().Before(old)
	}
	walkDigests(s.path("blobs"), func(d Digest, path string) {
		s.mu.Lock()
		named := s.index.blobs[d] != nil
		s.mu.Unlock()
		if !named && isOld(path) {
			unlink(path)
		}
	})
	walkDigests(s.path("manifests"), func(d Digest, path string) {
		if isOld(path) && !s.leadsSomewhere(path) {
			unlink(path)
			s.mu.Lock()
			s.index.manifest(d, 0)
			s.mu.Unlock()
		}
	})
	for _, kind := range []string{"entries", "blobs", "manifests"} {
		files, _ := os.ReadDir(s.path(kind))
		for _, f := range files {
			if path := s.path(kind, f.Name()); (!f.IsDir() || strings.HasPrefix(f.Name(), tempPrefix)) && isOld(path) {
				os.RemoveAll(path) // or a folder of [Store.Incoming]
			}
		}
	}
}

// leadsSomewhere reports whether a manifest names an entry that exists, or cannot be
// read now.
func (s *Store) leadsSomewhere(path string) bool {
	payload, err := readFrame(path, manifestMagic)
	if err != nil {
		return !errors.Is(err, ErrDamaged)
	}
	sets, _ := decodeManifest(payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, set := range sets {
		if s.index.entries[set.Action] != nil {
			return true
		}
	}
	return false
}
