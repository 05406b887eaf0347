package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// maxOutput is what is kept of a process's output. A page of template errors
	// is some 100 KiB; a compiler that prints gigabytes must not fill our memory.
	maxOutput = 4 << 20
	// termGrace is the time between SIGTERM, on which gcc and clang remove their
	// temporary files, and SIGKILL. Both together stay far below the 500 ms within
	// which a cancelled build has to be gone.
	termGrace = 100 * time.Millisecond
	// goneLimit bounds the wait for a killed group's last process: one that nobody
	// reaps (a container without an init) stays a zombie for ever.
	goneLimit = 300 * time.Millisecond
)

// ErrTimeout is the cause of a context that ended because a process took too long.
var ErrTimeout = errors.New("took longer than it may")

// Task is a process to run.
type Task struct {
	Args []string // args[0] is the path of the program
	// Starter is the second observer with its settings, if it starts the program.
	Starter []string
	Dir     string
	Env     []string
	Timeout time.Duration // 0 = none
	Caller  *ipc.Caller   // whose settings it gets; nil = ours
	// Program is the path of the program where args[0] is another name of it, "" elsewhere.
	// Only a resident can be called so.
	Program string
	// Library is what the environment has loaded into the process, nil if nothing, and
	// resident whether the program is one to keep resident.
	Library  *preload.Library
	Resident bool
	// Leave: when the process has ended, what it started is left to end by itself, and its output
	// is read to the end, as ninja does.
	Leave bool
}

// line is the command line that is executed.
func (t Task) line() []string {
	if len(t.Starter) == 0 {
		return t.Args
	}
	return slices.Concat(t.Starter, t.Args[:1], t.Args)
}

// limit bounds a context by the task's timeout.
func (t Task) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.Timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, t.Timeout, ErrTimeout)
}

// Outcome is how a process ended.
type Outcome struct {
	Output  string // stdout and stderr in the order in which they were written
	Cut     bool   // the end of it is missing, and Output says so
	Exit    int    // 128+n for signal n
	Killed  bool   // by SIGKILL, and not by us: out of memory, most likely
	Left    bool   // a process of its group was left running; see Task.Leave
	Stopped error  // why we ended it: ErrTimeout or the context's cause
	Seconds float64
	CPU     float64
	Peak    int64 // bytes, of the largest process of the tree; at least ours at the fork
}

// OK reports whether the process ended by itself, with exit code 0.
func (o Outcome) OK() bool { return o.Exit == 0 && o.Stopped == nil }

// Spawner starts a process and waits until no process of it is left, as [Runner.Run]
// does, which starts a new one. [Warm] can fork from a resident compiler.
type Spawner interface {
	Run(ctx context.Context, t Task, started func(pid int)) (Outcome, error)
}

// Runner starts processes, each in a process group of its own, and leaves none
// behind. On Linux a child gets SIGKILL when the *thread* that forked it ends, so
// all are started by one that lives as long as the runner.
type Runner struct {
	own     *ipc.Caller // our settings
	lease   *Lease      // that every process inherits; nil = none
	starts  chan func()
	running sync.WaitGroup
	started atomic.Int64 // for Stats and tests
}

// NewRunner makes a runner. Its processes inherit the lease, which may be nil.
func NewRunner(l *Lease) *Runner {
	r := &Runner{own: caller.Own(), lease: l, starts: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		for start := range r.starts {
			start()
		}
	}()
	return r
}

// Started is how many have been started.
func (r *Runner) Started() int64 { return r.started.Load() }

// Settings are those of this process, which a process gets unless its task has others.
func (r *Runner) Settings() *ipc.Caller { return r.own }

// Close waits for what runs. The caller has cancelled it.
func (r *Runner) Close() {
	r.running.Wait()
	close(r.starts)
}

