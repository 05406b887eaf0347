package caller

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/ipc"
)

// fewFiles is a soft limit of open files below which a compile could meet it. One above it
// counts as raised, as in [Own].
const fewFiles = 256

// Of returns the settings of another process of this user, nil if they cannot be read or if it
// blocks signals, which its children inherit.
func Of(pid int) *ipc.Caller {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return nil
	}
	s := status(data)
	mask, err := strconv.ParseUint(s.value("Umask"), 8, 32)
	blocked, err2 := strconv.ParseUint(s.value("SigBlk"), 16, 64)
	if err != nil || err2 != nil || blocked != 0 {
		return nil
	}
	c := &ipc.Caller{Umask: uint32(mask), Ignored: signalsOf(s.value("SigIgn")), CPUs: s.value("Cpus_allowed_list")}
	value, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	priority, _, e := unix.Syscall(unix.SYS_IOPRIO_GET, ioprioProcess, uintptr(pid), 0)
	if err != nil || e != 0 {
		return nil
	}
	c.Nice, c.IOPriority = 20-value, int(priority)
	for resource := range limitCount {
		var l unix.Rlimit
		if unix.Prlimit(pid, resource, nil, &l) != nil {
			return nil
		}
		if resource == unix.RLIMIT_NOFILE && l.Cur >= fewFiles {
			l.Cur = l.Max
		}
		c.Limits = append(c.Limits, ipc.Limit{Resource: resource, Soft: l.Cur, Hard: l.Max})
	}
	return c
}
