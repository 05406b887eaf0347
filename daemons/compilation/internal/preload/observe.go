package preload

import "strings"

// The kinds of record; csrc/preload.h has the same.
const (
	kindRead     = 'R'
	kindSeen     = 'S'
	kindFolder   = 'D'
	kindListed   = 'L'
	kindLink     = 'K'
	kindMissed   = 'M'
	kindWritten  = 'W'
	kindExecuted = 'X'
)

// What was done to a path, as bits.
type deeds uint8

const (
	read deeds = 1 << iota
	seen
	folder
	listed
	link
	missed
	written
)

func deedOf(kind byte) deeds {
	switch kind {
	case kindRead:
		return read
	case kindSeen:
		return seen
	case kindFolder:
		return folder
	case kindListed:
		return listed
	case kindLink:
		return link
	case kindMissed:
		return missed
	case kindWritten:
		return written
	}
	return 0
}

// ledger gathers records by path.
type ledger struct {
	deeds    map[string]deeds
	order    []string
	executed []string
}

func newLedger() *ledger { return &ledger{deeds: make(map[string]deeds, 1024)} }

// add takes a record; the order of those of one path matters: what was made before it
// was read is not an input.
func (l *ledger) add(kind byte, path string) {
	if kind == kindExecuted {
		l.executed = append(l.executed, path)
		return
	}
	if kind == kindFolder || kind == kindListed || kind == kindLink {
		path = withoutSlash(path)
	}
	before, known := l.deeds[path]
	if !known {
		l.order = append(l.order, path)
	}
	d := deedOf(kind)
	if d == read && before&written != 0 {
		return
	}
	l.deeds[path] = before | d
}

// observation sorts the paths into lists. present reports whether a path is there now.
func (l *ledger) observation(outputs map[string]bool, present func(path string) bool) Observation {
	o := Observation{Executed: l.executed}
	for _, p := range l.order {
		d := l.deeds[p]
		if outputs[p] {
			d |= written
			d &^= read
		}
		if d&written != 0 && present(p) {
			o.Written = append(o.Written, p)
		}
		if d&written != 0 && d&read == 0 {
			continue
		}
		if isMachine(p) {
			if d&read != 0 && !saysLittle(p) {
				o.Volatile = append(o.Volatile, p)
			}
			continue
		}
		o.sort(p, d)
	}
	return o
}

func (o *Observation) sort(p string, d deeds) {
	if d&read != 0 {
		o.Read = append(o.Read, p)
	} else if d&seen != 0 {
		o.Seen = append(o.Seen, p)
	}
	if d&listed != 0 {
		o.Listed = append(o.Listed, p)
	} else if d&folder != 0 {
		o.Folders = append(o.Folders, p)
	}
	if d&link != 0 {
		o.Links = append(o.Links, p)
	}
	if d&missed != 0 {
		o.Missed = append(o.Missed, p)
	}
}

// isMachine reports paths that are not files but questions to the kernel.
func isMachine(path string) bool {
	return strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/") || strings.HasPrefix(path, "/dev/")
}

// littleSaid are those that compilers and linkers read to find out how many threads to
// start and what the processor can do; -march=native has its own place in the key. A
// trailing slash takes all beneath.
var littleSaid = [...]string{
	"/dev/null", "/dev/zero", "/dev/tty", "/dev/random", "/dev/urandom",
	"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/mounts", "/proc/filesystems", "/proc/sys/",
	"/sys/devices/system/", "/sys/fs/cgroup/", "/sys/kernel/mm/",
}

func saysLittle(path string) bool {
	for _, l := range littleSaid {
		if path == l || strings.HasSuffix(l, "/") && strings.HasPrefix(path, l) {
			return true
		}
	}
	return false
}

// incomplete marks an observation as not to be relied on, unless why is empty.
func (o Observation) incomplete(why string) Observation {
	o.Complete, o.WhyNot = why == "", why
	return o
}
