package preload

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// buildLimit bounds the compile of some thousand lines of C, which takes half a second.
	buildLimit = 60 * time.Second
	// checkLimit bounds `EXE --version`.
	checkLimit = 20 * time.Second
)

// flags with which the object is built. The names of the C library's functions must
// reach the linker as they are, so no macro may turn open into open64 or __open_2. The
// first build on a machine waits for it, and -Og takes a third of the time of -O2.
var flags = []string{
	"-x", "c", "-std=gnu11", "-Og", "-g0", "-fPIC", "-shared", "-fvisibility=hidden",
	"-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-U_FILE_OFFSET_BITS", "-U_TIME_BITS", "-Wall", "-Wextra",
	"-Wl,-z,noseparate-code", // two mappings fewer in every process
}

// observerFlags are those of the second observer, a static program without a C library.
var observerFlags = []string{
	"-x", "c", "-std=gnu11", "-Og", "-g0", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-static", "-nostdlib", "-nostartfiles",
	"-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-U_FILE_OFFSET_BITS", "-U_TIME_BITS", "-Wall", "-Wextra",
}

// shared are the parts of the object that the second observer has too.
var shared = []string{"trace.c", "outcomes.c", "bynumber.c", "programs.c"}

// Build returns the object for an executable, given by its path, and has made sure that
// it records there. For one into which it cannot be loaded, the second observer has to
// record. The error wraps [ErrUntraceable] if the executable is the reason.
func (b Builder) Build(ctx context.Context, exe string) (Library, error) {
	kind, observed, err := b.kindFor(exe)
	if err != nil {
		return Library{}, err
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return Library{}, fmt.Errorf("make folder for the tracer: %w", err)
	}
	var failures []error
	for _, get := range b.sources(ctx, kind) {
		lib, err := get()
		lib.Observed = observed
		if err == nil && observed && lib.Observer == "" {
			err = fmt.Errorf("%s: %w: it is static or in Go, and the second observer cannot be built", exe, ErrUntraceable)
		}
		if err == nil {
			err = b.check(ctx, lib, exe)
		}
		if err == nil {
			return lib, nil
		}
		if ctx.Err() != nil {
			return Library{}, context.Cause(ctx)
		}
		failures = append(failures, err)
	}
	if failures == nil {
		return Library{}, errors.New("build the tracer: no C compiler found")
	}
	return Library{}, errors.Join(failures...)
}

// sources are the ways to get the object for a kind of executables, the best first: the
// program brings it along, or one of the compilers makes it.
func (b Builder) sources(ctx context.Context, kind binaryKind) (ways []func() (Library, error)) {
	if lib, err := b.unpacked(kind); err == nil {
		ways = append(ways, func() (Library, error) { return lib, nil })
	}
	for _, cc := range b.compilers() {
		ways = append(ways, func() (Library, error) { return b.object(ctx, cc, kind) })
	}
	return ways
}

// kindFor is the kind of object for an executable. observed says that the object cannot be
// loaded into it: then it is the kind for the programs that it starts, those of the system.
func (b Builder) kindFor(exe string) (kind binaryKind, observed bool, err error) {
	kind, err = kindOf(exe)
	if !errors.Is(err, errUnfollowed) {
		return kind, false, err
	}
	for _, other := range append([]string{"/bin/sh"}, b.compilers()...) {
		if kind, other := kindOf(other); other == nil {
			return kind, true, nil
		}
	}
	return kind, true, err
}

// For returns the library for a process of another executable than the one that it was built
// for, without trying it there. A static program, or one in Go, is started by the second
// observer.
func (l Library) For(exe string) Library {
	_, err := kindOf(exe)
	l.Observed = l.Observer != "" && errors.Is(err, errUnfollowed)
	return l
}

// errUnfollowed is wrapped by the errors of programs that only the second observer can
// follow.
var errUnfollowed = fmt.Errorf("%w by the object", ErrUntraceable)

// binaryKind is what the object must have in common with an executable.
type binaryKind struct {
	class   elf.Class
	machine elf.Machine
	loader  string // which dynamic loader, and so which C library
}

