package compilation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxObservations is after how many a reader of traces is replaced: it keeps each path
// that it has met, those of temporary files too.
const maxObservations = 4096

var (
	errNotYet       = errors.New("the tracer is being built")
	errTracingIsOff = errors.New("tracing is off")
)

// tracers builds the object that is loaded into traced and resident programs, once for
// each program, in the background.
type tracers struct {
	dir     string // "" = there are none
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	working sync.WaitGroup
	build   sync.Mutex // one after the other: most programs share one object

	mu      sync.Mutex
	closed  bool
	byExe   map[string]*tracer
	readers map[string]*traceReader // by root

	drivers  gccDrivers
	dynamics dynamics
}

// tracer is the state of one program.
type tracer struct {
	sig  ipc.Signature // of the program
	done chan struct{} // closed when lib or err is set
	lib  preload.Library
	err  error  // why it cannot be traced
	last string // why the trace of its last process was incomplete
}

// traceReader reads the traces of processes that run in one root.
type traceReader struct {
	*preload.Reader
	used int
}

func newTracers(dir string, log *slog.Logger) *tracers {
	t := &tracers{dir: dir, log: log, byExe: make(map[string]*tracer), readers: make(map[string]*traceReader)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// prepare begins to build the object that most programs share, before it is known which
// compiler the first request needs.
func (t *tracers) prepare() { t.of(stepShell, []string{"PATH=/usr/local/bin:/usr/bin:/bin"}) }

// close ends what is being built.
func (t *tracers) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.working.Wait()
}

// library returns the object for a program, or why there is none. The first call for a
// program waits until the object is built and tried, some tenths of a second: what an
// untraced program reads is not seen.
func (t *tracers) library(ctx context.Context, exe string, env []string) (preload.Library, error) {
	one := t.of(exe, env)
	if one == nil {
		return preload.Library{}, errTracingIsOff
	}
	select {
	case <-one.done:
		return one.lib, one.err
	case <-ctx.Done():
		return preload.Library{}, context.Cause(ctx)
	}
}

// of returns the state of a program, and begins to build what is missing: nothing is
// there yet, the program is another one, or somebody removed the object.
func (t *tracers) of(exe string, env []string) *tracer {
	if t.dir == "" || !filepath.IsAbs(exe) {
		return nil
	}
	sig := ipc.StatSignature(exe)
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.byExe[exe]
	if t.closed || one != nil && one.sig == sig && !one.lost() {
		return one
	}
	one = &tracer{sig: sig, done: make(chan struct{})}
	t.byExe[exe] = one
	t.working.Go(func() {
		defer close(one.done)
		t.build.Lock()
		defer t.build.Unlock()
		one.lib, one.err = builder(t.dir, exe, env).Build(t.ctx, exe)
		if one.err != nil && t.ctx.Err() == nil {
			t.log.Warn("a program cannot be traced", "program", exe, "error", one.err)
		}
	})
	return one
}

// lost reports whether the object was there and is not any more.
func (o *tracer) lost() bool {
	select {
	case <-o.done:
		return o.err == nil && !ipc.StatSignature(o.lib.Path).Exists()
	default:
		return false
	}
}

// refuse stops the tracing of a program that does not bear it.
func (t *tracers) refuse(exe, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.byExe[exe]; one != nil {
		refused := &tracer{sig: one.sig, done: make(chan struct{}), err: fmt.Errorf("%s: %w: %s", exe, preload.ErrUntraceable, why)}
		close(refused.done)
		t.byExe[exe] = refused
	}
	t.log.Warn("a program does not bear to be traced", "program", exe, "error", why)
}

// note keeps why the trace of a process was incomplete, "" if it was complete.
func (t *tracers) note(exe, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.byExe[exe]; one != nil {
		if why != "" && one.last == "" {
			t.log.Warn("trace incomplete", "program", exe, "error", why)
		}
		one.last = why
	}
}

// reader returns the reader for a root.
func (t *tracers) reader(root string) *preload.Reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.readers[root]
	if r == nil || r.used >= maxObservations {
		r = &traceReader{Reader: preload.NewReader(root)}
		t.readers[root] = r
	}
	r.used++
	return r.Reader
}

// status returns the programs that are traced, and those that are not with the reason.
func (t *tracers) status() (traced []string, untraced map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	untraced = make(map[string]string)
	for exe, one := range t.byExe {
		why := one.last
		select {
		case <-one.done:
			if one.err != nil {
				why = one.err.Error()
			}
		default:
			why = errNotYet.Error()
		}
		if why == "" {
			traced = append(traced, exe)
		} else {
			untraced[exe] = why
		}
	}
	slices.Sort(traced)
	return traced, untraced
}

// Untraceable says why a program's inputs cannot be known by tracing it; nil means that
// they can. It builds the tracer in dir, [Config].TracerDir, if it is not there yet.
func Untraceable(ctx context.Context, dir, exe string, env []string) error {
	_, err := builder(dir, exe, env).Build(ctx, exe)
	return err
}

// ObserverRefused says why static programs and programs in Go cannot be traced here; nil
// means that they can. It tries the second observer once, and builds it in dir if it is not
// there yet.
func ObserverRefused(ctx context.Context, dir string, env []string) error {
	return builder(dir, stepShell, env).TryObserver(ctx)
}

// ThinClient returns the path of the thin client of the Go program exe. It is put into dir,
// [Config].TracerDir, if it is not there yet.
func ThinClient(ctx context.Context, dir, exe string, env []string) (string, error) {
	return builder(dir, stepShell, env).Client(ctx, exe)
}

// builder builds the tracer for a program. One that is a compiler by its name serves if
// the system has no other.
func builder(dir, exe string, env []string) preload.Builder {
	b := preload.Builder{Dir: dir, Env: env}
	if compilerName().MatchString(filepath.Base(exe)) {
		b.Compilers = []string{exe}
	}
	return b
}

var compilerName = lazyregexp.New(`(cc|gcc|[cg]\+\+|clang|clang\+\+)(-[0-9.]+)?$`)
