package preload

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// compileGo builds a program in Go; the test is skipped where there is no Go.
func compileGo(t testing.TB, dir, name, text string, cgo bool) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "p")
	add(t, source, "go.mod", "module p\n", "p.go", text)
	cmd := exec.CommandContext(t.Context(), program(t, "go"), "build", "-o", filepath.Join(dir, name), ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, name)
}

const goReader = `package main

import (
	"fmt"
	"os"
)

func main() {
	b, err := os.ReadFile("read")
	fmt.Println(len(b), err)
	os.Stat("seen")
	os.Stat("missed")
	os.ReadDir("listed")
	os.WriteFile("written", b, 0o644)
	os.ReadFile("written")
}
`

// A program in Go is seen whole, static or not.
func TestObserverSeesGo(t *testing.T) {
	t.Parallel()
	for name, cgo := range map[string]bool{"static": false, "with C": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, "read", "text", "seen", "", "listed/a", "")
			text := goReader
			if cgo {
				text = "package main\n\nimport \"C\"\n" + goReader[len("package main\n"):]
			}
			compileGo(t, dir, "p", text, cgo)
			o := traced(t, dir, nil, "sh", "-c", "./p; exit 0")
			expect(t, "read", slices.DeleteFunc(o.Read, filepath.IsAbs), "read")
			expect(t, "seen", slices.DeleteFunc(o.Seen, filepath.IsAbs), "seen")
			expect(t, "listed", o.Listed, "listed")
			expect(t, "missed", slices.DeleteFunc(o.Missed, filepath.IsAbs), "missed")
			expect(t, "written", o.Written, "written")
			if o.Clock {
				t.Error("it did not ask for the time")
			}
		})
	}
}

const posixHeaders = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
`

// static builds a static program from the text of a main function.
func static(t testing.TB, dir, name, text string) string {
	t.Helper()
	add(t, dir, name+".c", posixHeaders+text)
	return compileC(t, dir, name, "-static", name+".c")
}

// Programs without a dynamic loader make the same calls as others, and the same records.
func TestObserverSeesEachCall(t *testing.T) {
	t.Parallel()
	dir := write(t, callFiles()...)
	for _, l := range []string{"link-lstat", "link-readlink", "link-readlinkat", "link-realpath", "link-canonical"} {
		symlink(t, "read-open", filepath.Join(dir, l))
	}
	symlink(t, "loop", filepath.Join(dir, "loop"))
	compileC(t, dir, "calls", testdata(t, "calls.c"), "-static")
	o := traced(t, dir, nil, "sh", "-c", "./calls all; exit 0")
	for _, read := range strings.Fields("read-open read-open64 dir/read-openat dir/read-openat64 read-fopen read-fopen64 read-freopen read-write") {
		if !slices.Contains(o.Read, read) {
			t.Errorf("%s was not seen", read)
		}
	}
	expect(t, "seen", slices.DeleteFunc(o.Seen, func(p string) bool { return p == "calls" }),
		"seen-stat seen-stat64 seen-lstat dir/seen-fstatat seen-statx seen-access seen-faccessat seen-euidaccess seen-readlink")
	expect(t, "listed", o.Listed, "listed-scandir listed-glob") // of the others it only opens the folders
	expect(t, "missed", slices.DeleteFunc(o.Missed, filepath.IsAbs), `no-open dir/no-openat read-open/no-enotdir loop no-fopen no-freopen no-stat no-lstat dir/no-fstatat
		no-access no-readlink no-realpath no-opendir no-glob no-dlopen.so no-chdir dir/no-after-chdir no-program no-spawn`)
	checkWritten(t, o.Written)
}

// A static program that the kernel places anywhere is one as well.
func TestObserverSeesStaticPIE(t *testing.T) {
	t.Parallel()
	dir := write(t, "read", "", "p.c", posixHeaders+`int main(void) { return open("read", O_RDONLY) < 0; }`)
	compileC(t, dir, "p", "-static-pie", "p.c")
	expect(t, "read", traced(t, dir, nil, "sh", "-c", "./p; exit 0").Read, "read")
}

// What a static program starts is seen: by the object where that can be loaded, which sees
// more, else by the observer.
func TestObserverFollowsChildren(t *testing.T) {
	t.Parallel()
	dir := write(t, "read", "text", "gen.sh", "#!/bin/sh\ncat read >copy\ndate +%s >/dev/null\n")
	check(t, os.Chmod(filepath.Join(dir, "gen.sh"), 0o755))
	static(t, dir, "inner", `int main(void) { return open("inner-read", O_RDONLY) < 0; }`)
	static(t, dir, "outer", `
