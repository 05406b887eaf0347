package caller

import (
	"bytes"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/ipc"
)

// limitCount is the number of resource limits that Linux has.
const limitCount = 16

// Own returns the settings of this process, nil if they cannot be read.
func Own() *ipc.Caller {
	c := Of(0)
	if c != nil {
		c.Ignored = withQuit(c.Ignored)
	}
	return c
}

// Of returns the settings of a process of this user, nil if they cannot be read; 0 is this
// process. The soft limit of open files counts as the hard one, as it does for programs in Go.
func Of(pid int) *ipc.Caller {
	status := readStatus(pid)
	mask, err := strconv.ParseUint(status.value("Umask"), 8, 32)
	if err != nil {
		return nil
	}
	c := &ipc.Caller{Umask: uint32(mask), Ignored: ignoredIn(status.value("SigIgn")), CPUs: status.value("Cpus_allowed_list")}
	if value, err := unix.Getpriority(unix.PRIO_PROCESS, pid); err == nil {
		c.Nice = 20 - value // the system call returns 1 to 40
	}
	if value, _, e := unix.Syscall(unix.SYS_IOPRIO_GET, ioprioProcess, uintptr(pid), 0); e == 0 {
		c.IOPriority = int(value)
	}
	for resource := range limitCount {
		var l unix.Rlimit
		if unix.Prlimit(pid, resource, nil, &l) != nil {
			continue
		}
		if resource == unix.RLIMIT_NOFILE {
			l.Cur = l.Max // Go raised it
		}
		c.Limits = append(c.Limits, ipc.Limit{Resource: resource, Soft: l.Cur, Hard: l.Max})
	}
	return c
}

const (
	// ioprioProcess is IOPRIO_WHO_PROCESS.
	ioprioProcess = 1
	// ioprioDefault is what some kernels return where no priority was set: class
	// best-effort, level 4.
	ioprioDefault = 2<<13 | 4
)

// readStatus returns the lines of a process's status; 0 is this process.
func readStatus(pid int) status {
	name := "self"
	if pid != 0 {
		name = strconv.Itoa(pid)
	}
	data, _ := os.ReadFile("/proc/" + name + "/status")
	return data
}

// status are lines "Name:	value".
type status []byte

func (s status) value(name string) string {
	for line := range bytes.Lines(s) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}

// ignoredSignals returns the signals that this process ignores.
func ignoredSignals() []int { return withQuit(ignoredIn(readStatus(0).value("SigIgn"))) }

// ignoredIn returns the signals of a mask as /proc shows it.
func ignoredIn(mask string) (signals []int) {
	bits, _ := strconv.ParseUint(mask, 16, 64)
	for s := 1; s <= 64; s++ {
		if bits&(1<<(s-1)) != 0 && s != int(unix.SIGPIPE) {
			signals = append(signals, s)
		}
	}
	return signals
}

// withQuit adds SIGQUIT to the signals that this process ignores where SIGINT is ignored.
func withQuit(signals []int) []int {
	if signal.Ignored(os.Interrupt) && !slices.Contains(signals, int(syscall.SIGQUIT)) {
		signals = append(signals, int(syscall.SIGQUIT))
		slices.Sort(signals)
	}
	return signals
}

// Raises reports whether this process may raise hard limits and priorities.
func Raises() bool {
	capabilities, err := strconv.ParseUint(readStatus(0).value("CapEff"), 16, 64)
	const needed = 1<<unix.CAP_SYS_RESOURCE | 1<<unix.CAP_SYS_NICE
	return err == nil && capabilities&needed == needed
}

// kept are the limits whose soft value a daemon takes from its starter: in a plain shell
// it lies below the hard one.
var kept = []int{unix.RLIMIT_STACK, unix.RLIMIT_CORE, unix.RLIMIT_NOFILE}

// ForDaemon returns the settings that a daemon needs if it is started by a process with
// the settings own: no signal is ignored, no priority is lowered, soft limits are raised,
// every processor may be used. nil if own are these.
func ForDaemon(own *ipc.Caller) *ipc.Caller {
	if own == nil {
		return nil
	}
	want := *own
	want.Ignored, want.Nice = nil, min(0, own.Nice)
	if own.IOPriority != ioprioDefault {
		want.IOPriority = 0
	}
	if online, err := os.ReadFile("/sys/devices/system/cpu/online"); err == nil {
		want.CPUs = strings.TrimSpace(string(online))
	}
	want.Limits = slices.Clone(own.Limits)
	for i := range want.Limits {
		if l := &want.Limits[i]; !slices.Contains(kept, l.Resource) {
			l.Soft = l.Hard
		}
	}
	return Difference(own, &want)
}
