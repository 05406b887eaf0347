//go:build unix

package daemons

import (
	"io/fs"
	"os"
	"syscall"
)

const openNoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func ownedByUs(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func sharesWithOthers(fi fs.FileInfo) bool { return fi.Mode().Perm()&0o077 != 0 }
