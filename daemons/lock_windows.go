package daemons

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func flockExclusive(f *os.File) error { return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }
func flockShared(f *os.File) error    { return lockFile(f, 0) }

// lockFile locks one byte far behind the content, which stays readable so.
func lockFile(f *os.File, flags uint32) error {
	at := &windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	if err != nil {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}
