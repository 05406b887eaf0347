//go:build unix

package daemons

import (
	"os/exec"
	"syscall"

	"github.com/RepliBuild/replibuild/internal/caller"
)

// startDetached starts cmd, a replibuild, in a session of its own: no terminal, and no
// Ctrl-C of the shell reaches it. Signals that the shell ignores, and priorities and soft
// limits that it has lowered, are not the daemon's.
func startDetached(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return caller.Start(cmd, caller.ForDaemon(caller.Own()))
}
