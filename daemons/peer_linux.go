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
// then runs without us. A peer that cannot be looked at is unfit.
func unfitPeer(nc *net.UnixConn) string {
	raw, err := nc.SyscallConn()
	if err != nil {
		return err.Error()
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil || err != nil {
		return "it cannot be looked at"
	}
	if int(cred.Uid) != os.Geteuid() || cred.Pid <= 0 {
		return "it belongs to another user, or to another space of processes"
	}
	proc := fmt.Sprintf("/proc/%d/", cred.Pid)
	for _, kind := range []string{"mnt", "user", "pid"} {
		theirs, err := os.Readlink(proc + "ns/" + kind)
		ours, _ := os.Readlink("/proc/self/ns/" + kind)
		if err != nil || theirs != ours {
			return "it has another " + kind + " namespace"
		}
	}
	var theirs, ours unix.Stat_t
	if unix.Stat(proc+"root/", &theirs) != nil || unix.Stat("/", &ours) != nil || theirs.Dev != ours.Dev || theirs.Ino != ours.Ino {
		return "it has another root folder"
	}
	return differentRights(proc)
}

// differentRights compares what /proc says of both processes.
func differentRights(proc string) string {
	theirs, err := os.ReadFile(proc + "status")
	ours, err2 := os.ReadFile("/proc/self/status")
	if err != nil || err2 != nil {
		return "its rights cannot be read"
	}
	for _, name := range []string{"Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapEff"} {
		if statusLine(theirs, name) != statusLine(ours, name) {
			return "it has other rights: " + name
		}
	}
	return ""
}

func statusLine(status []byte, name string) string {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return strings.TrimSpace(string(rest))
		}
	}
	return ""
}