static int run(const char *path, char *const argv[]) {
	int status;
	pid_t pid = fork();
	if (!pid) { execv(path, argv); _exit(9); }
	return waitpid(pid, &status, 0) == pid ? status : -1;
}
int main(void) {
	char *sh[] = {"sh", "-c", "cat read >by-shell; ./inner", 0}, *inner[] = {"inner", 0}, *gen[] = {"gen.sh", 0}, *none[] = {"none", 0};
	char *clean[] = {"env", "-i", "/bin/cat", "read", 0};
	if (run("/bin/sh", sh) || run("./inner", inner) || run("./gen.sh", gen) || run("/usr/bin/env", clean)) return 1;
	return WEXITSTATUS(run("./none", none)) != 9 || wait(0) != -1 || errno != ECHILD;
}`)
	add(t, dir, "inner-read", "")
	o := traced(t, dir, nil, "sh", "-c", "./outer")
	for _, read := range []string{"read", "inner-read", "gen.sh"} {
		if !slices.Contains(o.Read, read) {
			t.Errorf("%s was not seen: %q", read, o.Read)
		}
	}
	expect(t, "written", o.Written, "by-shell copy")
	expect(t, "missed", slices.DeleteFunc(o.Missed, filepath.IsAbs), "none")
	if !o.Clock {
		t.Error("the time that a child of a child asked for was not seen")
	}
}

// A program in Go has threads, and children that share its memory until they start.
func TestObserverFollowsThreads(t *testing.T) {
	t.Parallel()
	dir := write(t)
	want := ""
	for i := range 40 {
		add(t, dir, fmt.Sprintf("f%d", i), "x", fmt.Sprintf("g%d", i), "x")
		want += fmt.Sprintf("f%d g%d ", i, i)
	}
	compileGo(t, dir, "p", `package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

func main() {
	var all sync.WaitGroup
	for i := range 40 {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			os.ReadFile(fmt.Sprint("f", i))
			if out, err := exec.Command("cat", fmt.Sprint("g", i)).Output(); err != nil || string(out) != "x" {
				fmt.Println(string(out), err)
				os.Exit(1)
			}
		}()
	}
	all.Wait()
	for range 4 { // one of these is not the first thread of the process
		go func() {
			runtime.LockOSThread()
			if syscall.Gettid() != os.Getpid() {
				syscall.Exec("/bin/cat", []string{"cat", "f0", "last"}, os.Environ())
			}
			select {}
		}()
	}
	select {}
}
`, false)
	add(t, dir, "last", "")
	o := traced(t, dir, nil, "sh", "-c", "./p")
	expect(t, "read", slices.Compact(o.Read), want+"last")
	if len(o.Executed) != 43 {
		t.Errorf("%d programs: %q", len(o.Executed), o.Executed)
	}
}

// What is ours is not in the environment of a program that is watched, and what the caller
// preloads stays.
func TestObserverHidesItself(t *testing.T) {
	t.Parallel()
	dir := write(t)
	static(t, dir, "show", `extern char **environ; int main(void) { for (char **e = environ; *e; e++) puts(*e); puts("END"); fflush(stdout); char *a[] = {"env", 0}; execv("/usr/bin/env", a); return 1; }`)
	compileC(t, dir, "other.so", "-shared", "-fPIC", "-x", "c", "/dev/null")
	trace, err := NewTrace()
	check(t, err)
	defer trace.Close()
	lib := libraryFor(t, program(t, "sh"))
	for _, env := range [][]string{{"A=1"}, {"LD_PRELOAD=" + dir + "/other.so", "A=1"}, nil} {
		out, err := run(t.Context(), time.Minute, lib.Env(env, trace), dir, program(t, "sh"), "-c", "exec ./show")
		check(t, err)
		shown, by, _ := strings.Cut(out, "END\n")
		if strings.Contains(shown, lib.Path) || strings.Contains(shown, traceVariable) || env != nil && !strings.Contains(shown, "A=1") {
			t.Errorf("%q: %s", env, out)
		}
		if len(env) > 1 && (!strings.Contains(shown, "LD_PRELOAD="+dir+"/other.so\n") || !strings.Contains(by, dir+"/other.so")) {
			t.Errorf("%q: %s", env, out)
		}
	}
}

// The time of day is seen, whatever a program does with it.
func TestObserverSeesClock(t *testing.T) {
	t.Parallel()
	dir := write(t)
	compileGo(t, dir, "go", "package main\n\nimport (\n\t\"fmt\"\n\t\"time\"\n)\n\nfunc main() { fmt.Println(time.Now()) }\n", false)
	static(t, dir, "c", `int main(void) { printf("%ld\n", (long)time(NULL)); return 0; }`)
	static(t, dir, "none", `int main(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return 0; }`)
	for exe, want := range map[string]bool{"go": true, "c": true, "none": false} {
		if o := traced(t, dir, nil, "sh", "-c", "./"+exe); o.Clock != want {
			t.Errorf("%s: %v", exe, o.Clock)
		}
	}
}

// started starts a program by the second observer.
func started(t *testing.T, dir string, before []string, exe string, args ...string) (*exec.Cmd, *Trace, *bytes.Buffer) {
	t.Helper()
	trace, err := NewTrace()
	check(t, err)
	t.Cleanup(func() { trace.Close() })
	lib := libraryFor(t, program(t, "sh"))
	lib.Observed = true
	line := append(slices.Concat(before, lib.Starter(trace), []string{exe, exe}), args...)
	cmd := exec.Command(line[0], line[1:]...)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, testEnv(), &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(t, cmd.Start())
	return cmd, trace, &out
}

// How a program ends, is stopped and goes on is what its parent sees.
func TestObserverPassesEndsThrough(t *testing.T) {
	t.Parallel()
	dir := write(t)
	exe := static(t, dir, "p", `
