package cache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// clock is a clock that stands still until it is told to go on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s := Open(dir, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func action(n int) Digest { return HashBytes(fmt.Appendf(nil, "action %d", n)) }

// content is what the test's compiler makes for a key.
func content(d Digest, size int) []byte {
	return bytes.Repeat(d[:], size/len(d)+1)[:size]
}

// put stores an entry with one output of the content that belongs to the key.
func put(t testing.TB, s *Store, d Digest, size int) *Entry {
	t.Helper()
	e, err := tryPut(s, t.TempDir(), d, size)
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	return e
}

func tryPut(s *Store, dir string, d Digest, size int) (*Entry, error) {
	object := filepath.Join(dir, "made.o")
	if err := os.WriteFile(object, content(d, size), 0o640); err != nil {
		return nil, err
	}
	e := &Entry{Action: d, Diagnostics: "\x1b[31mwarning\x1b[0m\n", Seconds: 1.5, Peak: 7}
	return e, putFiles(s, e, map[string]string{"output": object})
}

// putFiles stores an entry with the files at these paths.
func putFiles(s *Store, e *Entry, paths map[string]string) error {
	files := map[string]*os.File{}
	for name, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		files[name] = f
	}
	return s.Put(e, files)
}

// get reads an entry and checks that what is delivered is right; it returns why it
// was a miss.
func get(s *Store, dir string, d Digest, size int) (MissReason, error) {
	e, why := s.Get(d)
	if why != Found {
		return why, nil
	}
	dst := filepath.Join(dir, "delivered.o")
	if err := s.Deliver(e.Outputs[0], dst); err != nil {
		return Damaged, err
	}
	got, err := os.ReadFile(dst)
	if err != nil {
		return Damaged, err
	}
	if !bytes.Equal(got, content(d, size)) {
		return Damaged, fmt.Errorf("WRONG OBJECT for %s: %d bytes", d, len(got))
	}
	return Found, nil
}

func mustGet(t testing.TB, s *Store, d Digest, size int) {
	t.Helper()
	if why, err := get(s, t.TempDir(), d, size); why != Found || err != nil {
		t.Fatalf("get: %q, %v", why, err)
	}
}

func mustMiss(t testing.TB, s *Store, d Digest, want MissReason) {
	t.Helper()
	if _, why := s.Get(d); why != want {
		t.Fatalf("get: %q, want a miss because %q", why, want)
	}
}

// files lists what lies beneath a folder.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	return all
}
