//go:build unix

package snapshot

import (
	"fmt"
	"os"
	"syscall"
)

// ownerOf names user and group of a file, "" if there is none.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", st.Uid, st.Gid)
}

// linksOf says how many names a file has, "" if it has one: `test -ef` tells by it whether two
// names mean one file, which their modes and times may not.
func linksOf(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return fmt.Sprintf(" %d names", st.Nlink)
	}
	return ""
}
