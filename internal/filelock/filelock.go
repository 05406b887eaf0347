// Package filelock locks open files against other processes. A lock belongs to the open
// file: the system frees it when the file is closed, however the process ends, and a child
// that inherits the file holds it too.
package filelock

import (
	"errors"
	"os"
)

// ErrLocked means that another open file has the lock.
var ErrLocked = errors.New("locked by another process")

// Exclusive takes a lock that excludes all others, or returns [ErrLocked] at once.
func Exclusive(f *os.File) error { return lock(f, true) }

// Shared takes a lock that excludes exclusive ones, or returns [ErrLocked] at once.
func Shared(f *os.File) error { return lock(f, false) }
