package process

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// availableMemory is what processes started by us could still take: the kernel's
// estimate, or less if a control group (version 2) above us leaves less.
func availableMemory() int64 {
	free := int64(-1)
	if kb, ok := field("/proc/meminfo", "MemAvailable:"); ok {
		free = kb << 10
	}
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return free
	}
	for _, line := range strings.Split(string(group), "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			if room := groupRoom("/sys/fs/cgroup", path); room >= 0 && (free < 0 || room < free) {
				free = room
			}
		}
	}
	return free
}

// groupRoom is the least that memory.max of a group and those above it leave. Page
// cache that can be dropped at once counts as free, as MemAvailable counts it.
func groupRoom(mount, path string) int64 {
	least := int64(math.MaxInt64)
	for ; ; path = filepath.Dir(path) {
		dir := filepath.Join(mount, path)
		limit, ok := number(dir + "/memory.max")
		used, ok2 := number(dir + "/memory.current")
		if ok && ok2 {
			cached, _ := field(dir+"/memory.stat", "inactive_file")
			least = min(least, max(0, limit-used+cached))
		}
		if path == "/" || path == "." {
			break
		}
	}
	if least == math.MaxInt64 {
		return -1
	}
	return least
}

func number(file string) (int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64) // "max" is no number
	return n, err == nil
}

// field finds "name value" in a file of such lines.
func field(file, name string) (int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == name {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
