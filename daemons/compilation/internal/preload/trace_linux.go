package preload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// traceSize is the room of a trace. It takes memory only where it is written: a unit
	// with 5,000 misses needs half a megabyte.
	traceSize  = 64 << 20
	traceMagic = 0x33454341525452
)

// traceHead is struct head of csrc/trace.c.
type traceHead struct {
	magic    uint64
	size     uint64
	tail     uint64
	expected uint32
	attached uint32
	flags    uint32
	refused  uint32 // an errno
	_        [6]uint32
}

const headSize = int(unsafe.Sizeof(traceHead{}))

// Flags of the head; csrc/preload.h has the same.
const (
	overflowed = 1
	lost       = 2
	rawCalls   = 4
	refused    = 8
)

// Trace is one recording: a file in memory that the traced processes open by way of our
// /proc folder and map. It is for one process that we start, and what that one starts.
type Trace struct {
	file *os.File
	name string // by which others open it
	data []byte
}

// NewTrace makes an empty trace. Close it.
func NewTrace() (*Trace, error) { return newTrace(traceSize) }

func newTrace(size int) (*Trace, error) {
	fd, err := unix.MemfdCreate("replibuild-trace", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make trace: memfd_create: %w", err)
	}
	t := &Trace{
		file: os.NewFile(uintptr(fd), "trace"),
		name: fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd),
	}
	if err := t.file.Truncate(int64(size)); err != nil {
		return nil, errors.Join(fmt.Errorf("make trace: %w", err), t.Close())
	}
	t.data, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make trace: mmap: %w", err), t.Close())
	}
	*t.head() = traceHead{magic: traceMagic, size: uint64(size), tail: uint64(headSize), expected: 1}
	return t, nil
}

// Close gives the trace's memory back. Processes that still record keep theirs.
func (t *Trace) Close() error {
	var err error
	if t.data != nil {
		err = unix.Munmap(t.data)
		t.data = nil
	}
	return errors.Join(err, t.file.Close())
}

func (t *Trace) head() *traceHead { return (*traceHead)(unsafe.Pointer(&t.data[0])) }

// Observe reads a trace whose processes have ended. outputs are the paths that the
// command was told to write, absolute or relative to the root. known are the files
// (links resolved) of the toolchain's own programs: their results depend on the content of
// files and the names in folders only.
func (r *Reader) Observe(t *Trace, outputs []string, known map[string]bool) Observation {
	l := newLedger()
	whyNot := t.complete()
	if err := r.read(t, l, known); err != nil && whyNot == "" {
		whyNot = err.Error()
	}
	declared := make(map[string]bool, len(outputs))
	for _, p := range outputs {
		declared[r.Spell(r.abs(p))] = true
	}
	o := l.observation(declared, func(p string) (Stamp, bool) { return stampOf(r.abs(p)) }).incomplete(whyNot)
	l.environ.observe(&o, l.foreign, r.mayReadAll)
	return o
}

// Programs returns the files of the programs that ran, each once.
func (r *Reader) Programs(t *Trace) []string {
	l := newLedger()
	if r.read(t, l, nil) != nil {
		return nil
	}
	slices.Sort(l.programs)
	return slices.Compact(l.programs)
}

// stampOf looks at a file, and at a link itself if it leads nowhere.
func stampOf(path string) (s Stamp, there bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil && unix.Lstat(path, &st) != nil {
		return Stamp{}, false
	}
	return Stamp{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Mode}, true
}

func (r *Reader) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return r.root + "/" + path
}

// complete returns why the head says that something is missing.
func (t *Trace) complete() string {
	h := t.head()
	expected, attached := atomic.LoadUint32(&h.expected), atomic.LoadUint32(&h.attached)
	switch flags := atomic.LoadUint32(&h.flags); {
	case flags&overflowed != 0:
		return fmt.Sprintf("more than %d MiB of paths were recorded", len(t.data)>>20)
	case flags&lost != 0:
		return "a path or pattern could not be recorded"
	case flags&rawCalls != 0:
		return "a program made system calls that the tracer does not see, as programs in Go do"
	case flags&refused != 0:
		return fmt.Sprintf("a static program, or one in Go, cannot be traced here: %v", syscall.Errno(h.refused))
	case attached == 0:
		return "the program did not load the tracer"
	case attached < expected:
		return fmt.Sprintf("%d of %d programs that it started did not load the tracer", expected-attached, expected)
	case attached > expected:
		return "a program was started in a way that the tracer does not see"
	}
	return ""
}

// Parts of a record's first word, and the size of its head and stamp (csrc/trace.c).
const (
	stamped    = 1 << 23
	recordHead = 8
	stampSize  = 48
)

// read hands every record to the ledger.
func (r *Reader) read(t *Trace, l *ledger, known map[string]bool) error {
	end := min(int(atomic.LoadUint64(&t.head().tail)), len(t.data))
	r.mu.Lock()
	defer r.mu.Unlock()
	var path []byte // a copy: shorten changes it
	for at := headSize; at+recordHead <= end; {
		word := binary.NativeEndian.Uint32(t.data[at:])
		e := entry{kind: byte(word >> 24), process: binary.NativeEndian.Uint32(t.data[at+4:])}
		n, from := int(word&(stamped-1)), at+recordHead
		if word&stamped != 0 && from+stampSize <= end {
			e.stamp = stampFrom(t.data[from:])
			from += stampSize
		}
		if word == 0 || from+n > end {
			return errors.New("a process was killed while it recorded")
		}
		path = append(path[:0], t.data[from:from+n]...)
		e.known = e.kind == kindProgram && known[string(path)]
		if e.isText() {
			e.path = string(path)
		} else {
			e.path = r.intern(path)
		}
		l.add(e)
		at = (from + n + 3) &^ 3
	}
	return nil
}

// stampFrom reads a struct stamp of csrc/preload.h.
func stampFrom(b []byte) Stamp {
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(b[8*i:]) }
	return Stamp{
		Dev: word(0), Ino: word(1), Size: int64(word(2)), Mtime: int64(word(3)), Ctime: int64(word(4)),
		Mode: binary.NativeEndian.Uint32(b[40:]),
	}
}
