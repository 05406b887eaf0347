//go:build unix

package testkit

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Jobserver makes a fifo with free tokens, held open as make does. Its MAKEFLAGS are
// --jobserver-auth=fifo:PATH.
func Jobserver(t *testing.T, tokens string) (path string, held *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	if _, err := held.WriteString(tokens); err != nil {
		t.Fatal(err)
	}
	return path, held
}