// Run starts t and waits until no process of it is left. started is called with
// the process ID once it runs. The error is for a process that could not be
// started.
func (r *Runner) Run(ctx context.Context, t Task, started func(pid int)) (Outcome, error) {
	r.running.Add(1)
	defer r.running.Done()
	ctx, cancel := t.limit(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return Outcome{Stopped: context.Cause(ctx)}, nil
	}
	out := &boundedBuffer{limit: maxOutput}
	line := t.line()
	cmd := &exec.Cmd{
		Path: line[0], Args: line, Dir: t.Dir, Env: append([]string{}, t.Env...),
		Stdout: out, Stderr: out, // the same value: one pipe, so the order is kept
		ExtraFiles:  r.lease.inherited(),
		SysProcAttr: groupAttributes(),
	}
	if !t.Leave {
		cmd.WaitDelay = termGrace // for a pipe that an escaped grandchild holds
	}
	begin := time.Now()
	result := make(chan error, 1)
	r.starts <- func() { result <- caller.Start(cmd, caller.Difference(r.own, t.Caller)) }
	if err := <-result; err != nil {
		return Outcome{}, fmt.Errorf("start %s: %w", t.Args[0], err)
	}
	defer r.lease.runs(cmd.Process.Pid)()
	r.started.Add(1)
	if started != nil {
		started(cmd.Process.Pid)
	}
	o := (&child{cmd: cmd, leave: t.Leave}).finish(ctx)
	o.Seconds = time.Since(begin).Seconds()
	o.Output, o.Cut = out.text()
	return o, nil
}

// child is a process group that was started and not yet waited for.
type child struct {
	cmd    *exec.Cmd
	leave  bool // see Task.Leave
	left   bool
	mu     sync.Mutex
	reaped bool // its ID may belong to someone else from now on
}

// finish waits for the end, or brings it about when ctx ends.
func (c *child) finish(ctx context.Context) Outcome {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.reap()
	}()
	var stopped error
	select {
	case <-done:
	case <-ctx.Done():
		stopped = context.Cause(ctx)
		if !c.stop(done) {
			return Outcome{Exit: -1, Stopped: stopped}
		}
	}
	o := outcomeOf(c.cmd)
	o.Stopped, o.Left = stopped, c.left
	o.Killed = o.Killed && stopped == nil
	return o
}

// stop ends the group. It returns false if an escaped process still holds the pipe of the output.
func (c *child) stop(done <-chan struct{}) bool {
	c.signal(syscall.SIGTERM)
	grace := time.NewTimer(termGrace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		c.signal(syscall.SIGKILL)
		if !c.leave {
			<-done
			break
		}
		select {
		case <-done:
		case <-time.After(goneLimit):
			return false
		}
	}
	for end := time.Now().Add(goneLimit); groupExists(c.cmd.Process.Pid) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	return true
}

// reap waits for the leader, and unless they are to be left kills who is left of its group while the leader's
// zombie still holds the group's ID, and takes the zombie away.
func (c *child) reap() {
	if c.leave {
		_ = c.cmd.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.left, c.reaped = groupExists(c.cmd.Process.Pid), HasGroups
		return
	}
	if awaitExit(c.cmd.Process.Pid) {
		c.signal(syscall.SIGKILL)
	}
	c.mu.Lock()
	c.reaped = HasGroups
	c.mu.Unlock()
	_ = c.cmd.Wait() // the state says all that the error would
}

func (c *child) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		signalGroup(c.cmd.Process, s)
	}
}

// outcomeOf reads what the kernel says of an ended process.
func outcomeOf(cmd *exec.Cmd) Outcome {
	st := cmd.ProcessState
	if st == nil {
		return Outcome{Exit: -1}
	}
	o := Outcome{Exit: st.ExitCode(), CPU: (st.UserTime() + st.SystemTime()).Seconds(), Peak: peakBytes(st)}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		o.Exit = 128 + int(ws.Signal())
		o.Killed = ws.Signal() == syscall.SIGKILL
	}
	return o
}

// boundedBuffer keeps the first limit bytes and says that it dropped the rest.
type boundedBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	limit   int
	dropped int64
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), b.limit-b.buf.Len())
	b.buf.Write(p[:n])
	b.dropped += int64(len(p) - n)
	return len(p), nil
}

// text is what is kept, and whether that is not all.
func (b *boundedBuffer) text() (kept string, cut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped == 0 {
		return b.buf.String(), false
	}
	return fmt.Sprintf("%s\n[%d more bytes of output were cut]\n", b.buf.String(), b.dropped), true
}
