//go:build !unix

package ninjabuild

import "os"

// mtimeOf returns a file's time in nanoseconds, following links.
func mtimeOf(path string) (int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.ModTime().UnixNano(), nil
}
