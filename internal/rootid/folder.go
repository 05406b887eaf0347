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
// not make the project's own folder: a daemon that writes its state must not bring back a
// project that was moved or removed.
func MakeFolder(dir string) error {
	const separator = string(filepath.Separator)
	const inner = separator + ownFolder + separator
	i := strings.LastIndex(dir, inner) // a home may hold projects: the last one counts
	if i < 0 {
		return os.MkdirAll(dir, 0o700)
	}
	at := filepath.Join(dir[:i], ownFolder)
	if err := mkdir(at, 0o755); err != nil {
		return err
	}
	for name := range strings.SplitSeq(dir[i+len(inner):], separator) {
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
