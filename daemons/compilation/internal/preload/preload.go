package preload

import (
	"embed"
	"errors"
	"slices"
	"strings"
)

// source is the C code of the shared object. It lies in a folder without Go files so
// that cgo leaves it alone.
//
//go:embed csrc/*.c csrc/*.h csrc/observer/*.c csrc/observer/*.h csrc/client/*.c csrc/client/*.h
var source embed.FS

const (
	preloadVariable  = "LD_PRELOAD"
	traceVariable    = "REPLIBUILD_TRACE"
	residentVariable = "REPLIBUILD_RESIDENT"
)

// ErrUnsupported is wrapped by the errors for systems without preloading.
var ErrUnsupported = errors.New("preloading works on Linux only")

// ErrUntraceable is wrapped by the errors that say why an executable cannot be
// preloaded: static, setuid, for another machine, or the object does not load.
var ErrUntraceable = errors.New("cannot be preloaded")

// Library is the shared object as built for one executable, and the second observer beside
// it.
type Library struct {
	Path string // absolute
	// Observer is the program of the second observer, "" if it could not be built.
	Observer string
	// Observed: the object cannot be loaded into the executable, and the second observer
	// starts it: see [Library.Starter].
	Observed bool
	// loader is the dynamic loader of programs that the object can be loaded into.
	loader string
}

// Starter is what goes before the path and the arguments of a process (its own name
// included) that the second observer starts, nil for a process that loads the object.
func (l Library) Starter(trace *Trace) []string {
	if !l.Observed || trace == nil {
		return nil
	}
	return l.observe(trace, "")
}

// StarterOfAll is what goes before the path and the arguments of a process that the second
// observer watches with all that it starts, whatever the object could be loaded into. The
// library must have an Observer.
func (l Library) StarterOfAll(trace *Trace) []string { return l.observe(trace, "all") }

// observe is the command line of the second observer up to the path of the program. Its mode
// is "all" to watch programs too that the object can be loaded into.
func (l Library) observe(trace *Trace, mode string) []string {
	return []string{l.Observer, l.Path, traceVariable + "=" + trace.name, l.loader, mode}
}

// Env returns env (NAME=value) with what a process needs to be traced: the library in
// front of what LD_PRELOAD has already, in its place, and the trace, unless it is nil. The
// second observer needs nothing of that.
func (l Library) Env(env []string, trace *Trace) []string {
	if l.Observed {
		return env
	}
	out := make([]string, 0, len(env)+2)
	at := -1
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case preloadVariable:
			if at < 0 {
				at = len(out)
				out = append(out, "")
			}
			out[at] = preloadVariable + "=" + l.before(value)
		case traceVariable, residentVariable:
		default:
			out = append(out, kv)
		}
	}
	if at < 0 {
		out = append(out, preloadVariable+"="+l.Path)
	}
	if trace != nil {
		out = append(out, traceVariable+"="+trace.name)
	}
	return out
}

// before puts the library in front of a list of others, if it is not in it.
func (l Library) before(list string) string {
	switch {
	case list == "":
		return l.Path
	case slices.Contains(strings.FieldsFunc(list, isListSeparator), l.Path):
		return list
	}
	return l.Path + ":" + list
}

// isListSeparator is what the loader splits LD_PRELOAD at (ld.so(8)).
func isListSeparator(r rune) bool { return r == ':' || r == ' ' }

// Stamp is what a file was at one moment. The zero Stamp is none.
type Stamp struct {
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime int64 // ns since 1970
	Mode         uint32
}

// Write says how a path was written.
type Write struct {
	File     Stamp // the file that was written last, when it was opened or got its name
	Replaced bool  // something was there before, and none of it is left
	Updated  bool  // something was there before, and was kept
	Appended bool  // it was opened to add to its end
	Declared bool  // the caller says that it is written; the trace does not
}

// Asked is a path and the files of the programs that asked about it.
type Asked struct {
	Path     string
	Programs []string
	// Allowed: they asked only whether the file may be used, which no time matters for.
	Allowed bool
}

// Observation is what the processes of one trace did to files. Paths are absolute, or
// relative to the reader's root where they lie beneath it; they keep their ".." elements,
// for a/../b is not b if a is a link. Each path stands in one list only but for
// Read and Written (a file that was read and then overwritten) and Listed and Links.
// Lists are in the order of the first record, which is the order of the calls within a
// process.
//
// To be valid, all of these must hold again: a file of Read has its content, a path of
// Seen is there and is no folder, one of Folders is a folder, one of Listed has the same
// names in it, one of Links resolves to the same path, one of Missed is not there.
//
// Outputs and temporaries are left out of all lists but Written: a path that was made or
// opened for writing before it was read, and the outputs that the caller declared. A
// path that was missed or asked about and then made is an output as well. One that was
// missed and later found without having been made by the process is in Missed and in
// Read: somebody else made it meanwhile, and the contradiction keeps such an observation
// from ever being valid.
type Observation struct {
	Read    []string // opened for reading, and libraries; content matters
	Seen    []string // asked about but not read: a true __has_include, an unused library
	Folders []string // asked about: a folder in the place of a header is passed over
	Listed  []string // by opendir, scandir, glob
	// Listers are the files of the programs that listed a folder, by its path; "" stands for all
	// that are known to the caller.
	Listers map[string][]string
	Links   []string // asked about as links, or resolved by realpath
	Missed  []string // not there
	// Volatile are files of /proc, /sys and /dev that were read and say more than what
	// machine this is: a result that depends on them must not be stored.
	Volatile []string
	// Numbered are paths of a process's own descriptors, such as /dev/fd/3, that were opened for
	// reading. If the caller gave the descriptor, another caller's may be another file.
	Numbered []string
	// Wanted are libraries that a program asked the loader for by name, such as libm.so.6, while it
	// ran.
	Wanted []string
	// Connected: a program connected to a socket. What came through it is not known.
	Connected bool
	Executed  []string // programs and scripts, as they were started
	Programs  []string // the files of the programs that ran, links resolved
	// Libraries are those that programs known to the caller were loaded with.
	Libraries []string
	Written   []string // and there still when the trace was read
	// Writes says more of each path of Written.
	Writes map[string]Write
	// OwnRead are declared outputs whose earlier content the command read.
	OwnRead []string
	// OwnMissed are paths of Written that were looked for in vain before the command made them.
	OwnMissed []string
	// Asked are paths of Read, Seen, Folders and Links that foreign programs asked about:
	// they may know mode and times, or the text of a link.
	Asked []Asked
	// Foreign is the first program that is not known to the caller, "" if there is none.
	Foreign string
	// Variables are the names that processes asked the environment for, each once. A shell
	// whose line is transparent asked for what it may read by itself. A name may end in "*",
	// which stands for any rest.
	Variables []string
	// WholeBy are the files of foreign programs that may have read every variable: the
	// kernel's file about it, or a program that names the array of all variables
	// (environ(7)) and is no shell with a transparent line.
	WholeBy []string
	// Stamps are what files and listed folders were when they were first opened or asked
	// about, by path; LinkStamps the same of symbolic links themselves.
	Stamps, LinkStamps map[string]Stamp
	Clock              bool // the time of now was turned into a date
	Zone               bool // the time zone was asked for
	FileTimes          bool // by a known program, as compilers do for __DATE__, __TIME__ and __TIMESTAMP__
	Complete           bool
	WhyNot             string // why it is not complete
}
