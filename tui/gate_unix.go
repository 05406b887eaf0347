//go:build unix

package tui

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// await waits for input; false says that the gate is to be shut.
func (g *gate) await(in *os.File) bool {
	if g.woken == nil {
		return true
	}
	fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}, {Fd: int32(g.woken.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if err != nil && errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && fds[1].Revents != 0 {
			g.woken.Read(make([]byte, 1))
			return false
		}
		return true
	}
}
