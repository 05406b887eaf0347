package compilation

import (
	"cmp"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/driverline"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// A launched command is one that the thin client stands before. It belongs to no project, so
// nothing is known of it but its arguments, folder and environment, and everything else is
// found by tracing it: the programs and libraries that it is made of, by content, what they
// read, missed and asked for, and the files that they wrote. A look at a file serves one
// command, and begins after the command has come.
//
// The service writes to no output of it. On a hit it makes temporary files beside the
// outputs, which the client renames; on a miss the client runs the command. So there are
// never two writers of one output, whatever becomes of service or client.

// maxMisses bounds the commands that run traced at a time: each has two descriptors here. More
// run untraced.
const maxMisses = 400

// launch is one launched command.
type launch struct {
	*work
	req     ipc.LaunchRequest
	command string // as the client has it
	line    driverline.Line
	bases   []launchBase // in the order in which they are looked up
	base    cache.Digest // of results by the whole command line that printed nothing
	unnamed driverline.Unnamed
	near    *snapshot.Difference
	unfit   string // why a result that fits is not delivered
	edited  bool   // the source is another than when the command was launched before
}

// launchBase is a key of what is known of a command before its inputs are.
type launchBase struct {
	key     cache.Digest
	unnamed bool // names of outputs are no part of it
	printed bool // of results that printed something
}

// Launch implements [ipc.Launcher].
func (s *Service) Launch(ctx context.Context, req ipc.LaunchRequest) ipc.LaunchAnswer {
	answer := s.launch(ctx, req)
	s.launches.note(req, answer)
	return answer
}

func (s *Service) launch(ctx context.Context, req ipc.LaunchRequest) ipc.LaunchAnswer {
	run := func(why string) ipc.LaunchAnswer { return ipc.LaunchAnswer{Kind: ipc.LaunchRun, Why: why} }
	if why := unfitForLaunch(req); why != "" {
		return run(why)
	}
	line, why := driverline.Read(req.Dir, req.Args[1:])
	if why != "" {
		return run(why)
	}
	l := &launch{req: req, command: strings.Join(req.Args, " "), line: line, work: &work{
		s: s, pin: "launch/" + rand.Text(), root: req.Dir, env: req.Env, caller: &ipc.Caller{Umask: req.Umask},
		// Tables of its own: those of the service grow with every path, and a look at them
		// would cost more than the few hundred paths of one command.
		view: snapshot.New(req.Dir, req.Env, snapshot.NewInterner(), s.digests),
	}}
	if why := l.unfitOutputs(); why != "" {
		return run(why)
	}
	if why := l.makeBases(); why != "" {
		return run(why)
	}
	l.noteSource()
	for _, base := range l.bases {
		s.writeback.await(ctx, base.key)
		if answer, hit := l.lookup(base.key); hit {
			return answer
		}
	}
	return l.miss(ctx)
}

// miss has the command run: here if a compiler waits for it, else by the client.
func (l *launch) miss(ctx context.Context) ipc.LaunchAnswer {
	lib, err := l.s.tracers.library(ctx, l.req.Program, l.req.Env)
	if err != nil {
		return ipc.LaunchAnswer{Kind: ipc.LaunchRun, Why: "it cannot be traced: " + err.Error()}
	}
	if answer, ok := l.runWarm(ctx, lib); ok {
		return answer
	}
	m, why := l.prepareMiss(ctx, lib)
	if why != "" {
		return ipc.LaunchAnswer{Kind: ipc.LaunchRun, Why: why}
	}
	return ipc.LaunchAnswer{
		Kind: ipc.LaunchMiss, Why: l.whyMissed(), Starter: lib.Starter(m.trace), Env: lib.Env(nil, m.trace), Miss: m,
	}
}

// WhyNotLaunched says why a command is not looked up because of its arguments, "" if it is.
func WhyNotLaunched(dir string, args []string) string {
	_, why := driverline.Read(dir, args[1:])
	return why
}

// unfitForLaunch says why a command is left alone whatever its arguments are.
func unfitForLaunch(req ipc.LaunchRequest) string {
	switch {
	case !filepath.IsAbs(req.Dir) || strings.HasPrefix(req.Dir, "(unreachable)"):
		return "its folder has no name"
	case !filepath.IsAbs(req.Program):
		return "the compiler has no absolute path"
	case ipc.EnvValue(req.Env, "LD_PRELOAD") != "" || ipc.EnvValue(req.Env, "LD_AUDIT") != "":
		return "another library is preloaded, which may change what files say"
	}
	return driverEnvironment(req.Env)
}

// unfitOutputs says which output the compiler would not simply replace: then it shall say or do
// what it does by itself.
func (l *launch) unfitOutputs() string {
	for _, out := range l.line.Outputs {
		if why := l.unfitOutput(l.view.Abs(out)); why != "" {
			return why
		}
	}
	return ""
}

// makeBases computes the keys of what is known before the inputs are. What was printed
// depends on more: on whether it goes to a terminal, and on the variables of terminals.
func (l *launch) makeBases() (why string) {
	folder := cmp.Or(otherName(l.req.Dir, l.req.Env), l.req.Dir) // compilers write this name into debug information
	var sources []string
	for _, source := range l.line.Sources {
		sum, err := l.view.DigestOf(snapshot.Spell(l.root, source))
		if err != nil {
			return source + " cannot be read"
		}
		sources = append(sources, sum.String())
	}
	shows := []string{string(rune('0' + l.req.Terminals))}
	for _, name := range environment.Looks() {
		shows = append(shows, l.view.Variables.Text(name))
	}
	add := func(kind string, args []string) {
		key := func() *cache.Key {
			return cache.NewKey(kind).Field("observation", observationVersion).Field("program", l.req.Program).
				Field("args", args...).Field("folder", folder, l.req.Dir).Field("cpu", l.s.launches.cpu()).Field("sources", sources...)
		}
		unnamed := kind == unnamedKind
		l.bases = append(l.bases, launchBase{key: key().Sum(), unnamed: unnamed}, launchBase{key: key().Field("shows", shows...).Sum(), unnamed: unnamed, printed: true})
	}
	if unnamed, ok := driverline.ReadUnnamed(l.req.Dir, l.req.Args[1:]); ok && !driverline.AddsOptions(l.req.Env) {
		l.unnamed = unnamed
		add(unnamedKind, append([]string{l.req.Args[0]}, unnamed.Args...))
	}
	add("launch", l.req.Args)
	l.base = l.baseFor(false, false)
	return ""
}

// unnamedKind is the kind of keys without names of outputs.
const unnamedKind = "launch-unnamed"

// baseFor is the key under which a result is stored.
func (l *launch) baseFor(unnamed, printed bool) cache.Digest {
	for _, b := range l.bases {
		if b.unnamed == unnamed && b.printed == printed {
			return b.key
		}
	}
	return cache.Digest{}
}

// Names of outputs in entries whose key has no names. That of a dependency file may have more
// behind a space ([depfileName]).
const (
	unnamedObject  = "object"
	unnamedDepfile = "depfile"
)

// placeOf is where an output of an entry belongs, as the command spells it.
func (l *launch) placeOf(name string) (path string, ok bool) {
	kind, _, _ := strings.Cut(name, " ")
	switch kind {
	case unnamedObject:
		return l.unnamed.Object, l.unnamed.Object != ""
	case unnamedDepfile:
		return l.unnamed.Depfile, l.unnamed.Depfile != ""
	}
	return besidePath(name)
}

// lookup looks for a result that belongs to a base key and to what is there now.
func (l *launch) lookup(base cache.Digest) (ipc.LaunchAnswer, bool) {
	for i, set := range l.s.store.InputSets(base) {
		if d := l.view.CompareStored(set, &l.s.launches.known); d != nil {
			if l.near == nil {
				l.near = d
			}
			continue
		}
		l.s.store.Pin(l.pin, set.Action)
		entry, _ := l.s.store.Get(set.Action)
		if entry == nil || entry.Mode == modePreamble && l.s.preambles.isOff() != "" {
			continue
		}
		answer, ok := l.prepare(entry)
		l.s.store.Unpin(l.pin)
		if !ok {
			continue
		}
		l.s.store.Hit(entry.Seconds)
		if i > 0 { // the one that matched is the first to be tried the next time
			_ = l.s.store.AddInputSet(base, set)
		}
		return answer, true
	}
	return ipc.LaunchAnswer{}, false
}

// prepare makes the temporary files of a hit. It leaves none if it fails.
func (l *launch) prepare(e *cache.Entry) (a ipc.LaunchAnswer, ok bool) {
	a = ipc.LaunchAnswer{Kind: ipc.LaunchHit, Stderr: []byte(e.Diagnostics)}
	defer func() {
		if !ok {
			for _, f := range a.Files {
				_ = os.Remove(f.Temporary)
			}
		}
	}()
	for _, o := range e.Outputs {
		name, is := l.placeOf(o.Name)
		if !is {
			return a, false
		}
		path := l.view.Abs(name)
		if l.unfit = l.unfitOutput(path); l.unfit != "" {
			return a, false
		}
		l.s.sweeper.sweep(filepath.Dir(path) + "/") // what a killed daemon has left long ago
		temporary, err := l.prepareOutput(o, path)
		if err != nil {
			return a, false
		}
		a.Files = append(a.Files, ipc.LaunchFile{Temporary: temporary, Path: path})
	}
	// The object last: make takes it for the sign that all is there.
	object := l.mainOutput()
	slices.SortStableFunc(a.Files, func(x, y ipc.LaunchFile) int { return boolInt(x.Path == object) - boolInt(y.Path == object) })
	return a, len(a.Files) > 0
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mainOutput is the first output that the arguments name, absolute, "" if they name none.
func (l *launch) mainOutput() string {
	if len(l.line.Outputs) == 0 {
		return ""
	}
	return l.view.Abs(l.line.Outputs[0])
}

// prepareMiss makes what follows the command while it runs traced, and says why it cannot.
func (l *launch) prepareMiss(ctx context.Context, lib preload.Library) (m *missed, why string) {
	if !l.s.launches.enter() {
		return nil, "too many commands run at once"
	}
	trace, err := preload.NewTrace()
	if err != nil {
		l.s.launches.leave()
		return nil, "it cannot be traced: " + err.Error()
	}
	m = &missed{launch: l, trace: trace, library: lib}
	l.s.preambles.begins()
	if err := l.untilPast(ctx, l.writtenNow()); err != nil {
		m.Close()
		return nil, "the service ends"
	}
	m.since = stamps.Now()
	return m, ""
}

// whyMissed says why a result that fits is not delivered, or in which input the one that was tried
// first differs from what is there; "" if there is no result of this command.
func (l *launch) whyMissed() string {
	if l.unfit != "" || l.near == nil {
		return l.unfit
	}
	return l.differenceReason(l.near).Text
}

// writtenNow are the files that may have been written just now: the sources, and the input that differs.
// What a compile reads within the tick of a change is not stored.
func (l *launch) writtenNow() (paths []string) {
	for _, source := range l.line.Sources {
		paths = append(paths, snapshot.Spell(l.root, source))
	}
	if l.near != nil && (l.near.Kind == ipc.CauseChanged || l.near.Kind == ipc.CauseAppeared) {
		paths = append(paths, l.near.Path)
	}
	return paths
}
