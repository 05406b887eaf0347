//go:build !linux

package daemons

import (
	"errors"
	"os"
	"syscall"
)

// errGone means that the process is not there any more.
var errGone = errors.New("the process is gone")

// sendSignal signals the process with that PID. Callers hold on to the lock: its
// holder wrote the PID and lives, so the PID is still its own.
func sendSignal(id identity, sig syscall.Signal) error {
	p, err := os.FindProcess(id.PID)
	if id.PID <= 1 || err != nil || !id.sameBoot() {
		return errGone
	}
	return p.Signal(sig)
}
