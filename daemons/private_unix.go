//go:build unix

package daemons

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const openNoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func ownedByUs(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// mayWrite reports whether files can be made in a folder.
func mayWrite(dir string) bool {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
}

func sharesWithOthers(fi fs.FileInfo) bool { return fi.Mode().Perm()&0o077 != 0 }
