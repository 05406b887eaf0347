//go:build !linux

package caller

import (
	"os/exec"

	"github.com/RepliBuild/replibuild/ipc"
)

// Own returns nil: the settings of a process are not known here.
func Own() *ipc.Caller { return nil }

// Of returns nil, as [Own] does.
func Of(int) *ipc.Caller { return nil }

// SameShare reports false: nothing is known here.
func SameShare(int) bool { return false }

// Raises reports whether this process may raise hard limits and priorities.
func Raises() bool { return false }

// ForDaemon returns nil: a daemon takes the settings of the process that starts it.
func ForDaemon(*ipc.Caller) *ipc.Caller { return nil }

// Start starts a command as it is.
func Start(cmd *exec.Cmd, _ *ipc.Caller) error { return cmd.Start() }
