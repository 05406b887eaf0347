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

// daemonsCPU is the processor time, in seconds, that the daemons of the trial, the processes that
// they have waited for, and those that run beneath them have used so far. A warm clang is such a
// process: it has another environment, and waits for its compiles itself. It is 0 where there is
// no /proc.
func (t *trial) daemonsCPU() (seconds float64) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	all := make(map[string]statLine)
	ours := make(map[string]bool)
	for _, dir := range folders {
		stat, _ := os.ReadFile(dir + "/stat")
		all[filepath.Base(dir)] = parseStat(string(stat))
		environ, err := os.ReadFile(dir + "/environ")
		ours[filepath.Base(dir)] = err == nil && t.isOurs(environ)
	}
	for pid, s := range all {
		for p := pid; p != ""; p = all[p].parent {
			if ours[p] {
				seconds += s.cpu
				break
			}
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

// statLine is what is of interest in /proc/PID/stat.
type statLine struct {
	parent string
	cpu    float64 // seconds, with those of the children that were waited for
}

// parseStat reads the parent, field 4, and adds utime, stime, cutime and cstime, fields 14 to 17.
// The name of the program, field 2, is in parentheses and may hold anything.
func parseStat(stat string) (s statLine) {
	_, rest, _ := strings.Cut(stat[max(0, strings.LastIndexByte(stat, ')')):], " ")
	fields := strings.Fields(rest)
	const parent, utime, cstime = 4 - 3, 14 - 3, 17 - 3
	if len(fields) <= cstime {
		return s
	}
	s.parent = fields[parent]
	for _, field := range fields[utime : cstime+1] {
		n, _ := strconv.ParseUint(field, 10, 64)
		s.cpu += float64(n) / ticks
	}
	return s
}
