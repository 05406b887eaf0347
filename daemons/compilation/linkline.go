package compilation

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/stamps"
)

// A driver spends longer on finding out how to call the linker than mold does on linking
// a small program. Asked once with -###, it says how; as long as what it read for its
// answer is what is there, the linker is called directly, and kept resident. An lld link
// of LevelDB's tool then takes 0.4 of the processor time.

// linkLines remembers what drivers answered.
type linkLines struct {
	mu     sync.Mutex
	known  map[string]*linkLine // by everything that the driver was given
	direct atomic.Int64         // links without a driver
}

// maxLines bounds them: every list of objects has one.
const maxLines = 1000

// linkLine is how a driver calls the linker. Without args it was no help.
type linkLine struct {
	args []string
	out  int               // where in args the output stands
	set  snapshot.InputSet // what the driver read, without the files that are linked
}

func newLinkLines() *linkLines { return &linkLines{known: make(map[string]*linkLine)} }

// linkDirectly makes the tool call its linker, if it is known how or its driver says so
// now. It returns nil if the driver has to be run.
func (w *work) linkDirectly(ctx context.Context, t *attempt, use *tool, output string) *linkLine {
	if w.s.warm == nil || !use.hasLinker || t.byDriver || t.writing != privately {
		return nil
	}
	at := slices.Index(use.args, output)
	if at < 0 {
		return nil
	}
	given := slices.Concat([]string{t.recipeID.String()}, use.args[:at], use.args[at+1:])
	line := w.s.lines.get(strings.Join(given, "\x00"), func(old *linkLine) *linkLine {
		if old != nil && w.view.CompareSet(old.set) == nil {
			return old
		}
		return w.askDriver(ctx, use, output)
	})
	if line == nil || line.args == nil {
		return nil
	}
	if _, err := w.s.tracers.library(ctx, line.args[0], w.env); err != nil {
		return nil // it cannot be traced
	}
	use.args = slices.Clone(line.args)
	use.args[line.out] = output
	use.subject.tool = use.args
	use.tracker = &traceTracker{w.s.tracers, knowsNothing{}}
	w.s.lines.direct.Add(1)
	return line
}

// get returns what is known, brought up to date.
func (l *linkLines) get(given string, renew func(old *linkLine) *linkLine) *linkLine {
	l.mu.Lock()
	old := l.known[given]
	l.mu.Unlock()
	line := renew(old)
	if line == nil || line == old {
		return line
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= maxLines {
		clear(l.known)
	}
	l.known[given] = line
	return line
}

// askDriver asks how the linker is to be called. It returns nil if the driver could not be
// asked now.
func (w *work) askDriver(ctx context.Context, use *tool, output string) *linkLine {
	job := process.Task{Args: append(slices.Clone(use.args), "-###"), Dir: w.root, Env: w.env, Caller: w.caller, Timeout: askTimeout, Resident: true}
	about := use.subject
	about.view, about.env, about.since, about.output, about.tool = w.view, w.env, stamps.Now(), output, job.Args
	tracked, err := (&traceTracker{w.s.tracers, knowsNothing{}}).track(ctx, &job, &about)
	if err != nil {
		return nil
	}
	defer tracked.close()
	o, err := w.s.spawner.Run(ctx, job, nil)
	if err != nil || !o.OK() {
		return nil
	}
	seen, err := tracked.collect(ctx)
	if err != nil || seen.doubt != "" || seen.uncacheable != "" {
		return nil
	}
	seen.files = slices.DeleteFunc(seen.files, func(f string) bool { return slices.Contains(use.also, f) })
	set, doubt := w.inputsOf(seen, about.since)
	if doubt != "" {
		return nil
	}
	line := &linkLine{set: set}
	if args, ok := parseLinkLine(o.Output); ok && filepath.IsAbs(args[0]) {
		at := slices.Index(args, output)
		if at >= 0 && !slices.ContainsFunc(args, func(a string) bool { return a != output && strings.Contains(a, output) }) {
			line.args, line.out = args, at
		}
	}
	return line
}

// parseLinkLine reads what -### printed: lines about the driver, then one command with
// every argument in quotes. More than one command is more than a link, and a line that is
// not known is a warning that a direct call would swallow.
func parseLinkLine(output string) (args []string, ok bool) {
	for line := range strings.Lines(output) {
		switch {
		case strings.Contains(line, "warning:"):
			return nil, false
		case strings.HasPrefix(line, ` "`) && args == nil:
			var err error
			if args, err = unquoteLine(line); err != nil {
				return nil, false
			}
		case slices.ContainsFunc(driverLines, func(known string) bool { return strings.Contains(line, known) }):
		default:
			return nil, false
		}
	}
	return args, args != nil
}

// driverLines are those of `clang -###` that say nothing of the command.
var driverLines = flagList(" version ", "Target: ", "Thread model: ", "InstalledDir: ", "Build config: ", "Configuration file: ")

// verify adds what the driver read to what the linker did, and reports whether both are
// known.
func (l *linkLine) verify(seen *observation) bool {
	if seen == nil || seen.doubt == errUnknown.Error() {
		return false
	}
	for _, f := range l.set.Files {
		seen.files = append(seen.files, f.Path)
	}
	seen.misses = append(seen.misses, l.set.Misses...)
	for _, fact := range l.set.Listings {
		if !slices.Contains(seen.listings, fact) {
			seen.listings = append(seen.listings, fact)
		}
	}
	return true
}

// errUnknown is the doubt of what was not traced and has nothing to fall back on.
var errUnknown = errors.New("it is not known what was read")

// knowsNothing is the fallback of a direct link: its observation is always rejected.
type knowsNothing struct{}

func (knowsNothing) track(context.Context, *process.Task, *subject) (tracking, error) {
	return knowsNothing{}, nil
}
func (knowsNothing) rejected(process.Outcome) bool { return false }
func (knowsNothing) close()                        {}
func (knowsNothing) collect(context.Context) (*observation, error) {
	return &observation{doubt: errUnknown.Error()}, nil
}

// hasLinker reports whether a target is linked by a clang that calls one of the linkers
// whose calls were tried: others may want more of the driver than a command line.
func (l *linker) hasLinker() bool {
	return !l.static() && l.toolchain.Family == "clang" && (l.toolchain.Linker == "lld" || l.toolchain.Linker == "mold")
}
