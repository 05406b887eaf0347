//go:build unix

package daemons

import (
	"os/exec"
	"syscall"
)

// startDetached starts cmd in a session of its own: no terminal, and no Ctrl-C of
// the shell reaches it.
func startDetached(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}
