package caller

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// fewFiles is a soft limit of open files that a compile could reach.
const fewFiles = 256

// SameShare reports whether another process of this user has the share of the machine that this
// process has, beside what an [ipc.Caller] says: control groups, policy of scheduling, and
// what the kernel does to it if memory runs out. It also reports false if the process
// blocks signals, which its children inherit, or may open few files.
func SameShare(pid int) bool {
	var files unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &files) != nil || files.Cur < fewFiles {
		return false
	}
	if readStatus(pid).value("SigBlk") != "0000000000000000" {
		return false
	}
	theirs, ok := shareOf(pid)
	ours, ok2 := shareOf(os.Getpid())
	return ok && ok2 && theirs == ours
}

// share is what decides how much of the machine a process gets.
type share struct {
	groups, oom string
	policy      uintptr
}

// shareOf reads it. ok is false if it cannot be read.
func shareOf(pid int) (s share, ok bool) {
	proc := "/proc/" + strconv.Itoa(pid) + "/"
	groups, err := os.ReadFile(proc + "cgroup")
	oom, err2 := os.ReadFile(proc + "oom_score_adj")
	policy, _, e := unix.Syscall(unix.SYS_SCHED_GETSCHEDULER, uintptr(pid), 0, 0)
	return share{string(groups), string(oom), policy}, err == nil && err2 == nil && e == 0
}
