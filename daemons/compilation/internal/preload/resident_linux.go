package preload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// startLimit bounds the dynamic linking of a compiler with all symbols bound at once,
	// which takes a tenth of a second.
	startLimit = 20 * time.Second
	// termGrace is the time between SIGTERM, on which compilers remove their temporary
	// files, and SIGKILL: the same as for plain processes.
	termGrace = 100 * time.Millisecond
	// killGrace is what a resident has to report the end of a killed child. One that does
	// not is stopped or stuck, and is killed itself, which kills the child too.
	killGrace = 2 * time.Second
)

// The messages; csrc/resident.c has the same.
type requestMessage struct {
	id     uint64
	what   uint32
	signal int32
}

type reportMessage struct {
	id     uint64
	what   uint32
	pid    int32
	status int32
	stage  uint32
	cpu    uint64
	peak   uint64
}

const (
	whatRun  = 1
	whatKill = 2

	whatReady   = 1
	whatStarted = 2
	whatEnded   = 3
	whatFailed  = 4
)

// stages names what a child could not do.
var stages = [...]string{"", "read the request", "take descriptors", "enter the working folder", "set limits", "find its own start in the environment", "get a place", "fork"}

// Stages of csrc/resident.c from which on something else follows than the end of a child.
const (
	stageOtherStart = 5 // what was asked for before main has another answer
	stageNoRoom     = 6
)

// Resident is a program that waits after dynamic linking, and forks for each request.
// It may run many at once. It ends with our process.
type Resident struct {
	exe   string
	lib   Library
	start map[string]string // what it has read of its environment
	files []mapped          // that it consists of, and where the loader looked for them
	pid   int
	conn  *net.UnixConn
	cmd   *exec.Cmd
	done  chan struct{} // closed when it is gone
	err   error         // why; read after done

	mu      sync.Mutex
	closing bool
	last    uint64
	waiting map[uint64]chan reportMessage
}

// mapped is a file of a program and what it was when it was loaded.
type mapped struct {
	path string
	sig  signature
}

// StartResident starts exe, an absolute path, with the part of env that processes read
// before main. It and its forks inherit files from descriptor 4 on; the first of
// inherited is not used. The error wraps [ErrNotResident] if the program is the reason.
func StartResident(ctx context.Context, lib Library, exe string, env []string, inherited ...*os.File) (*Resident, error) {
	if interpreter(exe) != "" {
		return nil, fmt.Errorf("start resident %s: %w: it is a script", exe, ErrNotResident)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("start resident %s: %w", exe, err)
	}
	defer theirs.Close()
	output, err := memoryFile("resident-output", nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start resident %s: %w", exe, err), ours.Close())
	}
	defer output.Close()
	start := startEnv(env, lib)
	r := &Resident{exe: exe, lib: lib, start: start, files: loaderPlaces(start), conn: ours, done: make(chan struct{}), waiting: make(map[uint64]chan reportMessage)}
	if err := r.launch(theirs, output, inherited); err != nil {
		return nil, errors.Join(fmt.Errorf("start resident %s: %w", exe, err), ours.Close())
	}
	theirs.Close() // or the end of the resident would not end the connection
	if err := r.ready(ctx); err != nil {
		_ = r.Close()
		text, _ := io.ReadAll(io.NewSectionReader(output, 0, 4096))
		return nil, fmt.Errorf("start resident %s: %w: %w\n%s", exe, ErrNotResident, err, text)
	}
	go r.read()
	return r, nil
}

// launch starts the process from a thread that lives as long as it: the kernel sends
// the signal of PDEATHSIG when the thread that forked ends.
func (r *Resident) launch(socket, output *os.File, inherited []*os.File) error {
	var env []string
	for name, value := range r.start {
		env = append(env, name+"="+value)
	}
	r.cmd = &exec.Cmd{
		Path: r.exe, Args: []string{r.exe}, Dir: "/",
		Env:    append(r.lib.Env(env, nil), residentVariable+"=3", "LD_BIND_NOW=1"),
		Stdout: output, Stderr: output, ExtraFiles: append([]*os.File{socket}, inherited[min(1, len(inherited)):]...),
		// SIGTERM, on which it kills what it has started, the children's children too
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM},
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		err := r.cmd.Start()
		started <- err
		if err == nil {
			_ = r.cmd.Wait() // how it ended is of no interest
			r.gone()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	r.pid = r.cmd.Process.Pid
	return nil
}

// ready waits for the resident's first report and looks at what it has loaded.
func (r *Resident) ready(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Now()) })
	defer stop()
	m, err := r.receive()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("it ended at once: %w", err)
	case m.what != whatReady:
		return errors.New("it does not wait")
	case m.pid != 1:
		return fmt.Errorf("it has %d threads before main", m.pid)
	}
	files, err := mappedFiles(r.pid, r.exe)
	r.files = append(r.files, files...)
	return err
}

