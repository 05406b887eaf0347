//go:build unix

package daemons

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func closeOnExec(f *os.File) { syscall.CloseOnExec(int(f.Fd())) }

func survivesExec(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

func closeDescriptor(fd int) { unix.Close(fd) }

// redirectOutput makes what this process prints go to f, a panic's trace included.
func redirectOutput(f *os.File) {
	unix.Dup2(int(f.Fd()), 1)
	unix.Dup2(int(f.Fd()), 2)
}
