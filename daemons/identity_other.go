//go:build !linux

package daemons

// Elsewhere processes have no start time that is cheap to read: signals rest on the
// held lock and the PID that its holder wrote.
const ownExecutable = ""

func bootID() string        { return "" }
func isStopped(int) bool    { return false }
func startTicks(int) uint64 { return 0 }
func residentBytes() int64  { return 0 }
