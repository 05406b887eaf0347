package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// signature is what stat says of a file of ours: equal signatures mean that it was not
// touched.
type signature struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
	regular      bool
}

// Deliver puts an output at dst: a clone where the file system can, else a copy,
// in a temporary file beside dst that then takes its name. Never a hard link,
// which a tool could write through, and never through a link that lies at dst. The
// content is checked on the way. An error that matches [ErrDamaged] means that the
// output is not to be had from the cache: a blob with wrong content is deleted, and
// its entry is a miss from then on. Any other error is about dst.
func (s *Store) Deliver(o Output, dst string) error {
	if info, err := os.Lstat(dst); err == nil && info.IsDir() {
		return fmt.Errorf("deliver %s: a folder is in its place", dst)
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return fmt.Errorf("deliver %s: %w", dst, err)
	}
	tmp, err := s.Prepare(o, dst)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := s.Replace(tmp, dst); err != nil {
		return fmt.Errorf("deliver %s: %w", dst, err)
	}
	return nil
}

// Prepare is [Store.Deliver] up to the moment at which the file takes its name: it makes the
// temporary file, whose folder must be there, and returns its name. The caller renames or
// removes it.
func (s *Store) Prepare(o Output, dst string) (string, error) {
	src, err := s.openBlob(o)
	if err != nil {
		return "", err
	}
	defer src.Close()
	if o.Mode&0o111 != 0 {
		// A process that is started meanwhile has the file open for writing until it has
		// become another program, and what is open for writing cannot be run (ETXTBSY;
		// go.dev/issue/22315).
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	return prepare(dst, o.Mode, func(tmp *os.File) error { return s.fill(tmp, src, o) })
}

// PrepareText is [Store.Prepare] for a text that was made of an output, with its permission bits.
func (s *Store) PrepareText(text []byte, mode uint32, dst string) (string, error) {
	return prepare(dst, mode, func(tmp *os.File) error {
		_, err := tmp.Write(text)
		return err
	})
}

// prepare makes a temporary file beside dst. fill writes its content.
func prepare(dst string, mode uint32, fill func(tmp *os.File) error) (string, error) {
	tmp, err := openFile(filepath.Join(filepath.Dir(dst), ".rb-"+rand.Text()), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("deliver %s: %w", dst, err)
	}
	err = fill(tmp)
	if err == nil {
		err = tmp.Chmod(os.FileMode(mode) & os.ModePerm)
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		os.Remove(tmp.Name())
		return "", fmt.Errorf("deliver %s: %w", dst, err)
	}
	return tmp.Name(), nil
}

// Open opens an output for reading. Its content is not checked. [Store.Put] checks it when it is
// stored again with its digest.
func (s *Store) Open(o Output) (*os.File, error) { return s.openBlob(o) }

// Read returns the content of an output, which is checked.
func (s *Store) Read(o Output) ([]byte, error) {
	src, err := s.openBlob(o)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	text, err := io.ReadAll(src)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if HashBytes(text) != o.Blob {
		return nil, fmt.Errorf("%w: %s has another content", ErrDamaged, o.Blob)
	}
	return text, nil
}

// BlobFile is the path of the file with an output's content, "" if there is none. It may
// vanish at any time.
func (s *Store) BlobFile(o Output) string {
	path := s.file("blobs", o.Blob)
	if s.refused || sign(path).size != o.Size {
		return ""
	}
	return path
}

// openBlob opens the blob of an output for reading.
func (s *Store) openBlob(o Output) (*os.File, error) {
	if s.refused {
		return nil, fmt.Errorf("%w: the cache is another user's", ErrDamaged)
	}
	src, err := openNoWait(s.file("blobs", o.Blob))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is gone", ErrDamaged, o.Blob)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if info, err := src.Stat(); err != nil || !info.Mode().IsRegular() {
		src.Close()
		return nil, fmt.Errorf("%w: %s is no regular file", ErrDamaged, o.Blob)
	}
	return src, nil
}

// racyTick is how old a blob must be before its stat alone is trusted: two contents that
// are written within one tick of the clock have the same time. (10 ms at HZ=100, with a
// margin.)
const racyTick = 50 * time.Millisecond

// fill copies a blob and checks it. A clone shows one moment, so it can be checked after
// it was made. The content of a blob that this process has checked, and that was not touched
// until it was copied, is not looked at again.
func (s *Store) fill(dst, src *os.File, o Output) error {
	sig := signFile(src)
	s.mu.Lock()
	known := s.verified[o.Blob] == sig && sig != signature{}
	s.mu.Unlock()
	if known {
		// The system copies, or clones where the file system can (copy_file_range).
		if _, err := io.CopyN(dst, src, sig.size); err == nil && signFile(src) == sig {
			return nil
		}
		if err := rewind(dst, src); err != nil {
			return err
		}
	}
	h := sha256.New()
	var err error
	if clone(dst, src) == nil {
		_, err = io.Copy(h, dst)
	} else {
		_, err = io.Copy(io.MultiWriter(dst, h), source{src})
	}
	if errors.Is(err, errSource) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return err
	}
	if Digest(h.Sum(nil)) != o.Blob {
		s.drop(src.Name(), "blob")
		s.mu.Lock()
		s.spoiled[o.Blob] = true
		s.mu.Unlock()
		return ErrDamaged
	}
	if time.Since(time.Unix(0, sig.ctime)) > racyTick {
		s.mu.Lock()
		s.verified[o.Blob] = sig
		s.mu.Unlock()
	}
	return nil
}

// rewind makes two files ready to be copied again.
func rewind(dst, src *os.File) error {
	if err := dst.Truncate(0); err != nil {
		return err
	}
	_, err := dst.Seek(0, io.SeekStart)
	_, err2 := src.Seek(0, io.SeekStart)
	return errors.Join(err, err2)
}
