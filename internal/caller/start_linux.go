package caller

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// ownExecutable is this process's executable, even after the file was replaced: a
	// new process is a copy of this one until it executes something.
	ownExecutable = "/proc/self/exe"
	// word is the only argument of a child that is to become a command.
	word = "as-caller"
	// variable names the descriptor that it reads the command from.
	variable = "REPLIBUILD_AS_CALLER"
)

// init makes a child of [Start] the command. It cannot wait for main: a program that did
// not call us there would run itself instead.
func init() {
	if len(os.Args) != 2 || os.Args[1] != word || os.Getenv(variable) == "" {
		return
	}
	fmt.Fprintln(os.Stderr, become(os.Getenv(variable)))
	os.Exit(cannotExecute)
}

// cannotExecute is the exit code of shells for a command that cannot be executed.
const cannotExecute = 126

// command is what the child reads: the settings to change and what to execute then.
type command struct {
	Caller *ipc.Caller
	Path   []byte // as bytes: none of these need be UTF-8
	Args   [][]byte
	Env    [][]byte
}

// Start starts a command with other settings than our own; nil means our own. cmd.Env
// must be set.
func Start(cmd *exec.Cmd, want *ipc.Caller) error {
	if want == nil {
		return cmd.Start()
	}
	if err := unix.Access(inFolder(cmd.Dir, cmd.Path), unix.X_OK); err != nil {
		return &os.PathError{Op: "exec", Path: cmd.Path, Err: err}
	}
	text, err := json.Marshal(command{want, []byte(cmd.Path), asBytes(cmd.Args), asBytes(cmd.Env)})
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	at := descriptorFor(cmd, read)
	// A program may be several by its name, which so stays.
	cmd.Path, cmd.Args, cmd.Env = ownExecutable, []string{os.Args[0], word}, []string{variable + "=" + strconv.Itoa(at)}
	if err := cmd.Start(); err != nil {
		write.Close()
		return err
	}
	go func() {
		defer write.Close()
		_, _ = write.Write(text) // a child that was killed reads nothing
	}()
	return nil
}

// descriptorFor hands a file to a command and returns its number there: the first that
// is free.
func descriptorFor(cmd *exec.Cmd, f *os.File) int {
	for i, other := range cmd.ExtraFiles {
		if other == nil {
			cmd.ExtraFiles[i] = f
			return 3 + i
		}
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	return 2 + len(cmd.ExtraFiles)
}

func inFolder(dir, path string) string {
	if strings.HasPrefix(path, "/") || dir == "" {
		return path
	}
	return dir + "/" + path
}

func asBytes(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func asStrings(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

// become reads the command, changes the settings and executes it; it returns only if that
// fails.
func become(descriptor string) error {
	fd, err := strconv.Atoi(descriptor)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "command")
	text, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		return err
	}
	var c command
	if err := json.Unmarshal(text, &c); err != nil || c.Caller == nil {
		return fmt.Errorf("%s is for replibuild itself: %w", word, err)
	}
	runtime.LockOSThread() // priorities and processors belong to a thread
	path, args, env := string(c.Path), asStrings(c.Args), asStrings(c.Env)
	take(c.Caller)
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, args, env)}
}

// take changes the settings of this process. What the system refuses stays as it is.
func take(c *ipc.Caller) {
	unix.Umask(int(c.Umask))
	takeSignals(c.Ignored)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, c.Nice)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioProcess, 0, uintptr(c.IOPriority))
	if set, ok := processors(c.CPUs); ok {
		_ = unix.SchedSetaffinity(0, &set)
	}
	for _, l := range c.Limits { // last: they hold for this process, too
		if unix.Setrlimit(l.Resource, &unix.Rlimit{Cur: l.Soft, Max: l.Hard}) != nil {
			lowerLimit(l)
		}
	}
}

// lowerLimit sets a limit as far as the hard one of this process allows.
func lowerLimit(l ipc.Limit) {
	var now unix.Rlimit
	if unix.Getrlimit(l.Resource, &now) == nil {
		_ = unix.Setrlimit(l.Resource, &unix.Rlimit{Cur: min(l.Soft, now.Max), Max: min(l.Hard, now.Max)})
	}
}

// takeSignals ignores the given signals and no other. It asks the system: os/signal would start
// a goroutine, and a limit of memory that is set next may leave no room for its thread.
func takeSignals(ignored []int) {
	for _, s := range ignoredSignals() {
		setAction(s, sigDefault)
	}
	for _, s := range ignored {
		setAction(s, sigIgnore)
	}
}

// The handlers SIG_DFL and SIG_IGN of signal(7).
const sigDefault, sigIgnore = 0, 1

// setAction sets what a signal does to this process. A signal that Go handles gets its default
// action when the command is executed.
func setAction(signal int, handler uint64) {
	action := [4]uint64{handler} // the kernel's struct sigaction: handler, flags, restorer, mask
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// processors reads a list such as "0-3,8".
func processors(list string) (set unix.CPUSet, ok bool) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil {
			return set, false
		}
		for cpu := from; cpu <= to; cpu++ {
			set.Set(cpu)
		}
	}
	return set, true
}
