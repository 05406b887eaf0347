//go:build unix

package daemons

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Sockets of ours that refuse connections are removed, and nothing else is.
func TestSweepSockets(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "sweep") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	long := time.Now().Add(-2 * youngSocket)
	listen := func(name string, made time.Time) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := os.Chtimes(filepath.Join(dir, name), made, made); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, name := range []string{"replibuild-1.ninja", "replibuild-2.compile", "replibuild-3.cc", "replibuild-4.ipc", "replibuild-5.other", "other.ninja"} {
		listen(name, long).Close()
	}
	listen("replibuild-young.ninja", time.Now()).Close()
	defer listen("replibuild-live.ninja", long).Close()
	if err := os.WriteFile(filepath.Join(dir, "replibuild-file.ninja"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "replibuild-file.ninja"), long, long); err != nil {
		t.Fatal(err)
	}

	sweepSockets(dir)

	var left []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{"other.ninja", "replibuild-5.other", "replibuild-file.ninja", "replibuild-live.ninja", "replibuild-young.ninja"}
	if !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
}