// receive reads one report.
func (r *Resident) receive() (reportMessage, error) {
	var m reportMessage
	b := unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m))
	n, err := r.conn.Read(b)
	if err == nil && n != len(b) {
		err = io.EOF // how a packet socket ends
	}
	return m, err
}

// read hands reports to those who wait, until the resident is gone.
func (r *Resident) read() {
	for {
		m, err := r.receive()
		if err != nil {
			_ = r.cmd.Process.Kill() // if only the connection ended
			return
		}
		r.mu.Lock()
		to := r.waiting[m.id]
		r.mu.Unlock()
		if to != nil {
			to <- m // has room for all reports of a request
		}
	}
}

// gone records that the process has ended.
func (r *Resident) gone() {
	r.mu.Lock()
	r.err = errors.New("the resident ended")
	if r.closing {
		r.err = errors.New("the resident was closed")
	}
	r.mu.Unlock()
	close(r.done)
	_ = r.conn.Close()
}

// Done is closed when the resident has ended.
func (r *Resident) Done() <-chan struct{} { return r.done }

// Pid is the resident's process.
func (r *Resident) Pid() int { return r.pid }

// Current reports whether the files that the resident consists of are unchanged, and the loader would
// find no others.
func (r *Resident) Current() bool {
	for _, f := range r.files {
		if now, err := signatureOf(f.path); now != f.sig || err != nil && f.sig != (signature{}) {
			return false
		}
	}
	return true
}

// Close ends the resident and all that it has started, and waits for it.
func (r *Resident) Close() error {
	r.mu.Lock()
	r.closing = true
	r.mu.Unlock()
	err := r.conn.CloseWrite()
	select {
	case <-r.done:
		return nil // then it does not matter what became of the connection
	case <-time.After(killGrace):
		err = errors.Join(err, r.cmd.Process.Kill())
	}
	<-r.done
	return err
}

// Run makes a process of the resident and waits for its end, or brings that about when
// ctx ends: then the result's Stopped says why, and the error is nil. The error wraps
// [ErrUnsuitable] or [ErrNotResident] if the request should be tried plainly.
func (r *Resident) Run(ctx context.Context, q Request) (Result, error) {
	if !maps.Equal(startEnv(q.Env, r.lib), r.start) {
		return Result{}, fmt.Errorf("run %s: %w: its loader variables are %v, not %v", r.exe, ErrUnsuitable, startEnv(q.Env, r.lib), r.start)
	}
	if ctx.Err() != nil {
		return Result{Stopped: context.Cause(ctx)}, nil
	}
	id, reports := r.register()
	defer r.forget(id)
	if err := r.send(id, q); err != nil {
		return Result{}, fmt.Errorf("run %s: %w", r.exe, err)
	}
	res, err := r.await(ctx, id, reports, q.Started)
	if err != nil {
		return Result{}, fmt.Errorf("run %s: %w", r.exe, err)
	}
	return res, nil
}

func (r *Resident) register() (uint64, chan reportMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	reports := make(chan reportMessage, 4) // started, failed, ended
	r.waiting[r.last] = reports
	return r.last, reports
}

func (r *Resident) forget(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, id)
}

// send writes a request with its descriptors.
func (r *Resident) send(id uint64, q Request) error {
	file, err := memoryFile("request", encode(q))
	if err != nil {
		return err
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	fds := []int{int(file.Fd())}
	for _, f := range []*os.File{q.Stdin, q.Stdout, q.Stderr} {
		if f == nil {
			f = null
		}
		fds = append(fds, descriptor(f))
	}
	return r.write(requestMessage{id: id, what: whatRun}, fds)
}

// descriptor is the number of a file's descriptor. (*os.File).Fd would make it blocking,
// which the reader of a pipe's other end does not expect of the same file.
func descriptor(f *os.File) int {
	fd := -1
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}

func (r *Resident) write(m requestMessage, fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m))
	if _, _, err := r.conn.WriteMsgUnix(b, rights, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrNotResident, err)
	}
	return nil
}

