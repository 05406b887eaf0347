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
