package daemons

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

// resources is what decides how much of the machine a process may use, beside what an
// [ipc.Caller] has.
type resources struct {
	groups string // control groups
	oom    string // what the kernel adds to its badness when memory is out
	policy uintptr
}

// resourcesOf reads them of a process. ok is false if they cannot be read.
func resourcesOf(pid int) (r resources, ok bool) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	groups, err := readShort(proc + "cgroup")
	oom, err2 := readShort(proc + "oom_score_adj")
	policy, _, e := unix.Syscall(unix.SYS_SCHED_GETSCHEDULER, uintptr(pid), 0, 0)
	return resources{string(groups), string(oom), policy}, err == nil && err2 == nil && e == 0
}

// settled is a launcher that is told the settings of the client at a connection.
type settled struct {
	ipc.Launcher
	nc *net.UnixConn
}

// Launch implements [ipc.Launcher].
func (s settled) Launch(ctx context.Context, req ipc.LaunchRequest) ipc.LaunchAnswer {
	req.Settings = s.settings
	return s.Launcher.Launch(ctx, req)
}

// settings are those of the client, nil if it may use something else than this process.
func (s settled) settings() *ipc.Caller {
	cred, err := peerOf(s.nc)
	if err != nil || cred.Pid <= 0 {
		return nil
	}
	theirs, ok := resourcesOf(int(cred.Pid))
	ours, ok2 := resourcesOf(os.Getpid())
	if !ok || !ok2 || theirs != ours {
		return nil
	}
	return caller.Of(int(cred.Pid))
}
