//go:build unix

package compilation

import "syscall"

// lowerPriority makes a process group give way to all others.
func lowerPriority(pid int) { _ = syscall.Setpriority(syscall.PRIO_PGRP, pid, 19) }
