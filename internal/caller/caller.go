// Package caller carries what a process inherits from the shell that asks for a build
// (an [ipc.Caller]) to the processes that a daemon runs for it.
//
// Go can set neither a umask nor limits for a child alone. Where the caller's settings
// differ from this process's own, the child is our executable itself: [Main] changes the
// settings of its own process and then executes the command. Where they are equal,
// which is the common case, the command is started as it is.
//
// What it promises:
//
//   - No setting of this process changes.
//   - The command has the same process ID, descriptors, environment and arguments as if
//     it had been started directly.
//   - A setting that the system does not allow is left as it is. [Serves] tells before
//     whether a daemon can give a caller all of them.
//
// It works on Linux. Elsewhere [Own] returns nil and nothing is changed.
//
// Two settings cannot be read exactly, because the Go runtime changes them before any
// code of ours runs. The soft limit of open files counts as that of the process that
// starts the command. Of the signals that Go handles itself, SIGHUP and SIGINT are known;
// SIGQUIT counts as ignored where SIGINT is, which is what a shell does to a command in
// the background.
package caller

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// Word stands where a daemon's name stands in the arguments of a process that must call
// [Main]. Every program that can be a daemon, also a test, must handle it.
const Word = "as-caller"

// Difference returns the settings of want that have to be changed for a child of a
// process with the settings own; nil if there are none.
func Difference(own, want *ipc.Caller) *ipc.Caller {
	if own == nil || want == nil {
		return nil
	}
	d := *want
	d.Limits = differingLimits(own.Limits, want.Limits)
	if d.Umask == own.Umask && slices.Equal(d.Ignored, own.Ignored) && SameResources(own, want) {
		return nil
	}
	return &d
}

// SameResources reports whether two processes may use the same: limits, priorities and
// processors are equal.
func SameResources(a, b *ipc.Caller) bool {
	if a == nil || b == nil {
		return true
	}
	return a.Nice == b.Nice && a.IOPriority == b.IOPriority && a.CPUs == b.CPUs &&
		len(differingLimits(a.Limits, b.Limits)) == 0
}

// differingLimits returns the limits of want that are not in own.
func differingLimits(own, want []ipc.Limit) (out []ipc.Limit) {
	for _, l := range want {
		if !slices.Contains(own, l) {
			out = append(out, l)
		}
	}
	return out
}

// Serves reports whether a daemon can give its children all settings of a caller.
// Hard limits and priorities can only be lowered, unless the daemon may raise them.
func Serves(daemon ipc.Endpoint, c *ipc.Caller) bool {
	own := daemon.Caller
	if own == nil || c == nil || daemon.Raises {
		return true
	}
	if c.Nice < own.Nice || !sameClass(own.IOPriority, c.IOPriority) {
		return false
	}
	for _, l := range c.Limits {
		for _, o := range own.Limits {
			if o.Resource == l.Resource && l.Hard > o.Hard {
				return false
			}
		}
	}
	return true
}

// realTime is the class of an I/O priority that takes privileges.
const realTime = 1

// sameClass reports whether a process with one I/O priority can take the other.
func sameClass(own, want int) bool {
	const classShift = 13
	return want>>classShift != realTime || own>>classShift == realTime
}
