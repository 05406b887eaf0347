package compilation

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/gcc"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// keptLaunches is how many launched commands are remembered, for `cc --explain`.
const keptLaunches = 500

// launches is what the service remembers of launched commands.
type launches struct {
	cpu   func() string // what "native" means on this machine
	known snapshot.KnownSets
	edits launchEdits

	mu      sync.Mutex
	running int             // misses
	tools   map[string]bool // programs of toolchains, by path and signature
	vain    map[string]bool // compilers whose configuration keeps a resident's result from being used
	numbers ipc.LaunchNumbers
	log     []ipc.LaunchRecord // the last ones, oldest first
	noted   int64              // how many there were in all
}

func newLaunches() *launches {
	return &launches{cpu: sync.OnceValue(cpu), tools: make(map[string]bool), vain: make(map[string]bool), numbers: ipc.LaunchNumbers{Refused: make(map[string]int64)}}
}

// enter counts a miss in, unless there are too many.
func (l *launches) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running >= maxMisses {
		return false
	}
	l.running++
	return true
}

// isInVain reports whether the last run of a compiler has read such a configuration.
func (l *launches) isInVain(program string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.vain[program]
}

func (l *launches) setInVain(program string, vain bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if vain || l.vain[program] {
		l.vain[program] = vain
	}
}

func (l *launches) leave() {
	l.mu.Lock()
	l.running--
	l.mu.Unlock()
}

// note remembers what became of a command.
func (l *launches) note(req ipc.LaunchRequest, a ipc.LaunchAnswer) {
	r := ipc.LaunchRecord{Time: time.Now(), Dir: req.Dir, Args: req.Args, Why: a.Why}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case a.Kind == ipc.LaunchHit && !a.Made:
		r.Result = ipc.LaunchedHit
		l.numbers.Hits++
	case a.Kind == ipc.LaunchMiss || a.Made:
		r.Result = ipc.LaunchedMiss
		l.numbers.Misses++
		if a.Made {
			l.numbers.Warm++
		}
	default:
		r.Result = ipc.LaunchedAlone
		l.numbers.Refused[a.Why]++
	}
	l.add(r)
}

// noteEnd remembers how a miss ended: why it is not stored, "" if it is.
func (l *launches) noteEnd(req ipc.LaunchRequest, end ipc.LaunchEnd, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	result := ipc.LaunchedStored
	if why != "" {
		result = ipc.LaunchedNotStored
		l.numbers.NotStored++
	} else {
		l.numbers.Stored++
	}
	l.add(ipc.LaunchRecord{Time: time.Now(), Dir: req.Dir, Args: req.Args, Result: result, Why: why, Seconds: end.Seconds, Failed: end.Status != 0})
}

// add needs l.mu.
func (l *launches) add(r ipc.LaunchRecord) {
	if len(l.log) >= 2*keptLaunches {
		l.log = slices.Clone(l.log[len(l.log)-keptLaunches:])
	}
	l.log = append(l.log, r)
	l.noted++
}

// Launches implements [ipc.Compilation].
func (s *Service) Launches(_ context.Context, req ipc.LaunchesRequest) (ipc.LaunchesReply, error) {
	l := s.launches
	l.mu.Lock()
	defer l.mu.Unlock()
	r := ipc.LaunchesReply{LaunchNumbers: l.numbers, Running: l.running, Noted: l.noted}
	r.Refused = maps.Clone(l.numbers.Refused)
	news := min(max(0, l.noted-req.After), keptLaunches, int64(len(l.log)))
	r.Last = slices.Clone(l.log[int64(len(l.log))-news:])
	return r, nil
}

// toolNames are the files of compilers, assemblers and linkers whose results depend on
// the content of files, on names, and on the variables that they ask for.
var toolNames = lazyregexp.New(`^(cc1(plus|obj|objplus)?|lto1|lto-wrapper|collect2|f951|clang(-[0-9.]+)?|lld|mold|([a-z0-9_]+-)*(as|ld|ld\.bfd|ld\.gold|objcopy))$`)

// isTool reports whether a program is one of a toolchain: an ELF file with the name of
// one, or gcc's driver. A script of such a name is a wrapper.
func (l *launches) isTool(path string) bool {
	sig := ipc.StatSignature(path)
	key := fmt.Sprint(path, sig)
	l.mu.Lock()
	is, known := l.tools[key]
	l.mu.Unlock()
	if known {
		return is
	}
	is = sig.IsRegular() && isELF(path) && (toolNames().MatchString(filepath.Base(path)) || gcc.IsDriver(path))
	l.mu.Lock()
	l.tools[key] = is
	l.mu.Unlock()
	return is
}

// toolsAmong are the programs among some that belong to a toolchain.
func (l *launches) toolsAmong(programs []string) map[string]bool {
	out := make(map[string]bool, len(programs))
	for _, p := range programs {
		if l.isTool(p) {
			out[p] = true
		}
	}
	return out
}

// compiles reports whether one of the programs is a compiler or an assembler proper. A
// command without one took its result from a cache of its own.
func compiles(programs map[string]bool) bool {
	for p := range programs {
		name := filepath.Base(p)
		if strings.HasPrefix(name, "cc1") || strings.HasPrefix(name, "clang") || name == "as" || strings.HasSuffix(name, "-as") {
			return true
		}
	}
	return false
}
