package discovery

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mounts tells when something was mounted or unmounted: no folder's watch does.
type mounts struct {
	fd   int // -1: unknown
	text string
	at   map[mountPoint]bool
}

// mountPoint is a name in a folder, whose path has no symbolic links.
type mountPoint struct{ dir, base string }

const mountTable = "/proc/self/mountinfo"

func openMounts() *mounts {
	m := &mounts{fd: -1}
	// Not os.Open: Go's poller would ask for the table's state too, and the kernel
	// reports a change only to the first who asks.
	fd, err := unix.Open(mountTable, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return m
	}
	m.fd = fd
	m.changed()
	m.read()
	return m
}

// read takes the table as it is now.
func (m *mounts) read() {
	m.text, m.at = readMounts(), map[mountPoint]bool{}
	for line := range strings.Lines(m.text) {
		if point, ok := pointOf(line); ok {
			dir, base := splitEvent(point)
			m.at[mountPoint{dir, base}] = true
		}
	}
}

// on reports whether something is mounted on a file: it may be changed by its other path,
// whose folder has the event.
func (m *mounts) on(f *file) bool {
	if m == nil || len(m.at) == 0 {
		return false
	}
	if f.route != nil {
		if n := len(f.route.hops); n > 0 {
			last := f.route.hops[n-1]
			return m.at[mountPoint{last.in.path, last.name}]
		}
	}
	folder := f.dir.route
	return folder != nil && folder.end != nil && m.at[mountPoint{folder.end.path, f.base}]
}

func readMounts() string {
	text, err := os.ReadFile(mountTable)
	if err != nil {
		return ""
	}
	return string(text)
}

func (m *mounts) close() {
	if m.fd >= 0 {
		unix.Close(m.fd)
		m.fd = -1
	}
}

// changed asks the kernel, which answers yes once a change: 1 µs (proc(5), mounts:
// "the file ... is pollable").
func (m *mounts) changed() bool {
	if m.fd < 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(m.fd), Events: unix.POLLPRI}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// points returns where something was mounted or unmounted since the last call.
func (m *mounts) points() []string {
	if !m.changed() {
		return nil
	}
	before := m.text
	m.read()
	return mountsDiffering(before, m.text)
}

func mountsDiffering(before, after string) []string {
	count := map[string]int{}
	for line := range strings.Lines(before) {
		count[line]--
	}
	for line := range strings.Lines(after) {
		count[line]++
	}
	var points []string
	for line, n := range count {
		if point, ok := pointOf(line); n != 0 && ok {
			points = append(points, point)
		}
	}
	return points
}

// pointOf returns where a line of the table says that something is mounted.
func pointOf(line string) (point string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) <= 4 {
		return "", false
	}
	return unescapeMount(fields[4]), true
}

// unescapeMount undoes the kernel's \ooo for space, tab, line end and backslash.
func unescapeMount(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