static void caught(int s) { (void)s; write(1, "caught\n", 7); _exit(7); }
int main(int n, char **v) {
	if (n < 2) return 0;
	if (!strcmp(v[1], "exit")) return 42;
	if (!strcmp(v[1], "signal")) { signal(SIGTERM, SIG_DFL); raise(SIGTERM); }
	if (!strcmp(v[1], "abort")) abort();
	signal(SIGUSR1, caught);
	close(creat("ready", 0600));
	for (;;) pause();
}`)
	for mode, want := range map[string]func(syscall.WaitStatus) bool{
		"exit":   func(s syscall.WaitStatus) bool { return s.ExitStatus() == 42 },
		"signal": func(s syscall.WaitStatus) bool { return s.Signal() == syscall.SIGTERM },
		"abort":  func(s syscall.WaitStatus) bool { return s.Signal() == syscall.SIGABRT },
	} {
		cmd, _, out := started(t, dir, nil, exe, mode)
		_ = cmd.Wait()
		if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !want(s) {
			t.Errorf("%s: %v %s", mode, cmd.ProcessState, out)
		}
	}
	cmd, trace, out := started(t, dir, nil, exe, "wait")
	until(t, "the start", func() bool { _, err := os.Stat(filepath.Join(dir, "ready")); return err == nil })
	check(t, unix.Kill(cmd.Process.Pid, unix.SIGSTOP))
	var info unix.Siginfo
	check(t, unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WSTOPPED, nil))
	check(t, unix.Kill(cmd.Process.Pid, unix.SIGCONT))
	check(t, unix.Kill(cmd.Process.Pid, unix.SIGUSR1))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, out)
	}
	if why := trace.complete(); why != "" {
		t.Error(why)
	}
}

func processText(pid int, name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	return string(text)
}

func processState(pid int) string {
	_, rest, _ := strings.Cut(processText(pid, "stat"), ") ")
	if rest == "" {
		return ""
	}
	return rest[:1]
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		if t.Context().Err() != nil {
			t.Fatal(what)
		}
		time.Sleep(time.Millisecond)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tracerOf is the process that traces a process, 0 if there is none.
func tracerOf(pid int) int {
	_, rest, _ := strings.Cut(processText(pid, "status"), "TracerPid:\t")
	n := 0
	_, _ = fmt.Sscan(rest, &n)
	return n
}

// If the group is killed, or the observer, nothing is left.
func TestObserverLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := write(t)
	exe := static(t, dir, "p", `int main(int n, char **v) { if (n > 1) { fork(); for (;;) pause(); } }`)
	for _, kill := range []string{"group", "observer"} {
		cmd, _, _ := started(t, dir, nil, exe, "wait")
		until(t, "its observer", func() bool { return tracerOf(cmd.Process.Pid) != 0 && processText(cmd.Process.Pid, "comm") == "p\n" })
		observer := tracerOf(cmd.Process.Pid)
		if kill == "group" {
			check(t, unix.Kill(-cmd.Process.Pid, unix.SIGKILL))
		} else {
			check(t, unix.Kill(observer, unix.SIGKILL))
		}
		_ = cmd.Wait()
		if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL {
			t.Errorf("%s: %v", kill, cmd.ProcessState)
		}
		until(t, "the end of the observer", func() bool { s := processState(observer); return s == "" || s == "Z" })
		until(t, "the end of the group", func() bool {
			return errors.Is(unix.Kill(-cmd.Process.Pid, 0), unix.ESRCH) || onlyZombies(cmd.Process.Pid)
		})
	}
}

func onlyZombies(group int) bool {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
			continue
		}
		if of, _ := unix.Getpgid(pid); of == group && processState(pid) != "Z" && processState(pid) != "" {
			return false
		}
	}
	return true
}

// Where ptrace is refused, the program runs all the same, and the trace says why it cannot be
// relied on.
func TestObserverIsRefused(t *testing.T) {
	t.Parallel()
	dir := write(t, "read", "")
	exe := static(t, dir, "p", `int main(void) { return open("read", O_RDONLY) < 0 ? 1 : 42; }`)
	cmd, trace, out := started(t, dir, []string{program(t, "strace"), "-f", "-o", os.DevNull}, exe)
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 42 {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
	if o := NewReader(dir).Observe(trace, nil, nil); o.Complete || !strings.Contains(o.WhyNot, "cannot be traced here: operation not permitted") {
		t.Errorf("complete %v: %s", o.Complete, o.WhyNot)
	}
}

// What a container refuses besides ptrace itself: it is noticed when the observer is tried, and when
// a program is watched, which runs all the same.
func TestObserverIsRefusedInPart(t *testing.T) {
	t.Parallel()
	dir := write(t, "read", "")
	refuse := compileC(t, dir, "refuse", testdata(t, "refuse.c"))
	exe := static(t, dir, "p", `int main(void) { return open("read", O_RDONLY) < 0 ? 1 : 42; }`)
	const ofSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO, which came with Linux 5.3
	for name, tt := range map[string]struct{ call, argument int }{
		"ptrace":  {unix.SYS_PTRACE, -1},
		"memory":  {unix.SYS_PROCESS_VM_READV, -1},
		"filter":  {unix.SYS_SECCOMP, -1},
		"request": {unix.SYS_PTRACE, ofSyscallInfo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix := []string{refuse, fmt.Sprint(tt.call), fmt.Sprint(tt.argument), fmt.Sprint(int(syscall.EPERM))}
			try := exec.CommandContext(t.Context(), prefix[0], append(prefix[1:], libraryFor(t, program(t, "sh")).Observer, "", "", "", "", "try")...)
			if out, _ := try.CombinedOutput(); try.ProcessState.ExitCode() != int(syscall.EPERM) {
				t.Errorf("trying: %v: %s", try.ProcessState, out)
			}
			cmd, trace, out := started(t, dir, prefix, exe)
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 42 {
				t.Errorf("%v: %s", cmd.ProcessState, out)
			}
			if o := NewReader(dir).Observe(trace, nil, nil); o.Complete {
				t.Errorf("it counts as complete: %+v", o)
			}
		})
	}
}

// A user without rights can watch his programs.
func TestObserverWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("it is without rights already")
	}
	dir := write(t, "read", "text")
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		check(t, os.Chmod(d, 0o755))
	}
	exe := static(t, dir, "p", `int main(void) { return open("read", O_RDONLY) < 0 ? 1 : 42; }`)
	lib := libraryFor(t, program(t, "sh"))
	copied := filepath.Join(dir, "theirs.observer")
	text, err := os.ReadFile(lib.Observer)
	check(t, err)
	check(t, os.WriteFile(copied, text, 0o755))
	trace, err := NewTrace()
	check(t, err)
	defer trace.Close()
	check(t, trace.file.Chmod(0o666))
	script := fmt.Sprintf("exec %s '' %s=/dev/fd/3 '' '' %s p", copied, traceVariable, exe)
	cmd := exec.Command(program(t, "sh"), "-c", script)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, testEnv(), []*os.File{trace.file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 42 {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
	if o := NewReader(dir).Observe(trace, nil, nil); !o.Complete || !slices.Contains(o.Read, "read") {
		t.Errorf("%+v", o)
	}
}
