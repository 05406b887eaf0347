package daemons

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// A daemon that was killed leaves its sockets behind, and so does one whose project was removed:
// no later daemon of that folder takes their names. So each daemon that makes a socket removes
// those that refuse connections.

const (
	// youngSocket is the age below which a socket is left alone: one that was just made refuses
	// connections until its daemon listens.
	youngSocket = time.Minute
	// sweepPatience bounds the look at one socket. A full queue of connections makes them wait.
	sweepPatience = 100 * time.Millisecond
)

// sweepSockets removes the dead sockets of ours in a folder.
func sweepSockets(dir string) {
	paths, _ := filepath.Glob(filepath.Join(dir, "replibuild-*")) // the pattern is right
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !isOurSocket(info) || time.Since(info.ModTime()) < youngSocket || !refuses(path) {
			continue
		}
		if now, err := os.Lstat(path); err == nil && os.SameFile(now, info) {
			_ = os.Remove(path) // one that stays refuses the next look too
		}
	}
}

// isOurSocket reports whether a file is a socket that [Paths.LaunchSocket] or [Paths.Socket] names.
func isOurSocket(info os.FileInfo) bool {
	return info.Mode().Type() == os.ModeSocket && ownedByUs(info) &&
		slices.Contains([]string{".cc", ".ipc", ".ninja", ".compile"}, filepath.Ext(info.Name()))
}

// refuses reports whether no process listens at a socket.
func refuses(path string) bool {
	nc, err := net.DialTimeout("unix", path, sweepPatience)
	if err == nil {
		nc.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
