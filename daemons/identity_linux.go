package daemons

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ownExecutable is this process's binary, even after the file was replaced.
const ownExecutable = "/proc/self/exe"

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// startTicks returns when the process was started, in clock ticks since boot (field
// 22 of /proc/PID/stat), 0 for a process that is not there or a zombie.
func startTicks(pid int) uint64 {
	fields := processFields(pid)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0
	}
	return ticks
}

// isStopped reports whether a process was stopped by a signal or a debugger.
func isStopped(pid int) bool {
	fields := processFields(pid)
	return len(fields) > 0 && (fields[0] == "T" || fields[0] == "t")
}

// processFields returns the fields of /proc/PID/stat from the third on, the state. Field
// 2 is the program's name in parentheses. It may have any bytes, so fields are counted
// from the last parenthesis.
func processFields(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

// residentBytes is the memory of this process, 0 if unknown.
func residentBytes() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
