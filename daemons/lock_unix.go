//go:build unix

package daemons

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func flockExclusive(f *os.File) error { return flock(f, unix.LOCK_EX) }
func flockShared(f *os.File) error    { return flock(f, unix.LOCK_SH) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return errLocked
		case err != nil:
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		default:
			return nil
		}
	}
}
