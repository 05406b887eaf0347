package daemons

import (
	"os/exec"

	"github.com/RepliBuild/replibuild/ipc"
)

func startDetached(*exec.Cmd) error {
	return ipc.Errorf(ipc.CodeUnavailable, "background daemons do not work on Windows yet").
		WithHint("`replibuild compile --no-daemon` does the same work in one process")
}
