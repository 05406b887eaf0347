package daemons

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// errGone means that the process is not there any more.
var errGone = errors.New("the process is gone")

// sendSignal signals the process that id names, and no other: a pidfd holds the process
// that has the PID now, and then its start time and boot are compared.
func sendSignal(id identity, sig syscall.Signal) error {
	if id.PID <= 1 || id.StartTicks == 0 || !id.sameBoot() {
		return errGone
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil {
		return errGone
	}
	defer unix.Close(fd)
	if startTicks(id.PID) != id.StartTicks {
		return errGone
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}
