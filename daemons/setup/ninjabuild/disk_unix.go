//go:build unix

package ninjabuild

import (
	"errors"

	"golang.org/x/sys/unix"
)

// mtimeOf returns a file's time in nanoseconds, following links.
func mtimeOf(path string) (int64, error) {
	var st unix.Stat_t
	for {
		err := unix.Stat(path, &st)
		if err == nil {
			return unix.TimespecToNsec(st.Mtim), nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, err
		}
	}
}
