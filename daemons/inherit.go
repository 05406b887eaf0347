package daemons

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// inheritVariable tells a daemon what its descriptors from 3 on are: a list of the
// words below, in order.
const inheritVariable = "REPLIBUILD_DAEMON_FDS"

const (
	fdReady  = "ready"  // write end of a pipe: "ready\n", or one line of JSON, an ipc.Error
	fdLock   = "lock"   // the life lock, held
	fdListen = "listen" // a listening socket
)

// Inherited is what a [Launcher] hands to a daemon. The zero Inherited is that of a
// daemon started by hand: [Run] then takes the lock and binds ports itself.
type Inherited struct {
	ready     *os.File
	lock      *os.File
	listeners []net.Listener
}

// Inherit takes over what the launcher handed to this process and closes every
// other descriptor that the shell above left open, so that `out=$(replibuild
// start)` ends when start does. It must be called once, first thing in a daemon's
// process. The given environment is os.Getenv.
//
// Closing is done here and not by the launcher, which may be any program that uses
// the Go API: making all its descriptors close-on-exec would take those from it that
// it means for its other children.
func Inherit(env func(string) string) (Inherited, error) {
	var in Inherited
	words := strings.FieldsFunc(env(inheritVariable), func(r rune) bool { return r == ',' })
	closeStrays(3 + len(words))
	for i, word := range words {
		f := os.NewFile(uintptr(3+i), word)
		closeOnExec(f) // what the daemon starts must not hold its lock and ports
		switch word {
		case fdReady:
			in.ready = f
		case fdLock:
			in.lock = f
		case fdListen:
			l, err := net.FileListener(f)
			f.Close()
			if err != nil {
				return in, fmt.Errorf("descriptor %d is no listener: %w", 3+i, err)
			}
			in.listeners = append(in.listeners, l)
		default:
			return in, fmt.Errorf("%s has the unknown word %q", inheritVariable, word)
		}
	}
	return in, nil
}

// report tells the launcher how the start ended; only the first report counts.
func (in *Inherited) report(err error) {
	if in.ready == nil {
		return
	}
	line := []byte(readyLine)
	if err != nil {
		line = encodeError(err)
	}
	in.ready.Write(line)
	in.ready.Close()
	in.ready = nil
}

// closeStrays closes the descriptors from first on that were open before this
// program began. The Go runtime and library open all of theirs close-on-exec, so a
// descriptor without that mark came from outside.
func closeStrays(first int) {
	for _, fd := range openDescriptors() {
		if fd >= first && survivesExec(fd) {
			closeDescriptor(fd)
		}
	}
}

// openDescriptors lists this process's descriptors, by the system's list where there
// is one, else by trying the usual numbers.
func openDescriptors() []int {
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		fds := make([]int, 0, len(entries))
		for _, e := range entries {
			if fd, err := strconv.Atoi(e.Name()); err == nil {
				fds = append(fds, fd)
			}
		}
		return fds
	}
	fds := make([]int, 256)
	for i := range fds {
		fds[i] = i
	}
	return fds
}

// asError gives every error a code and a message that can travel.
func asError(err error) *ipc.Error {
	var e *ipc.Error
	if errors.As(err, &e) {
		return e
	}
	return ipc.Errorf(ipc.CodeInternal, "%v", err)
}
