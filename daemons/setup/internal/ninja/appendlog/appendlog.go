// Package appendlog is a file that begins with a header and is only appended to: what
// .ninja_log and .ninja_deps have in common.
package appendlog

import (
	"errors"
	"os"
)

// File is opened by its first write and stays open. Only one goroutine may use it.
type File struct {
	Name   string // its path
	header []byte
	file   *os.File // nil: not open
}

// New makes a file that gets a header when it is created. Nothing is created yet.
func New(path string, header []byte) File { return File{Name: path, header: header} }

// Create makes sure that the file exists and is open.
func (f *File) Create() error {
	if f.file != nil {
		return nil
	}
	file, err := os.OpenFile(f.Name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if st, err := file.Stat(); err != nil || st.Size() == 0 {
		if _, err := file.Write(f.header); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	f.file = file
	return nil
}

// Append adds bytes with one write.
func (f *File) Append(data []byte) error {
	if err := f.Create(); err != nil {
		return err
	}
	_, err := f.file.Write(data)
	return err
}

// Close closes the file; the next write opens it again, so another program may replace it
// in between: CMake calls `ninja -t recompact` and `-t restat`.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}

// Replace writes the file anew, header and all that follows it, under a temporary name
// with a suffix, and renames it.
func (f *File) Replace(suffix string, data []byte) error {
	if err := f.Close(); err != nil {
		return err
	}
	temporary := f.Name + suffix
	if err := os.WriteFile(temporary, append(f.header[:len(f.header):len(f.header)], data...), 0o666); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return os.Rename(temporary, f.Name)
}
