package daemons

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// lock is a held flock on a file. It belongs to the open file, not to the process: a
// child that inherits the file holds the lock too, and it is free when the last of them
// has ended, in whatever way. The file itself is never removed, since a second one of the
// same name could be locked beside it.
type lock struct {
	file *os.File
	path string
}

// holder is the content of a life lock: the process that holds it. It is needed while
// there is no endpoint file, and counts only while the lock is held.
type holder struct {
	Process  identity  `json:"process"`
	Since    time.Time `json:"since"` // it starts, or stops
	Stopping bool      `json:"stopping,omitempty"`
	Idle     bool      `json:"idle,omitempty"` // it stops because it is not used
}

// tryLock takes the lock at path, making file and folder where missing, or returns
// filelock.ErrLocked at once.
func tryLock(path string) (*lock, error) {
	if err := rootid.MakeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	for {
		f, err := openPrivate(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		if err := filelock.Exclusive(f); err != nil {
			f.Close()
			return nil, err
		}
		l := &lock{file: f, path: path}
		if l.inPlace() {
			return l, nil
		}
		f.Close() // deleted between open and lock: no other process can see the lock that we hold
	}
}

// waitLock takes the lock at path, waiting for its holder until ctx ends.
func waitLock(ctx context.Context, path string) (*lock, error) {
	for {
		l, err := tryLock(path)
		if !errors.Is(err, filelock.ErrLocked) {
			return l, err
		}
		if err := pause.For(ctx, 5*time.Millisecond); err != nil {
			return nil, ipc.Errorf(ipc.CodeTimeout, "another replibuild command is starting or stopping these daemons and does not finish").
				WithHint("see which one with `ps`, end it and try again")
		}
	}
}

// isLocked reports whether some process holds the lock at path. The check takes a shared
// lock for a moment, so a process that wants the lock must try more than once.
func isLocked(path string) bool {
	f, err := openPrivate(path, os.O_RDWR)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(filelock.Shared(f), filelock.ErrLocked)
}

// inPlace reports whether the locked file is still the one at its path.
func (l *lock) inPlace() bool {
	mine, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.path)
	return err == nil && os.SameFile(mine, there)
}

// write puts h into the lock file.
func (l *lock) write(h holder) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	// Overwritten, then cut: a reader in between finds a whole first value.
	if _, err = l.file.WriteAt(append(data, '\n'), 0); err != nil {
		return err
	}
	return l.file.Truncate(int64(len(data)) + 1)
}

// readHolder returns what the holder of the lock at path wrote, the zero holder if
// that cannot be read.
func readHolder(path string) holder {
	var h holder
	f, err := openPrivate(path, os.O_RDONLY)
	if err != nil {
		return h
	}
	defer f.Close()
	if json.NewDecoder(io.LimitReader(f, 4096)).Decode(&h) != nil {
		return holder{}
	}
	return h
}

// release lets go of the lock; a child with the same open file keeps it.
func (l *lock) release() error { return l.file.Close() }
