//go:build !linux

package process

import (
	"os"
	"syscall"
)

// groups: only the process itself is signalled here; what it started may outlive a
// cancelled build. `replibuild doctor` says so.
const HasGroups = false

func groupAttributes() *syscall.SysProcAttr { return nil }

func awaitExit(int) bool { return false }

func signalGroup(p *os.Process, _ syscall.Signal) { _ = p.Kill() }

func groupExists(int) bool { return false }

func peakBytes(*os.ProcessState) int64 { return 0 }

func treeRSS(int) int64 { return 0 }
