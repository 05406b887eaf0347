package ninjabuild

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/RepliBuild/replibuild/ipc"
)

// disk is the file system, seen from the folder of -C.
type disk struct {
	dir    string  // "" is the process's own
	stats  *metric // of looking at files
	looked *Looked // notes what was looked at, if it is not nil
}

// at returns a path that the process can use.
func (d disk) at(path string) string {
	if d.dir == "" || path == "" || strings.HasPrefix(path, "/") || filepath.IsAbs(path) {
		return path
	}
	return d.dir + "/" + path
}

// mtime returns a file's time in nanoseconds, 0 if it is missing.
func (d disk) mtime(path string) (int64, error) {
	defer d.stats.time()()
	t, err := d.look(path)
	switch {
	case err == nil && t == 0:
		return 1, nil // some package formats set all times to 0
	case err == nil:
		return t, nil
	case missing(err):
		return 0, nil
	}
	return 0, errors.New("stat(" + path + "): " + reason(err))
}

// look returns a file's time and notes the look.
func (d disk) look(path string) (int64, error) {
	if d.looked == nil {
		return mtimeOf(d.at(path))
	}
	sig := ipc.StatSignature(d.at(path))
	d.looked.look(path, sig)
	if sig.Exists() {
		return sig.Mtime, nil
	}
	return mtimeOf(d.at(path)) // it says why
}

// read returns a file's content; the error is in the system's words.
func (d disk) read(path string) (string, error) {
	d.looked.note(path, d.at(path))
	data, err := os.ReadFile(d.at(path))
	if err != nil {
		return "", &readError{reason(err), err}
	}
	return string(data), nil
}

// readError says why a file could not be read.
type readError struct {
	text  string
	cause error
}

func (e *readError) Error() string { return e.text }
func (e *readError) Unwrap() error { return e.cause }

// write makes or replaces a file.
func (d disk) write(path, content string) error {
	if err := os.WriteFile(d.at(path), []byte(content), 0o666); err != nil {
		return errors.New("WriteFile(" + path + "): Unable to create file. " + reason(err))
	}
	return nil
}

// makeParents makes the folders above a path.
func (d disk) makeParents(path string) error {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return nil
	}
	if err := os.MkdirAll(d.at(path[:i]), 0o777); err != nil {
		return errors.New("mkdir(" + path[:i] + "): " + reason(err))
	}
	return nil
}

// remove removes a file. missing says that there was none.
func (d disk) remove(path string) (missing bool, err error) {
	err = os.Remove(d.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, errors.New("remove(" + path + "): " + reason(err))
	}
	return false, nil
}

// reason is an error of the system in its own words, as C's strerror has it.
func reason(err error) string {
	text := err.Error()
	var number syscall.Errno
	if errors.As(err, &number) {
		text = number.Error()
	}
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// missing says that there is no such file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
