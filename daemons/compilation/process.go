package compilation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
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

// errTimeout is the cause of a context that ended because a process took too long.
var errTimeout = errors.New("took longer than it may")

// task is a process to run.
type task struct {
	args    []string // args[0] is the path of the program
	dir     string
	env     []string
	timeout time.Duration // 0 = none
	caller  *ipc.Caller   // whose settings it gets; nil = ours
	// library is what the environment has loaded into the process, nil if nothing, and
	// resident whether the program is one to keep resident.
	library  *preload.Library
	resident bool
}

// limit bounds a context by the task's timeout.
func (t task) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, t.timeout, errTimeout)
}

// outcome is how a process ended.
type outcome struct {
	output  string // stdout and stderr in the order in which they were written
	exit    int    // 128+n for signal n
	killed  bool   // by SIGKILL, and not by us: out of memory, most likely
	stopped error  // why we ended it: errTimeout or the context's cause
	seconds float64
	cpu     float64
	peak    int64 // bytes, of the largest process of the tree; at least ours at the fork
}

func (o outcome) ok() bool { return o.exit == 0 && o.stopped == nil }

// runner starts processes, each in a process group of its own, and leaves none
// behind. On Linux a child gets SIGKILL when the *thread* that forked it ends, so
// all are started by one that lives as long as the runner.
type runner struct {
	own     *ipc.Caller // our settings
	lease   *lease      // that every process inherits; nil = none
	starts  chan func()
	running sync.WaitGroup
	started atomic.Int64 // for Stats and tests
}

func newRunner(l *lease) *runner {
	r := &runner{own: caller.Own(), lease: l, starts: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		for start := range r.starts {
			start()
		}
	}()
	return r
}

// close waits for what runs. The caller has cancelled it.
func (r *runner) close() {
	r.running.Wait()
	close(r.starts)
}

// run starts t and waits until no process of it is left. started is called with
// the process ID once it runs. The error is for a process that could not be
// started.
func (r *runner) run(ctx context.Context, t task, started func(pid int)) (outcome, error) {
	r.running.Add(1)
	defer r.running.Done()
	ctx, cancel := t.limit(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return outcome{stopped: context.Cause(ctx)}, nil
	}
	out := &boundedBuffer{limit: maxOutput}
	cmd := &exec.Cmd{
		Path: t.args[0], Args: t.args, Dir: t.dir, Env: append([]string{}, t.env...),
		Stdout: out, Stderr: out, // the same value: one pipe, so the order is kept
		ExtraFiles:  r.lease.inherited(),
		SysProcAttr: groupAttributes(),
		WaitDelay:   termGrace, // for a pipe that an escaped grandchild holds
	}
	begin := time.Now()
	result := make(chan error, 1)
	r.starts <- func() { result <- caller.Start(cmd, caller.Difference(r.own, t.caller)) }
	if err := <-result; err != nil {
		return outcome{}, fmt.Errorf("start %s: %w", t.args[0], err)
	}
	defer r.lease.runs(cmd.Process.Pid)()
	r.started.Add(1)
	if started != nil {
		started(cmd.Process.Pid)
	}
	o := (&child{cmd: cmd}).finish(ctx)
	o.seconds = time.Since(begin).Seconds()
	o.output = out.String()
	return o, nil
}

// child is a process group that was started and not yet waited for.
type child struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	reaped bool // its ID may belong to someone else from now on
}

// finish waits for the end, or brings it about when ctx ends.
func (c *child) finish(ctx context.Context) outcome {
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
		c.stop(done)
	}
	o := outcomeOf(c.cmd)
	o.stopped = stopped
	o.killed = o.killed && stopped == nil
	return o
}

func (c *child) stop(done <-chan struct{}) {
	c.signal(syscall.SIGTERM)
	grace := time.NewTimer(termGrace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		c.signal(syscall.SIGKILL)
		<-done
	}
	for end := time.Now().Add(goneLimit); groupExists(c.cmd.Process.Pid) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// reap waits for the leader, kills who is left of its group while the leader's
// zombie still holds the group's ID, and takes the zombie away.
func (c *child) reap() {
	if awaitExit(c.cmd.Process.Pid) {
		c.signal(syscall.SIGKILL)
	}
	c.mu.Lock()
	c.reaped = groups
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
func outcomeOf(cmd *exec.Cmd) outcome {
	st := cmd.ProcessState
	if st == nil {
		return outcome{exit: -1}
	}
	o := outcome{exit: st.ExitCode(), cpu: (st.UserTime() + st.SystemTime()).Seconds(), peak: peakBytes(st)}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		o.exit = 128 + int(ws.Signal())
		o.killed = ws.Signal() == syscall.SIGKILL
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

func (b *boundedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped == 0 {
		return b.buf.String()
	}
	return fmt.Sprintf("%s\n[%d more bytes of output were cut]\n", b.buf.String(), b.dropped)
}
