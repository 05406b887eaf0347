package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// Ready is the content of an output that a store can take without a copy.
type Ready struct {
	// Text is the content itself, if File is "".
	Text []byte
	// File is the path of a file that nobody writes to: it belongs to another store, or lies in
	// [Store.Incoming]. It gets another name, or is copied where the file system cannot do that.
	File string
	// Moved: the file loses the name that it has. Removing it later would cost as much as
	// making it.
	Moved bool
}

// Adopt stores an entry whose outputs are described completely, and takes the content of each.
// A file is not read: its content counts as checked, and is checked again when it is
// delivered. An error means that nothing was stored.
func (s *Store) Adopt(e *Entry, contents map[string]Ready) error {
	described := e.Outputs
	return s.store(e, slices.Sorted(maps.Keys(contents)), func(name string) (Output, error) {
		i := slices.IndexFunc(described, func(o Output) bool { return o.Name == name })
		if i < 0 {
			return Output{}, fmt.Errorf("%w: %s is not described", errSource, name)
		}
		return described[i], s.take(described[i], contents[name])
	})
}

// take brings a blob in.
func (s *Store) take(o Output, c Ready) error {
	path := s.file("blobs", o.Blob)
	if sig := sign(path); sig.regular && sig.size == o.Size {
		return nil
	}
	if c.File == "" {
		if HashBytes(c.Text) != o.Blob {
			return fmt.Errorf("%w: the text of %s is another one", errSource, o.Name)
		}
		return s.publish(path, c.Text)
	}
	if err := makeDir(s.path("blobs")); err != nil {
		return err
	}
	err := intoFolder(path, func() error {
		if c.Moved {
			return os.Rename(c.File, path)
		}
		return os.Link(c.File, path)
	})
	if err == nil || errors.Is(err, fs.ErrExist) || sign(path).size == o.Size { // another has taken the same content
		return nil
	}
	f, err := openNoWait(c.File)
	if err != nil {
		return fmt.Errorf("%w: %w", errSource, err)
	}
	defer f.Close()
	_, err = s.putBlob(o.Name, f, []Output{o})
	return err
}

// Incoming is the name of a new folder on the file system of the store, for files that
// [Store.Adopt] is to take. It has to be made, and removed in the end. It may vanish when the store is
// cleared.
func (s *Store) Incoming() string { return s.path("blobs", tempPrefix+rand.Text()) }
