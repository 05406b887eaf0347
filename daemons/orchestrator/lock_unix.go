//go:build unix

package orchestrator

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes a flock: it belongs to the open file, so the kernel gives it back
// however the process ends.
func tryLock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errLockHeld
		}
		return err
	}
}
