package rootid

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ownFolder is the folder of a project that holds its state.
const ownFolder = ".replibuild"

// MakeFolder makes a folder beneath a project's .replibuild. Unlike [os.MkdirAll] it does
// not make the project's own folder: that of a project that was moved or removed must not
// come back because a daemon writes what it knows.
func MakeFolder(dir string) error {
	const separator = string(filepath.Separator)
	root, rest, found := strings.Cut(dir, separator+ownFolder+separator)
	for next := rest; found; {
		i := strings.Index(next, separator+ownFolder+separator)
		if i < 0 {
			break // the last one counts: a home may hold projects
		}
		root, rest = dir[:len(dir)-len(next)+i], next[i+len(separator+ownFolder+separator):]
		next = rest
	}
	if !found {
		return os.MkdirAll(dir, 0o700)
	}
	at := filepath.Join(root, ownFolder)
	if err := mkdir(at, 0o755); err != nil {
		return err
	}
	for name := range strings.SplitSeq(rest, separator) {
		at = filepath.Join(at, name)
		if err := mkdir(at, 0o700); err != nil {
			return err
		}
	}
	return nil
}

func mkdir(dir string, mode fs.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