// kindOf looks at an executable, or at the interpreter of a script.
func kindOf(exe string) (binaryKind, error) {
	st, err := os.Stat(exe)
	if err != nil {
		return binaryKind{}, fmt.Errorf("look at program to trace: %w", err)
	}
	if st.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		return binaryKind{}, fmt.Errorf("%s: %w: it is setuid or setgid", exe, ErrUntraceable)
	}
	if shell := interpreter(exe); shell != "" {
		exe = shell
	}
	f, err := elf.Open(exe)
	if err != nil {
		return binaryKind{}, fmt.Errorf("%s: %w: not an ELF executable (%w)", exe, ErrUntraceable, err)
	}
	defer f.Close()
	kind := binaryKind{class: f.Class, machine: f.Machine}
	for _, p := range f.Progs {
		text := make([]byte, min(p.Filesz, 4096))
		if p.Type != elf.PT_INTERP && p.Type != elf.PT_NOTE {
			continue
		}
		if _, err := p.ReadAt(text, 0); err != nil {
			continue
		}
		if p.Type == elf.PT_INTERP {
			kind.loader = strings.TrimRight(string(text), "\x00")
		} else if bytes.Contains(text, goNote) {
			return binaryKind{}, fmt.Errorf("%s: %w: it is a program in Go", exe, errUnfollowed)
		}
	}
	if kind.loader == "" {
		return binaryKind{}, fmt.Errorf("%s: %w: it is linked statically", exe, errUnfollowed)
	}
	return kind, nil
}

// goNote is the beginning of the note of Go's linker: the length of its name, any length of
// text, its type and its name (cmd/link/internal/ld/elf.go).
var goNote = []byte("\x04\x00\x00\x00Go\x00\x00")

// interpreter is the program that runs a script, "" for anything else.
func interpreter(exe string) string {
	f, err := os.Open(exe)
	if err != nil {
		return ""
	}
	defer f.Close()
	line := make([]byte, 256) // BINPRM_BUF_SIZE
	n, _ := f.Read(line)
	text, found := strings.CutPrefix(string(line[:n]), "#!")
	if !found {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n")
	if words := strings.Fields(text); len(words) > 0 {
		return words[0]
	}
	return ""
}

// compilers lists those to try, each once: first the system's, so that most programs
// share one object.
func (b Builder) compilers() []string {
	var path string
	for _, kv := range b.Env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	var list []string
	for _, name := range []string{"cc", "gcc", "clang"} {
		for _, dir := range filepath.SplitList(path) {
			p := filepath.Join(dir, name)
			if filepath.IsAbs(p) && unix.Access(p, unix.X_OK) == nil {
				list = append(list, p)
				break
			}
		}
	}
	list = append(list, b.Compilers...)
	known := make(map[string]bool)
	var unique []string
	for _, p := range list {
		real, err := filepath.EvalSymlinks(p)
		if err != nil || known[real] {
			continue
		}
		known[real] = true
		unique = append(unique, p)
	}
	return unique
}

// object returns the object that cc makes for a kind of executable.
func (b Builder) object(ctx context.Context, cc string, kind binaryKind) (Library, error) {
	h := sha256.New()
	fmt.Fprintln(h, flags, observerFlags, kind)
	if err := errors.Join(hashSource(h), hashFile(h, cc)); err != nil {
		return Library{}, fmt.Errorf("build the tracer: %w", err)
	}
	name := filepath.Join(b.Dir, hex.EncodeToString(h.Sum(nil)[:16]))
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	lib := Library{Path: name + objectEnding, loader: kind.loader}
	if _, err := os.Stat(lib.Path); err != nil {
		if err := b.compile(ctx, cc, kind, name); err != nil {
			return lib, err
		}
	}
	if _, err := os.Stat(name + observerEnding); err == nil {
		lib.Observer = name + observerEnding
	}
	return lib, nil
}

// Endings of what is built; csrc/processes.c has the same.
const (
	objectEnding   = ".so"
	observerEnding = ".observer"
	clientEnding   = ".client"
)

func hashSource(h hash.Hash) error {
	return fs.WalkDir(source, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := source.ReadFile(p)
		fmt.Fprintf(h, "%s %d\n%s", p, len(text), text)
		return err
	})
}

