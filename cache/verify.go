package cache

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
)

// Verify reads back entries and their blobs, a random sample or with sample 0 all,
// drops what is damaged and reports it.
func (s *Store) Verify(ctx context.Context, sample int, report func(action Digest, problem string)) (checked int64, err error) {
	var keys []Digest
	walkDigests(s.path("entries"), func(d Digest, _ string) { keys = append(keys, d) })
	if sample > 0 && sample < len(keys) {
		rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		keys = keys[:sample]
	}
	for _, d := range keys {
		if err := ctx.Err(); err != nil {
			return checked, err
		}
		if problem := s.verify(d); problem != "" {
			report(d, problem)
			s.remove(d, Damaged)
			s.count(func(c *counters) { c.Damaged++ })
		}
		checked++
	}
	return checked, nil
}

// verify says what is wrong with an entry, "" for nothing. It does not count as a use of
// the entry.
func (s *Store) verify(action Digest) string {
	e, err := s.read(action)
	switch {
	case errors.Is(err, ErrDamaged):
		return "the entry is not what was stored"
	case err != nil:
		return "" // gone meanwhile, or not readable now
	}
	for _, o := range e.Outputs {
		path := s.file("blobs", o.Blob)
		if sig := sign(path); sig != (signature{}) && !sig.regular {
			return "object " + o.Name + " is no regular file"
		}
		d, _, err := HashFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "object " + o.Name + " is gone"
		case err != nil:
			return "" // not readable now: a miss then, but no damage
		case d != o.Blob:
			os.Remove(path) // other entries may name it
			return "object " + o.Name + " is not what was stored"
		}
	}
	return ""
}
