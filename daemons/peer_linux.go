package daemons

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// unfitPeer says why this process must not serve the other end of a Unix socket: another
// user or group, other files under the same names, or fewer rights than ours. The command
// then runs without us. A peer that cannot be looked at is unfit. pid is its process.
func unfitPeer(nc *net.UnixConn, ours rights) (pid int, why string) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return 0, err.Error()
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil || err != nil {
		return 0, "it cannot be looked at"
	}
	if int(cred.Uid) != os.Geteuid() || cred.Pid <= 0 {
		return 0, "it belongs to another user, or to another space of processes"
	}
	if ours.why != "" {
		return 0, ours.why
	}
	theirs := rightsOf(fmt.Sprintf("/proc/%d/", cred.Pid))
	return int(cred.Pid), theirs.differFrom(ours)
}

// rights is what decides which files a process sees, and what it may do with them.
type rights struct {
	namespaces [3]string // in the order of namespaceKinds
	dev, ino   uint64    // of the root folder
	status     [6]string // in the order of statusNames
	why        string    // why the rest is not known, "" if it is
}

var (
	namespaceKinds = [3]string{"mnt", "user", "pid"}
	statusNames    = [6]string{"Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapEff"}
)

// ownRights are those of this process, which do not change.
func ownRights() rights { return rightsOf("/proc/self/") }

// rightsOf reads what a folder of /proc says.
func rightsOf(proc string) (r rights) {
	for i, kind := range namespaceKinds {
		name, err := os.Readlink(proc + "ns/" + kind)
		if err != nil {
			return rights{why: "its " + kind + " namespace cannot be read"}
		}
		r.namespaces[i] = name
	}
	var root unix.Stat_t
	if unix.Stat(proc+"root/", &root) != nil {
		return rights{why: "its root folder cannot be read"}
	}
	r.dev, r.ino = uint64(root.Dev), root.Ino
	status, err := readShort(proc + "status")
	if err != nil {
		return rights{why: "its rights cannot be read"}
	}
	for i, name := range statusNames {
		r.status[i] = statusLine(status, name)
	}
	return r
}

// differFrom says in what a process differs from another.
func (r rights) differFrom(o rights) string {
	if r.why != "" {
		return r.why
	}
	for i, kind := range namespaceKinds {
		if r.namespaces[i] != o.namespaces[i] {
			return "it has another " + kind + " namespace"
		}
	}
	if r.dev != o.dev || r.ino != o.ino {
		return "it has another root folder"
	}
	for i, name := range statusNames {
		if r.status[i] != o.status[i] {
			return "it has other rights: " + name
		}
	}
	return ""
}

// readShort reads a file of /proc of at most 8 KiB. [os.ReadFile] takes twice as many calls of
// the system.
func readShort(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 8<<10)
	n, err := unix.Read(fd, text)
	if err == nil && n == len(text) {
		err = unix.E2BIG
	}
	return text[:max(n, 0)], err
}

func statusLine(status []byte, name string) string {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return strings.TrimSpace(string(rest))
		}
	}
	return ""
}
