package compilation

import "os"

// isOwnFile reports whether there is a regular file at path. How many names it has
// is not told without opening it.
func isOwnFile(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}
