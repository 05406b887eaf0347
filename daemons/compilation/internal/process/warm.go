package process

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

// Warm spawns processes by forking from resident programs, and plainly where the task does
// not ask for that, where the program has no resident yet (a task does not wait for one to
// start), and for what a resident must not do.
type Warm struct {
	plain     *Runner
	residents *preload.Residents
	log       *slog.Logger
	ctx       context.Context
	cancel    context.CancelFunc
	starting  sync.WaitGroup

	mu      sync.Mutex
	known   map[residentKey]state
	refused map[residentKey]ipc.Signature // of the programs that are
	forks   atomic.Int64
}

// residentKey names a program, with what is loaded into it. A program that cannot be resident with
// some variables of the loader (LD_TRACE_LOADED_OBJECTS) can be without them.
type residentKey struct {
	exe     string // without links: clang and clang++ are one
	library preload.Library
	start   string // [preload.StartKey]
}

// state of a resident, as far as it is known.
type state int

const (
	absent state = iota
	comingUp
	waiting
	refused // the program cannot be resident, as it is now
)

// NewWarm makes a spawner that starts with no residents. The caller closes plain first.
func NewWarm(plain *Runner, log *slog.Logger) *Warm {
	w := &Warm{plain: plain, residents: preload.NewResidents(plain.lease.inherited()), log: log, known: make(map[residentKey]state), refused: make(map[residentKey]ipc.Signature)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Residents are the IDs of the resident programs, by program.
func (w *Warm) Residents() map[string][]int { return w.residents.Pids() }

// AwaitStarts waits until no resident is being started.
func (w *Warm) AwaitStarts() { w.starting.Wait() }

// Forked is how many processes were forked from residents.
func (w *Warm) Forked() int64 { return w.forks.Load() }

// Close ends the residents. What they do has been cancelled by the caller.
func (w *Warm) Close() {
	w.cancel()
	w.starting.Wait()
	w.residents.Close()
}

// Run is [Runner.Run], by a fork where that can be.
func (w *Warm) Run(ctx context.Context, t Task, started func(pid int)) (Outcome, error) {
	if o, ok, err := w.Fork(ctx, t, started); ok {
		return o, err
	}
	return w.plain.Run(ctx, t, started)
}

// Ready reports whether a resident waits for a task, and begins to start one if there is none.
func (w *Warm) Ready(t Task) bool {
	_, ok := w.resident(t)
	return ok
}

// Fork runs a task in a fork of a resident. ok is false if there is none for it now: then nothing ran.
func (w *Warm) Fork(ctx context.Context, t Task, started func(pid int)) (o Outcome, ok bool, err error) {
	key, ok := w.resident(t)
	if !ok {
		return Outcome{}, false, nil
	}
	o, err = w.fork(ctx, key, t, started)
	if errors.Is(err, preload.ErrNotResident) {
		w.set(key, absent) // the next one starts it again, or learns why that is in vain
	}
	if errors.Is(err, preload.ErrNotResident) || errors.Is(err, preload.ErrUnsuitable) {
		return Outcome{}, false, nil
	}
	return o, true, err
}

// resident returns the resident for a task, if one waits, and begins to start one.
func (w *Warm) resident(t Task) (key residentKey, ok bool) {
	if !t.Resident || t.Library == nil || len(t.Starter) > 0 || !caller.SameResources(w.plain.own, t.Caller) {
		return key, false
	}
	exe, err := filepath.EvalSymlinks(cmp.Or(t.Program, t.Args[0]))
	if err != nil {
		return key, false
	}
	key = residentKey{exe, *t.Library, preload.StartKey(t.Env, *t.Library)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known[key] == refused && ipc.StatSignature(exe) != w.refused[key] {
		w.known[key] = absent
	}
	if w.known[key] == absent && w.ctx.Err() == nil {
		w.known[key] = comingUp
		w.starting.Go(func() { w.start(key, t) })
	}
	return key, w.known[key] == waiting
}

// start starts a resident by having it do next to nothing.
func (w *Warm) start(key residentKey, t Task) {
	sig := ipc.StatSignature(key.exe)
	_, err := w.residents.Run(w.ctx, key.library, key.exe, preload.Request{
		Args: []string{key.exe, "--version"}, Dir: "/", Env: key.library.Env(t.Env, nil),
	})
	switch {
	case err == nil:
		w.set(key, waiting)
	case !errors.Is(err, preload.ErrRefused):
		w.set(key, absent) // it may be one the next time
	case w.ctx.Err() == nil:
		w.log.Warn("a program cannot be kept resident", "program", key.exe, "error", err)
		w.mu.Lock()
		w.known[key], w.refused[key] = refused, sig
		w.mu.Unlock()
	}
}

func (w *Warm) set(key residentKey, s state) {
	w.mu.Lock()
	w.known[key] = s
	w.mu.Unlock()
}

// fork runs a task in a fork of a resident. See [Runner.Run] for what it returns.
func (w *Warm) fork(ctx context.Context, key residentKey, t Task, started func(pid int)) (Outcome, error) {
	w.plain.running.Add(1)
	defer w.plain.running.Done()
	ctx, cancel := t.limit(ctx)
	defer cancel()
	read, write, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer read.Close()
	out := &boundedBuffer{limit: maxOutput}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(out, read)
	}()
	begin := time.Now()
	ended := func() {}
	defer func() { ended() }()
	request := preload.Request{
		Args: t.Args, Dir: t.Dir, Env: t.Env, Stdout: write, Stderr: write,
		Started: func(pid int) {
			ended = w.plain.lease.runs(pid)
			w.plain.started.Add(1)
			w.forks.Add(1)
			if started != nil {
				started(pid)
			}
		},
	}
	if t.Caller != nil {
		mask := os.FileMode(t.Caller.Umask)
		request.Umask, request.Ignored = &mask, t.Caller.Ignored
	}
	r, err := w.residents.Run(ctx, key.library, key.exe, request)
	write.Close()
	if err != nil {
		return Outcome{}, err
	}
	seconds := time.Since(begin).Seconds()
	select {
	case <-copied:
	case <-time.After(termGrace): // an escaped grandchild holds the pipe
	}
	text, cut := out.text()
	return Outcome{
		Output: text, Cut: cut, Exit: r.Exit, Killed: r.Killed, Stopped: r.Stopped,
		Seconds: seconds, CPU: r.CPU.Seconds(), Peak: r.Peak,
	}, nil
}
