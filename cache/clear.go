package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// UndoTime is how long [Store.Restore] can undo a clear.
const UndoTime = 10 * time.Second

// kinds are the folders of the store, in the order in which they are removed, so that an
// entry never names a missing blob. They are restored in the reverse order.
var kinds = [...]string{"manifests", "entries", "blobs"}

const (
	trashPrefix = "cleared-"
	restoring   = "restored-" // before the token while a restore works
)

// ClearResult counts what a clear took away.
type ClearResult struct {
	Token   string // for Restore
	Bytes   int64
	Entries int64
}

// Clear empties the store at once, by moving its content aside, and deletes it for
// good after [UndoTime].
func (s *Store) Clear() (ClearResult, error) {
	x := s.loaded()
	r := ClearResult{Token: rand.Text(), Bytes: x.bytes, Entries: int64(len(x.entries))}
	for d := range x.entries {
		s.remember(d, Cleared)
	}
	s.index = newIndex()
	s.blocked = ""
	s.mu.Unlock()
	trash := s.path(trashPrefix + r.Token)
	if err := os.MkdirAll(trash, 0o700); err != nil {
		return ClearResult{}, fmt.Errorf("clear the cache: %w", err)
	}
	for _, k := range kinds {
		if err := os.Rename(s.path(k), filepath.Join(trash, k)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return ClearResult{}, fmt.Errorf("clear the cache: %w", err)
		}
	}
	s.emptyLater(r.Token, UndoTime)
	s.changed()
	return r, nil
}

func (s *Store) emptyLater(token string, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.trashes[token] = time.AfterFunc(after, func() { s.empty(token) })
	}
}

// empty deletes what Clear moved aside.
func (s *Store) empty(token string) {
	s.mu.Lock()
	delete(s.trashes, token)
	s.mu.Unlock()
	os.RemoveAll(s.path(trashPrefix + token))
}

// Restore brings back what the clear with that token removed, also if another process did
// it. Entries that were stored since stay. "" is the last clear. It fails if the token is
// unknown, or if it comes too late.
func (s *Store) Restore(token string) (ClearResult, error) {
	late := fmt.Errorf("there is nothing to restore: a clear can be undone for %.0f seconds", UndoTime.Seconds())
	if token == "" {
		token = s.lastCleared()
	}
	if token == "" || strings.ContainsAny(token, `/\.`) {
		return ClearResult{}, late
	}
	info, err := os.Stat(s.path(trashPrefix + token))
	if err != nil || time.Since(info.ModTime()) > UndoTime {
		return ClearResult{}, late
	}
	s.mu.Lock()
	if t := s.trashes[token]; t != nil {
		t.Stop()
		delete(s.trashes, token)
	}
	s.mu.Unlock()
	// Renamed first, so that the timer of the process that cleared cannot remove it.
	trash := s.path(trashPrefix + restoring + token)
	if err := os.Rename(s.path(trashPrefix+token), trash); err != nil {
		return ClearResult{}, late
	}
	now := time.Now()
	os.Chtimes(trash, now, now)
	s.bringBack(trash)
	os.RemoveAll(trash)
	fresh := scan(s.dir, s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = fresh
	for d := range fresh.entries {
		delete(s.gone, d)
	}
	return ClearResult{Token: token, Bytes: fresh.bytes, Entries: int64(len(fresh.entries))}, nil
}

// lastCleared is the token of the last clear whose content is still there.
func (s *Store) lastCleared() (token string) {
	files, _ := os.ReadDir(s.dir)
	var last time.Time
	for _, f := range files {
		name, ours := strings.CutPrefix(f.Name(), trashPrefix)
		info, err := f.Info()
		if ours && err == nil && !strings.HasPrefix(name, restoring) && info.ModTime().After(last) {
			token, last = name, info.ModTime()
		}
	}
	return token
}

// bringBack moves files from a trash to their places, unless there are new ones.
func (s *Store) bringBack(trash string) {
	for _, k := range slices.Backward(kinds[:]) {
		walkDigests(filepath.Join(trash, k), func(d Digest, path string) {
			if _, err := os.Lstat(s.file(k, d)); err != nil {
				os.MkdirAll(filepath.Dir(s.file(k, d)), 0o700)
				os.Rename(path, s.file(k, d))
			}
		})
	}
}

// removeOldTrash deletes what a process that ended had moved aside, at once or when
// it is old enough.
func (s *Store) removeOldTrash() {
	files, _ := os.ReadDir(s.dir)
	for _, f := range files {
		token, ours := strings.CutPrefix(f.Name(), trashPrefix)
		info, err := f.Info()
		if !ours || err != nil {
			continue
		}
		if age := time.Since(info.ModTime()); age < UndoTime {
			s.emptyLater(token, UndoTime-max(age, 0)+time.Second)
		} else {
			os.RemoveAll(s.path(f.Name()))
		}
	}
}
