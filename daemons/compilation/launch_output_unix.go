//go:build unix

package compilation

import (
	"os"

	"golang.org/x/sys/unix"
)

// unfitOutput says why the compiler would not simply replace what lies at the place of an
// output.
func (l *launch) unfitOutput(path string) string {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return "" // not there
	}
	mode := os.FileMode(st.Mode & 0o777)
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return path + " is no regular file"
	case unix.Access(path, unix.W_OK) != nil:
		return path + " cannot be written"
	case st.Nlink != 1:
		return path + " has several names" // an assembler writes to all of them
	case mode != l.caller.Permissions(0o666) && mode != l.caller.Permissions(0o777):
		return path + " has permissions of its own" // which an assembler keeps
	}
	return ""
}