// hashFile adds which file a path names now.
func hashFile(h hash.Hash, path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	s, err := signatureOf(real)
	fmt.Fprintln(h, path, real, s)
	return err
}

// signature tells whether a file is still the same.
type signature struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

func signatureOf(path string) (signature, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return signature{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return signature{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}, nil
}

// compile builds into a folder of its own and gives the results their names at last: others
// may build the same. The first one stays, because a program that is being started with
// an object that is replaced meanwhile seems to have changed. The object comes last: where it
// is, the second observer is too, unless this system cannot have one.
func (b Builder) compile(ctx context.Context, cc string, kind binaryKind, to string) error {
	work, err := os.MkdirTemp(b.Dir, "build-")
	if err != nil {
		return fmt.Errorf("build the tracer: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, source); err != nil {
		return fmt.Errorf("build the tracer: %w", err)
	}
	observer := make(chan error, 1)
	go func() { observer <- b.compileObserver(ctx, cc, kind, work) }()
	err = b.compileObject(ctx, cc, kind, work)
	if noObserver := <-observer; err == nil && noObserver == nil {
		err = errors.Join(moveThere(filepath.Join(work, "observer"), to+observerEnding), moveThere(filepath.Join(work, "client"), to+clientEnding))
	}
	if err != nil {
		return err
	}
	return moveThere(filepath.Join(work, "preload.so"), to+objectEnding)
}

func (b Builder) compileObject(ctx context.Context, cc string, kind binaryKind, work string) error {
	args := append([]string(nil), flags...)
	if kind.machine == elf.EM_386 {
		args = append(args, "-m32")
	}
	files, err := filepath.Glob(filepath.Join(work, "csrc", "*.c"))
	if err != nil {
		return fmt.Errorf("build the tracer: %w", err)
	}
	made := filepath.Join(work, "preload.so")
	if err := b.compileC(ctx, cc, work, "object.c", files, append(args, "-o", made), "-ldl"); err != nil {
		return err
	}
	f, err := elf.Open(made)
	if err != nil {
		return fmt.Errorf("build the tracer with %s: %w", cc, err)
	}
	defer f.Close()
	if f.Machine != kind.machine || f.Class != kind.class {
		return fmt.Errorf("build the tracer with %s: it makes code for %v, the program is for %v", cc, f.Machine, kind.machine)
	}
	return nil
}

// compileObserver builds the second observer and the thin client, which share what they have
// in place of a C library. An error means that this system has none.
func (b Builder) compileObserver(ctx context.Context, cc string, kind binaryKind, work string) error {
	if kind.machine != elf.EM_X86_64 && kind.machine != elf.EM_AARCH64 {
		return fmt.Errorf("there is no second observer for %v", kind.machine)
	}
	files, err := filepath.Glob(filepath.Join(work, "csrc", "observer", "*.c"))
	if err != nil {
		return fmt.Errorf("build the second observer: %w", err)
	}
	for _, name := range shared {
		files = append(files, filepath.Join(work, "csrc", name))
	}
	if err := b.compileC(ctx, cc, work, "observer.c", files, append(observerFlags, "-o", filepath.Join(work, "observer"))); err != nil {
		return err
	}
	files, err = filepath.Glob(filepath.Join(work, "csrc", "client", "*.c"))
	if err != nil {
		return fmt.Errorf("build the thin client: %w", err)
	}
	files = append(files, filepath.Join(work, "csrc", "observer", "kernel.c"))
	return b.compileC(ctx, cc, work, "client.c", files, append(observerFlags, "-o", filepath.Join(work, "client")))
}

// Client returns the path of the thin client of the Go program exe, which is built first if it is
// missing. What has no Go program beside it cannot start the daemon, so that one is named at its end.
func (b Builder) Client(ctx context.Context, exe string) (string, error) {
	kind, _, err := b.kindFor("/bin/sh")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder for the thin client: %w", err)
	}
	failures := []error{errors.New("the thin client cannot be built")}
	for _, get := range b.sources(ctx, kind) {
		lib, err := get()
		path := strings.TrimSuffix(lib.Path, objectEnding) + clientEnding
		if err == nil {
			path, err = clientOf(path, exe)
		}
		if err == nil {
			return path, nil
		}
		failures = append(failures, err)
	}
	return "", errors.Join(failures...)
}

// clientOf returns the copy of a thin client that names the Go program exe, as `make build` writes
// it (csrc/client/client.c, built_beside).
func clientOf(client, exe string) (string, error) {
	text, err := os.ReadFile(client)
	if err != nil {
		return "", fmt.Errorf("find the thin client: %w", err)
	}
	text = append(text, "\x00replibuild-go="+exe...)
	sum := sha256.Sum256(text)
	named := filepath.Join(filepath.Dir(client), hex.EncodeToString(sum[:16])+clientEnding)
	return named, unpack(text, named)
}

// compileC compiles files as one unit of that name: the compiler starts once.
func (b Builder) compileC(ctx context.Context, cc, work, unit string, files, args []string, libraries ...string) error {
	var all strings.Builder
	for _, file := range files {
		name, err := filepath.Rel(work, file)
		if err != nil {
			return fmt.Errorf("build the tracer: %w", err)
		}
		fmt.Fprintf(&all, "#include \"%s\"\n", name)
	}
	if err := os.WriteFile(filepath.Join(work, unit), []byte(all.String()), 0o600); err != nil {
		return fmt.Errorf("build the tracer: %w", err)
	}
	args = append(slices.Clone(args), unit, "-x", "none")
	out, err := run(ctx, buildLimit, b.Env, work, cc, append(args, libraries...)...)
	if err != nil {
		return fmt.Errorf("build the tracer with %s: %w\n%s", cc, err, out)
	}
	return nil
}

// moveThere renames a file to a name that may be taken.
func moveThere(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil || errors.Is(err, unix.EEXIST) {
		return nil
	}
	return os.Rename(from, to) // a file system that cannot
}

// check runs the executable once with the object, unless a note says that this was done.
func (b Builder) check(ctx context.Context, lib Library, exe string) error {
	h := sha256.New()
	fmt.Fprintln(h, lib.Path)
	if err := hashFile(h, exe); err != nil {
		return fmt.Errorf("check the tracer: %w", err)
	}
	note := filepath.Join(b.Dir, hex.EncodeToString(h.Sum(nil)[:16])+".works")
	if _, err := os.Stat(note); err == nil {
		return nil
	}
	t, err := NewTrace()
	if err != nil {
		return err
	}
	defer t.Close()
	command := []string{exe, "--version"}
	if starter := lib.Starter(t); starter != nil {
		command = append(append(starter, exe), command...)
	}
	out, err := run(ctx, checkLimit, lib.Env(b.Env, t), b.Dir, command[0], command[1:]...)
	if why := t.complete(); why != "" {
		return fmt.Errorf("%s: %w: %s (%v)\n%s", exe, ErrUntraceable, why, err, out)
	}
	if err := os.WriteFile(note, []byte(exe+"\n"), 0o600); err != nil {
		return fmt.Errorf("check the tracer: %w", err)
	}
	return nil
}

// TryObserver has the second observer watch a process for a moment, and says why it cannot:
// it cannot be built, or the kernel refuses ptrace or the filter.
func (b Builder) TryObserver(ctx context.Context) error {
	kind, _, err := b.kindFor("/bin/sh")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder for the tracer: %w", err)
	}
	var failures []error
	for _, get := range b.sources(ctx, kind) {
		lib, err := get()
		if err == nil && lib.Observer == "" {
			err = errors.New("the second observer cannot be built")
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		_, err = run(ctx, checkLimit, nil, b.Dir, lib.Observer, "", "", "", "", "try")
		if status := (*exec.ExitError)(nil); errors.As(err, &status) && status.Exited() {
			return syscall.Errno(status.ExitCode())
		}
		return err
	}
	return cmp.Or(errors.Join(failures...), errors.New("build the tracer: no C compiler found"))
}

// run starts a program in a process group of its own and returns what it printed.
func run(ctx context.Context, limit time.Duration, env []string, dir, exe string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env, cmd.Dir = env, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}
