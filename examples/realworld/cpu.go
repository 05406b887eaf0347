package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticks is the unit of the times in /proc/PID/stat, a constant of Linux's ABI.
const ticks = 100

// daemonsCPU is the processor time, in seconds, that the daemons of the trial and the processes
// that they have waited for have used so far. It is 0 where there is no /proc.
func (t *trial) daemonsCPU() (seconds float64) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range folders {
		if environ, err := os.ReadFile(dir + "/environ"); err == nil && t.isOurs(environ) {
			stat, _ := os.ReadFile(dir + "/stat")
			seconds += cpuOf(string(stat))
		}
	}
	return seconds
}

// isOurs reports the environment of a process that has the trial's home.
func (t *trial) isOurs(environ []byte) bool {
	for kv := range bytes.SplitSeq(environ, []byte{0}) {
		if string(kv) == t.home() {
			return true
		}
	}
	return false
}

// cpuOf adds utime, stime, cutime and cstime of a line of /proc/PID/stat, fields 14 to 17. The
// name of the program, field 2, is in parentheses and may hold anything.
func cpuOf(stat string) (seconds float64) {
	_, rest, _ := strings.Cut(stat[max(0, strings.LastIndexByte(stat, ')')):], " ")
	fields := strings.Fields(rest)
	const utime, cstime = 14 - 3, 17 - 3
	for i := utime; i <= cstime && i < len(fields); i++ {
		n, _ := strconv.ParseUint(fields[i], 10, 64)
		seconds += float64(n) / ticks
	}
	return seconds
}
