package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// retryAfter is how long nothing is stored after storing failed: a full disk is
// asked again now and then, not by every compile.
const retryAfter = 10 * time.Second

// errReadOnly is what storing returns while the store keeps nothing; the reason is
// in [Stats].
var errReadOnly = errors.New("the cache is read-only for now")

// errSource is matched by errors of the files that were to be stored: no fault of the
// cache's.
var errSource = errors.New("cannot read what is to be stored")

// Put stores an entry and copies in the files that it names: files maps the name of an
// output to the finished file, open at its beginning. Of a file that e.Outputs describes
// already, which others may have been able to change since, the content must be the one
// that it says, and the mode is taken from there. Put fills in e.Outputs, sorted by name.
// An error means that nothing was stored; no build needs to care.
func (s *Store) Put(e *Entry, files map[string]*os.File) error {
	described := e.Outputs
	return s.store(e, slices.Sorted(maps.Keys(files)), func(name string) (Output, error) { return s.putBlob(name, files[name], described) })
}

// store stores an entry with the outputs of these names. put brings the content of each in.
func (s *Store) store(e *Entry, names []string, put func(name string) (Output, error)) error {
	if err := s.writable(); err != nil {
		return err
	}
	if err := roomFor(s.dir); err != nil {
		return s.block(err)
	}
	var outputs []Output
	for _, name := range names {
		o, err := put(name)
		if errors.Is(err, errSource) {
			return err
		}
		if err != nil {
			return s.block(err)
		}
		outputs = append(outputs, o)
	}
	e.Outputs = outputs
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	data := frame(entryMagic, payload)
	if len(data) > maxFrame {
		return fmt.Errorf("the diagnostics of %s are too long to be stored: %d bytes", e.Action, len(data))
	}
	if err := s.publish(s.file("entries", e.Action), data); err != nil {
		return err
	}
	s.noteStored(e, int64(len(data)))
	return nil
}

// noteStored counts a stored entry, and makes room if there is too little.
func (s *Store) noteStored(e *Entry, size int64) {
	x := s.loaded()
	x.add(e.Action, size, e.Outputs, s.now())
	delete(s.gone, e.Action)
	for _, o := range e.Outputs {
		delete(s.spoiled, o.Blob)
	}
	over := s.over(x)
	s.blocked = ""
	s.mu.Unlock()
	s.count(func(c *counters) { c.Stored++ })
	if over {
		s.Trim()
	}
}

// putBlob copies a file in under its content's digest, by a clone where the file
// system can.
func (s *Store) putBlob(name string, in *os.File, described []Output) (Output, error) {
	info, err := in.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return Output{}, fmt.Errorf("%w: %s is no regular file", errSource, in.Name())
	}
	tmp, err := s.temp(s.path("blobs"))
	if err != nil {
		return Output{}, err
	}
	digest, n, err := copyHashed(tmp, in)
	o := Output{Name: name, Blob: digest, Size: n, Mode: uint32(info.Mode().Perm())}
	if i := slices.IndexFunc(described, func(d Output) bool { return d.Name == name }); err == nil && i >= 0 {
		if described[i].Blob != digest {
			err = fmt.Errorf("%w: %s has changed", errSource, in.Name())
		}
		o.Mode = described[i].Mode
	}
	return o, s.finish(tmp, err, s.file("blobs", o.Blob))
}

// copyHashed fills dst with src and returns the digest and size of what dst has.
func copyHashed(dst, src *os.File) (Digest, int64, error) {
	h := sha256.New()
	if clone(dst, src) == nil {
		n, err := io.Copy(h, dst)
		return Digest(h.Sum(nil)), n, err
	}
	n, err := io.Copy(io.MultiWriter(dst, h), source{src})
	return Digest(h.Sum(nil)), n, err
}

// source marks errors of reading, to tell them from errors of writing.
type source struct{ file *os.File }

func (s source) Read(b []byte) (int, error) {
	n, err := s.file.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errSource, err)
	}
	return n, err
}

// publish writes a file so that readers see all of it or none.
func (s *Store) publish(path string, data []byte) error {
	if err := s.writable(); err != nil {
		return err
	}
	tmp, err := s.temp(filepath.Dir(filepath.Dir(path)))
	if err != nil {
		return s.block(err)
	}
	if _, err = tmp.Write(data); err == nil {
		// Stamped by this process's clock, which also measures the age: a file server's
		// may differ.
		now := s.now()
		os.Chtimes(tmp.Name(), now, now)
	}
	if err := s.finish(tmp, err, path); err != nil {
		return s.block(err)
	}
	return nil
}

// tempPrefix begins the names of what is not finished.
const tempPrefix = "tmp-"

// temp makes a private temporary file in a kind's folder, and the folder too: it
// may have been removed under us.
func (s *Store) temp(dir string) (*os.File, error) {
	name := filepath.Join(dir, tempPrefix+rand.Text())
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	for range 2 {
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err := makeDir(dir); err != nil {
			return nil, err
		}
		s.writeReadme()
		f, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	}
	return f, err
}

// makeDir is os.MkdirAll, which says "file exists" of a folder that was made by one
// process and removed by another between two of its looks.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	for range 10 {
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		err = os.MkdirAll(dir, 0o700)
	}
	return err
}

// finish closes a temporary file and gives it its name. It removes the file instead if err says
// that its content is not there, or if closing or renaming fails.
func (s *Store) finish(tmp *os.File, err error, path string) error {
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = intoFolder(path, func() error { return os.Rename(tmp.Name(), path) })
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// intoFolder does what makes the file at path, whose folder may not be there.
func intoFolder(path string, do func() error) error {
	err := do()
	for range 3 { // an evictor may delete the empty folder again
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		err = do()
	}
	return err
}

// writable reports whether storing may be tried now.
func (s *Store) writable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused || s.blocked != "" && s.now().Before(s.retry) {
		return errReadOnly
	}
	return nil
}

// block turns the store read-only for a while. The first time is a warning. A folder that
// vanished (rm -rf) is no reason to do so: the next write makes it again.
func (s *Store) block(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	first := s.blocked == ""
	s.blocked, s.retry = err.Error(), s.now().Add(retryAfter)
	s.mu.Unlock()
	if first {
		s.log.Warn("the cache stores nothing for now; builds go on", "reason", err)
	}
	return fmt.Errorf("store in the cache: %w", err)
}

const readme = `This folder is RepliBuild's cache of compiled objects. It may be deleted at any
time, also while builds run; builds then compile again what they need.
`

func (s *Store) writeReadme() {
	f, err := os.OpenFile(s.path("README"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		f.WriteString(readme)
		f.Close()
	}
}
