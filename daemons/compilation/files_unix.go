//go:build unix

package compilation

import (
	"os"
	"syscall"
)

// isOwnFile reports whether there is a regular file with no other name at path.
func isOwnFile(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 1
}
