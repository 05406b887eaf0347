package buildsystem

import (
	"os/exec"
	"runtime"
	"syscall"
)

// endWithParent has the kernel kill a program when this process ends, however that happens:
// a CMake must not go on in a folder that the next build configures. The caller must start
// the program and wait for it between endWithParent and release: the kernel counts the end
// of the starting thread.
func endWithParent(cmd *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return runtime.UnlockOSThread
}
