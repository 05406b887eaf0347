package preload

import (
	"slices"
	"strings"
)

// The kinds of record; csrc/preload.h has the same.
const (
	kindRead      = 'R'
	kindSeen      = 'S'
	kindAllowed   = 'E'
	kindFolder    = 'D'
	kindListed    = 'L'
	kindLink      = 'K'
	kindMissed    = 'M'
	kindWritten   = 'W'
	kindReplaced  = 'O'
	kindUpdated   = 'U'
	kindAppended  = 'A'
	kindExecuted  = 'X'
	kindProgram   = 'P'
	kindLibrary   = 'B'
	kindClock     = 'C'
	kindZone      = 'Z'
	kindVariable  = 'V'
	kindWhole     = 'N'
	kindLine      = 'H'
	kindConnected = 'T'
	kindNumbered  = 'F'
	kindWanted    = 'Y'
)

// What was done to a path, as bits.
type deeds uint16

const (
	read deeds = 1 << iota
	seen
	folder
	listed
	link
	missed
	written
	replaced // written, and something was there before
	updated  // written, but what was there before was kept
	appended // opened to add to its end
)

func deedOf(kind byte) deeds {
	switch kind {
	case kindRead, kindLibrary:
		return read
	case kindSeen, kindAllowed:
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
	case kindReplaced:
		return written | replaced
	case kindAppended:
		return appended
	case kindUpdated:
		return written | updated
	}
	return 0
}

// entry is one record of a trace.
type entry struct {
	kind    byte
	process uint32
	path    string
	known   bool  // of a kindProgram: it is one of the caller's
	stamp   Stamp // the zero Stamp if the record has none
}

// ledger gathers records by path.
type ledger struct {
	foreign  map[uint32]string // the programs of processes that are not known
	deeds    map[string]deeds
	order    []string
	executed []string
	programs []string
	// libraries are those of programs that are known.
	libraries []string
	askers    map[string]*Asked   // by path, what is known of programs that are not known
	listers   map[string][]string // by folder, the programs that listed it, "" for known ones
	stamps    map[string]Stamp
	links     map[string]Stamp
	files     map[string]Stamp // the last that was written at a path
	strange   string           // the first program that is not known
	environ   environLedger
	asked     Observation
}

func newLedger() *ledger {
	return &ledger{
		foreign: make(map[uint32]string), deeds: make(map[string]deeds, 1024),
		askers: make(map[string]*Asked), listers: make(map[string][]string), environ: newEnvironLedger(),
		stamps: make(map[string]Stamp, 256), links: make(map[string]Stamp), files: make(map[string]Stamp),
	}
}

// add takes a record; the order of those of one path matters: what was made before it
// was read is not an input.
func (l *ledger) add(e entry) {
	switch e.kind {
	case kindProgram:
		if !e.known {
			l.foreign[e.process] = e.path
			if l.strange == "" {
				l.strange = e.path
			}
		}
		l.programs = append(l.programs, e.path)
		keepFirst(l.stamps, e.path, e.stamp)
		return
	case kindExecuted:
		l.executed = append(l.executed, e.path)
		keepFirst(l.stamps, e.path, e.stamp)
		return
	case kindClock:
		l.asked.Clock = true
		return
	case kindZone:
		l.asked.Zone = true
		l.asked.FileTimes = l.asked.FileTimes || l.foreign[e.process] == ""
		return
	case kindConnected:
		l.asked.Connected = true
		return
	case kindNumbered:
		if !slices.Contains(l.asked.Numbered, e.path) {
			l.asked.Numbered = append(l.asked.Numbered, e.path)
		}
		return
	case kindWanted:
		if !slices.Contains(l.asked.Wanted, e.path) {
			l.asked.Wanted = append(l.asked.Wanted, e.path)
		}
		return
	case kindVariable, kindWhole, kindLine:
		l.environ.add(e)
		return
	case kindLibrary:
		if l.foreign[e.process] == "" { // part of a known program's identity
			if !slices.Contains(l.libraries, e.path) {
				l.libraries = append(l.libraries, e.path)
			}
			keepFirst(l.stamps, e.path, e.stamp)
			return
		}
		l.environ.libraries[e.process] = append(l.environ.libraries[e.process], e.path)
	case kindFolder, kindListed, kindLink:
		e.path = withoutSlash(e.path)
	}
	l.note(e)
}

