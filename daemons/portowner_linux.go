package daemons

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PortOwner names the process that listens on a TCP port of this machine: "nginx (PID
// 123)", or "a process of user 1000" if the process cannot be seen. It is "" if none
// listens, or the system does not say. Source: /proc/net/tcp, whose sockets are found
// again as descriptors in /proc/PID/fd.
func PortOwner(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		inode, uid, ok := listeningSocket(table, port)
		if !ok {
			continue
		}
		if pid := socketOwner(inode); pid > 0 {
			return fmt.Sprintf("%s (PID %d)", processName(pid), pid)
		}
		return "a process of user " + uid
	}
	return ""
}

// listeningSocket finds the row of a listening socket: fields are
// "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …"
// (proc_pid_net(5)), addresses and state in hex, 0A is LISTEN.
func listeningSocket(table string, port int) (inode, uid string, ok bool) {
	f, err := os.Open(table)
	if err != nil {
		return "", "", false
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) > 9 && fields[3] == "0A" && strings.HasSuffix(fields[1], suffix) {
			return fields[9], fields[7], true
		}
	}
	return "", "", false
}

// socketOwner returns a process that has the socket open, 0 if none is visible.
func socketOwner(inode string) int {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	want := "socket:[" + inode + "]"
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == want {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			return pid
		}
	}
	return 0
}

func processName(pid int) string {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "a process"
	}
	return string(bytes.TrimSpace(comm))
}
