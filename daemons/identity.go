package daemons

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// identity names one process of all that ever ran: a PID is used again, a PID with
// its start time within one boot is not.
type identity struct {
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	BootID     string `json:"boot_id"`
	MachineID  string `json:"machine_id"`
}

func ownIdentity() identity {
	pid := os.Getpid()
	return identity{PID: pid, StartTicks: startTicks(pid), BootID: bootID(), MachineID: machineID()}
}

func identityOf(ep ipc.Endpoint) identity {
	return identity{PID: ep.PID, StartTicks: ep.StartTicks, BootID: ep.BootID, MachineID: ep.MachineID}
}

// sameBoot reports whether the process was started since this machine was booted.
func (id identity) sameBoot() bool {
	return id.BootID == bootID() && id.MachineID == machineID()
}

// machineID names the machine: a home folder may be shared between several.
func machineID() string {
	if data, err := os.ReadFile("/etc/machine-id"); err == nil && len(data) > 1 {
		return strings.TrimSpace(string(data))
	}
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return host
}

// BuildID names the binary at exe: a hash of its size, its time of modification and
// the version that the linker wrote into the running program. It takes microseconds
// instead of the tens of milliseconds that hashing 10 MB would, and changes with
// every installation.
func BuildID(exe string) string {
	h := sha256.New()
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintln(h, info.GoVersion, info.Main.Version)
		for _, s := range info.Settings {
			fmt.Fprintln(h, s.Key, s.Value)
		}
	}
	if fi, err := os.Stat(exe); err == nil {
		fmt.Fprintln(h, fi.Size(), fi.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// isRunning reports whether this very process runs; false if that cannot be found out. A
// zombie does not run: in a container it may never be reaped.
func isRunning(id identity) bool {
	return id.PID > 0 && id.StartTicks != 0 && id.sameBoot() && startTicks(id.PID) == id.StartTicks
}