func (l *ledger) note(e entry) {
	before, known := l.deeds[e.path]
	if !known {
		l.order = append(l.order, e.path)
	}
	d := deedOf(e.kind)
	switch {
	case d == read && before&written != 0 && before&updated == 0:
		return
	case d&written != 0 && before&written != 0 && before&updated == 0:
		d = written // what is there was written by the command itself
	}
	if d&written != 0 && e.stamp != (Stamp{}) {
		l.files[e.path] = e.stamp
		e.stamp = Stamp{}
	}
	if program := l.foreign[e.process]; program != "" && d&(seen|folder|link) != 0 {
		l.ask(e, program)
	}
	if program := l.foreign[e.process]; d == listed && !slices.Contains(l.listers[e.path], program) {
		l.listers[e.path] = append(l.listers[e.path], program)
	}
	l.deeds[e.path] = before | d
	if e.kind == kindLink {
		keepFirst(l.links, e.path, e.stamp)
	} else {
		keepFirst(l.stamps, e.path, e.stamp)
	}
}

// ask notes that a program that is not known asked about a path.
func (l *ledger) ask(e entry, program string) {
	a := l.askers[e.path]
	if a == nil {
		a = &Asked{Path: e.path, Allowed: true}
		l.askers[e.path] = a
	}
	if !slices.Contains(a.Programs, program) {
		a.Programs = append(a.Programs, program)
	}
	a.Allowed = a.Allowed && e.kind == kindAllowed
}

// keepFirst keeps the first stamp of a path: if a later one differs, so does the one that
// is taken after the end.
func keepFirst(stamps map[string]Stamp, path string, s Stamp) {
	if _, known := stamps[path]; !known && s != (Stamp{}) {
		stamps[path] = s
	}
}

// observation sorts the paths into lists. stampOf looks at a path as it is now.
func (l *ledger) observation(outputs map[string]bool, stampOf func(path string) (s Stamp, there bool)) Observation {
	o := l.asked
	o.Executed, o.Programs, o.Libraries, o.Foreign = l.executed, l.programs, l.libraries, l.strange
	o.Stamps, o.LinkStamps, o.Listers, o.Writes = l.stamps, l.links, l.listers, make(map[string]Write)
	for _, p := range l.order {
		d := l.deeds[p]
		if outputs[p] {
			if d&read != 0 {
				o.OwnRead = append(o.OwnRead, p)
			}
			d |= written
			d &^= read
		}
		if d&updated != 0 && d&read != 0 && l.unchanged(p, stampOf) {
			d &^= written // opened for writing, and nothing was written
		}
		if d&written != 0 {
			if _, there := stampOf(p); there {
				if d&missed != 0 {
					o.OwnMissed = append(o.OwnMissed, p)
				}
				o.Written = append(o.Written, p)
				o.Writes[p] = Write{File: l.files[p], Replaced: d&replaced != 0, Updated: d&updated != 0, Appended: d&appended != 0, Declared: l.deeds[p]&written == 0}
			}
		}
		if d&written != 0 && d&read == 0 {
			continue
		}
		if isMachine(p, stampOf) {
			if d&read != 0 && !saysLittle(p) {
				o.Volatile = append(o.Volatile, p)
			}
			continue
		}
		o.sort(p, d)
		if a := l.askers[p]; a != nil {
			o.Asked = append(o.Asked, *a)
		}
	}
	return o
}

func (l *ledger) unchanged(path string, stampOf func(string) (Stamp, bool)) bool {
	now, there := stampOf(path)
	return there && now == l.stamps[path]
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

// isMachine reports paths that are not files but questions to the kernel. Folders like
// /dev/shm hold files like any other.
func isMachine(path string, stampOf func(string) (Stamp, bool)) bool {
	if strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/") {
		return true
	}
	rest, ok := strings.CutPrefix(path, "/dev/")
	if !ok {
		return false
	}
	s, there := stampOf(path)
	if !there {
		return !strings.Contains(rest, "/")
	}
	return !s.isFile() && !s.isFolder()
}

// Bits of a mode (inode(7)).
const (
	typeMask   = 0o170000
	typeFile   = 0o100000
	typeFolder = 0o040000
)

func (s Stamp) isFile() bool   { return s.Mode&typeMask == typeFile }
func (s Stamp) isFolder() bool { return s.Mode&typeMask == typeFolder }

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
