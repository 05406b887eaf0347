package process

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// groups says that processes get a group of their own, which is signalled as one.
const HasGroups = true

func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit waits for the end of a child without taking away its zombie, and
// reports whether it could.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}

func signalGroup(p *os.Process, s syscall.Signal) { _ = unix.Kill(-p.Pid, s) }

func groupExists(pid int) bool { return unix.Kill(-pid, 0) == nil }

// peakBytes is ru_maxrss, which for wait4 covers the waited-for descendants too
// (getrusage(2), kernel/sys.c RUSAGE_BOTH): cc1plus under g++ is in it.
func peakBytes(st *os.ProcessState) int64 {
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		return ru.Maxrss << 10
	}
	return 0
}

// treeRSS is the resident memory of a process and its descendants now.
func treeRSS(pid int) int64 {
	proc := "/proc/" + strconv.Itoa(pid)
	total := int64(0)
	if b, err := os.ReadFile(proc + "/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			total = pages * int64(os.Getpagesize())
		}
	}
	b, err := os.ReadFile(proc + "/task/" + strconv.Itoa(pid) + "/children")
	if err != nil {
		return total
	}
	for _, f := range strings.Fields(string(b)) {
		if child, err := strconv.Atoi(f); err == nil {
			total += treeRSS(child)
		}
	}
	return total
}
