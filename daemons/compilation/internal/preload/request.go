package preload

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrUnsuitable is wrapped when a resident must not do a request: its environment has
// other values of variables that a process reads before main. Start it plainly.
var ErrUnsuitable = errors.New("the resident cannot do this request")

// ErrNotResident is wrapped when a program cannot be kept resident, or was not long
// enough. Nothing of the request has run, or what has run is gone: start it plainly.
var ErrNotResident = errors.New("not resident")

// ErrRefused is wrapped, beside [ErrNotResident], when no resident of a program will be
// started any more until its file changes.
var ErrRefused = errors.New("given up")

// Request is a process to make of a resident.
type Request struct {
	Args []string // Args[0] is the name by which the program is called
	Dir  string   // working folder, absolute
	// Env is the whole environment. For a traced one, and one whose children are, it is
	// what [Library.Env] returns.
	Env []string
	// Descriptors 0, 1 and 2; nil is /dev/null. They are the caller's to close, as soon
	// as Started was called or Run has returned.
	Stdin, Stdout, Stderr *os.File
	Umask                 *os.FileMode // nil: as ours was when the resident was started
	Ignored               []int        // signals that are ignored
	Limits                []Limit      // set in this order; others are as at the resident's start
	Started               func(pid int)
}

// Limit is a resource limit as for setrlimit(2).
type Limit struct {
	Resource   int
	Soft, Hard uint64
}

// Result is how a process ended.
type Result struct {
	Exit    int            // 128+n for signal n
	Signal  syscall.Signal // 0 if it exited
	Killed  bool           // by SIGKILL, and not by us: out of memory, most likely
	Stopped error          // why we ended it: the context's cause
	CPU     time.Duration  // user and system, with the children it waited for
	Peak    int64          // bytes resident at most, what the resident itself holds included
}

// startVariables are read by the loader, malloc and the C library before main; a
// resident has read them already. A trailing * takes any rest. LD_PRELOAD is compared
// without our own library.
var startVariables = [...]string{"LD_*", "GLIBC_TUNABLES", "MALLOC_*", "GCONV_PATH", "LOCPATH", "SCUDO_*", "ASAN_*"}

// StartKey is the same for environments that one resident may serve.
func StartKey(env []string, lib Library) string {
	start := startEnv(env, lib)
	var key []string
	for _, name := range slices.Sorted(maps.Keys(start)) {
		key = append(key, name+"="+start[name])
	}
	return strings.Join(key, "\x00")
}

// startEnv cuts an environment to the variables that are read before main.
func startEnv(env []string, lib Library) map[string]string {
	out := make(map[string]string)
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if name == preloadVariable {
			value = strings.TrimPrefix(strings.TrimPrefix(value, lib.Path), ":")
			if value == "" {
				continue
			}
		}
		for _, v := range startVariables {
			prefix, open := strings.CutSuffix(v, "*")
			if name == v || open && strings.HasPrefix(name, prefix) {
				out[name] = value
			}
		}
	}
	return out
}
