package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// deathLimit bounds the wait for processes that were killed: one that waits for a disk
// or a network file system ends only after that.
const deathLimit = 5 * time.Second

// deadService is a service whose lock is free, with what it has left.
type deadService struct {
	leaseText
	prefix, token string // that the names of its temporary files begin with
}

func trimEnding(about string) string { return strings.TrimSuffix(filepath.Base(about), leaseAbout) }

// end kills the service's processes, waits until they are gone, and removes their
// temporary files.
func (d *deadService) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deathLimit)
	defer cancel()
	for {
		left := d.killAll()
		if len(left) == 0 {
			break
		}
		if pause.For(ctx, 2*time.Millisecond) != nil {
			return ipc.Errorf(ipc.CodeUnavailable, "processes of a compilation service that was killed do not end: %s", strings.Join(left, ", ")).
				WithHint("they could write an object later; end them, then build again")
		}
	}
	for _, folder := range d.Folders {
		d.sweep(folder)
	}
	return nil
}

// sweep removes the service's temporary files in a folder.
func (d *deadService) sweep(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), d.prefix+d.token) {
			_ = os.Remove(filepath.Join(folder, e.Name())) // the next service tries again
		}
	}
}

// killAll kills the processes of the service that are there, and names them.
func (d *deadService) killAll() (killed []string) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p := readProcess(pid); p.session == d.Session && !p.zombie() && d.kill(pid) {
			killed = append(killed, fmt.Sprintf("%s (PID %d)", p.name, pid))
		}
	}
	return killed
}

// kill kills a process if it is the service's, and reports whether it is. The descriptor
// keeps the number from going to another process in between.
func (d *deadService) kill(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	p := readProcess(pid)
	if p.session != d.Session || !d.holdsLease(pid) && !(slices.Contains(d.Groups, p.group) && isTraced(pid)) {
		return false
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
}

// holdsLease reports whether a process has the lease open. Only the service opens that
// file; another process that has it open inherited it.
func (d *deadService) holdsLease(pid int) bool {
	folder := "/proc/" + strconv.Itoa(pid) + "/fd/"
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		to, err := os.Readlink(folder + e.Name())
		if err == nil && filepath.Base(strings.TrimSuffix(to, " (deleted)")) == d.token+leaseEnding {
			return true
		}
	}
	return false
}

// tracePart is in the name of the memory that a traced process shares with us; see
// [preload.NewTrace].
const tracePart = "/memfd:replibuild-trace"

// isTraced reports whether a process has a trace in its memory: one whose parent closed its
// descriptors is known by it, within a group of the service.
func isTraced(pid int) bool {
	maps, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	return bytes.Contains(maps, []byte(tracePart))
}

// process is what the kernel says of a process.
type process struct {
	name           string
	state          byte // 0: there is none
	group, session int
	exiting        bool
	startTicks     uint64
	killed         bool // SIGKILL is pending
}

// zombie reports whether a process does nothing any more.
func (p process) zombie() bool { return p.state == 0 || p.state == 'Z' || p.state == 'X' }

// dying reports whether a process has ended or is about to.
func (p process) dying() bool { return p.zombie() || p.exiting || p.killed }

// exitingFlag is PF_EXITING of the kernel's flags of a process.
const exitingFlag = 4

// readProcess reads /proc/PID/stat and status.
func readProcess(pid int) (p process) {
	folder := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(folder + "/stat")
	begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if err != nil || begin < 0 || end < begin {
		return p
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 20 {
		return p
	}
	p.name, p.state = string(text[begin+1:end]), fields[0][0]
	p.group, _ = strconv.Atoi(fields[2])
	p.session, _ = strconv.Atoi(fields[3])
	flags, _ := strconv.ParseUint(fields[6], 10, 64)
	p.exiting = flags&exitingFlag != 0
	p.startTicks, _ = strconv.ParseUint(fields[19], 10, 64)
	status, _ := os.ReadFile(folder + "/status")
	p.killed = pending(status, "SigPnd:") || pending(status, "ShdPnd:")
	return p
}

// pending reports whether SIGKILL is in a mask of /proc/PID/status.
func pending(status []byte, name string) bool {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	mask, _ := strconv.ParseUint(strings.TrimSpace(string(line)), 16, 64)
	return mask&(1<<(syscall.SIGKILL-1)) != 0
}

// pidNamespace names the namespace that process IDs are of.
func pidNamespace() string {
	name, _ := os.Readlink("/proc/self/ns/pid")
	return name
}
