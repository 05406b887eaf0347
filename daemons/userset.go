package daemons

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// The user set serves the thin client, for all that this user compiles. It has a compile
// service alone, which listens on Unix sockets and on no port.

// UserRoot is the folder of the user set, as a project's is.
func UserRoot(home string) string { return filepath.Join(home, "user") }

// IsUser reports whether these are the paths of the user set.
func (p Paths) IsUser() bool { return p.Root != "" && p.Root == UserRoot(p.Home) }

// Socket is where the daemon of the user set listens for requests, "" for other sets.
func (p Paths) Socket() string {
	if !p.IsUser() {
		return ""
	}
	return p.socketBase() + ".ipc"
}

// LaunchSocket is where a daemon listens for the thin client, which computes the same name
// (csrc/client/daemon.c): that of the user set by its home, the others by the folder of the set.
// Discovery answers for ninja, the orchestrator for compile.
func (p Paths) LaunchSocket(daemon string) string {
	switch {
	case p.IsUser():
		return p.socketBase() + ".cc"
	case daemon == ipc.NameOrchestrator:
		return socketOf(p.Root) + ".compile"
	}
	return socketOf(p.Root) + ".ninja"
}

// socketBase names the sockets of a home: its own path may be too long for a socket
// (sockaddr_un), or lie on a file server.
func (p Paths) socketBase() string { return socketOf(strings.TrimRight(p.Home, "/")) }

func socketOf(folder string) string {
	h := fnv.New64a()
	h.Write([]byte(folder))
	return filepath.Join(SocketDir(), fmt.Sprintf("replibuild-%016x", h.Sum64()))
}

// SocketDir is the folder for sockets: the user's folder in /run if there is one, else one
// in /tmp. No variable is asked, so that every shell finds the same daemon.
func SocketDir() string {
	uid := strconv.Itoa(os.Geteuid())
	if dir := "/run/user/" + uid; isPrivateDir(dir) {
		return dir
	}
	return "/tmp/replibuild-" + uid
}

// isPrivateDir reports whether a path is a folder of this user that no other user may enter.
func isPrivateDir(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && ownedByUs(info) && !sharesWithOthers(info)
}

// makeSocketDir makes the folder for sockets if it is missing.
func makeSocketDir() error {
	dir := SocketDir()
	if !isPrivateDir(dir) && !makeTemporaryHome(dir) {
		return fmt.Errorf("%s is not a private folder of this user", dir)
	}
	return nil
}