// encode writes what csrc/resident.c reads as struct call.
func encode(q Request) []byte {
	head := [6]uint32{uint32(len(q.Args)), uint32(len(q.Env)), uint32(len(q.Limits))}
	if q.Umask != nil {
		head[3], head[4] = 1, uint32(q.Umask.Perm())
	}
	var b []byte
	for _, n := range head {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	b = binary.NativeEndian.AppendUint64(b, signalMask(q.Ignored))
	for _, l := range q.Limits {
		for _, n := range [...]uint64{uint64(l.Resource), l.Soft, l.Hard} {
			b = binary.NativeEndian.AppendUint64(b, n)
		}
	}
	b = append(append(b, q.Dir...), 0)
	for _, list := range [...][]string{q.Args, q.Env} {
		for _, s := range list {
			b = append(append(b, s...), 0)
		}
	}
	return b
}

// signalMask has a bit for each signal.
func signalMask(signals []int) (mask uint64) {
	for _, s := range signals {
		mask |= 1 << (s - 1)
	}
	return mask
}

// await follows one request to its end.
func (r *Resident) await(ctx context.Context, id uint64, reports <-chan reportMessage, started func(int)) (Result, error) {
	var failure, stopped error
	var force <-chan time.Time
	cancelled, sig := ctx.Done(), unix.SIGTERM
	for {
		select {
		case m := <-reports:
			switch m.what {
			case whatStarted:
				if started != nil {
					started(int(m.pid))
				}
			case whatFailed:
				failure = fmt.Errorf("%s: %w", stages[min(int(m.stage), len(stages)-1)], syscall.Errno(m.status))
				if m.stage == stageOtherStart {
					failure = fmt.Errorf("%w: the program asked for a variable before main that has another value now", ErrUnsuitable)
				}
				if m.stage >= stageNoRoom { // it was not started, so no end will follow, and the resident is as good as before
					return Result{}, fmt.Errorf("%w: %w", ErrUnsuitable, failure)
				}
			case whatEnded:
				if failure != nil {
					return Result{}, failure
				}
				return resultOf(m, stopped), nil
			}
		case <-cancelled:
			stopped, cancelled = context.Cause(ctx), nil
			force = r.stop(id, sig)
		case <-force:
			if sig == unix.SIGTERM {
				sig = unix.SIGKILL
				force = r.stop(id, sig)
			} else {
				_ = r.cmd.Process.Kill()
				force = nil
			}
		case <-r.done:
			if stopped != nil {
				return Result{Exit: 128 + int(unix.SIGKILL), Signal: unix.SIGKILL, Stopped: stopped}, nil
			}
			return Result{}, fmt.Errorf("%w: %w", ErrNotResident, r.err)
		}
	}
}

// stop signals the group of a request and says when to do more.
func (r *Resident) stop(id uint64, sig unix.Signal) <-chan time.Time {
	_ = r.write(requestMessage{id: id, what: whatKill, signal: int32(sig)}, nil) // if it is gone, done says so
	if sig == unix.SIGTERM {
		return time.After(termGrace)
	}
	return time.After(killGrace)
}

func resultOf(m reportMessage, stopped error) Result {
	ws := syscall.WaitStatus(m.status)
	res := Result{Exit: ws.ExitStatus(), Stopped: stopped, CPU: time.Duration(m.cpu) * time.Microsecond, Peak: int64(m.peak) << 10}
	if ws.Signaled() {
		res.Signal = ws.Signal()
		res.Exit = 128 + int(res.Signal)
		res.Killed = res.Signal == unix.SIGKILL && stopped == nil
	}
	return res
}

// socketPair makes a connection that keeps messages apart.
func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "resident")
	file := os.NewFile(uintptr(fds[0]), "resident")
	defer file.Close()
	conn, err := net.FileConn(file) // its own duplicate
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

// memoryFile makes a file without a name.
func memoryFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// loaderPlaces are where the loader looks for libraries before it comes to those that a program was
// loaded from, as far as more may appear there (ld.so(8)). What is not there has no signature.
func loaderPlaces(start map[string]string) (places []mapped) {
	paths := append(filepath.SplitList(start["LD_LIBRARY_PATH"]), "/etc/ld.so.cache", "/etc/ld.so.preload")
	for _, path := range paths {
		if filepath.IsAbs(path) {
			sig, _ := signatureOf(path)
			places = append(places, mapped{path, sig})
		}
	}
	return places
}

// mappedFiles are the files that a process was loaded from, and the path by which: it may
// be a link that will lead elsewhere.
func mappedFiles(pid int, exe string) ([]mapped, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil {
		return nil, err
	}
	var files []mapped
	for _, path := range append(mappedPaths(string(text)), exe) {
		sig, err := signatureOf(path)
		if err != nil {
			return nil, fmt.Errorf("changed while it was loaded: %w", err)
		}
		files = append(files, mapped{path, sig})
	}
	return files, nil
}
