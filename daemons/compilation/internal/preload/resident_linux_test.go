package preload

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/internal/testkit"
)

// theResident starts a resident of a program and ends it with the test.
func theResident(t testing.TB, exe string) (*Resident, Library) {
	t.Helper()
	lib := libraryFor(t, exe)
	r, err := StartResident(t.Context(), lib, exe, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, lib
}

// stateProgram builds testdata/state.c.
func stateProgram(t testing.TB) (exe, dir string) {
	dir = write(t)
	return compileC(t, dir, "state", testdata(t, "state.c")), dir
}

// output runs a request and returns what it printed.
func output(t testing.TB, r *Resident, q Request) (Result, string) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(in)
		text <- b
	}()
	q.Stdout, q.Stderr = out, out
	res, err := r.Run(t.Context(), q)
	out.Close()
	b := <-text
	in.Close()
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return res, string(b)
}

// Whatever makes up a process is the request's, also after others.
func TestRequestState(t *testing.T) {
	t.Parallel()
	exe, dir := stateProgram(t)
	r, _ := theResident(t, exe)
	mask := os.FileMode(0o27)
	plain, err := run(t.Context(), time.Minute, testEnv(), dir, exe, "state")
	_, descriptors, found := strings.Cut(plain, "descriptors:")
	if err != nil || !found {
		t.Fatalf("%v\n%s", err, plain)
	}
	for range 3 {
		stdin, err := os.Open(filepath.Join(write(t, "in", "from outside\n"), "in"))
		if err != nil {
			t.Fatal(err)
		}
		_, got := output(t, r, Request{
			Args: []string{"/x/called", "state", "a b", ""}, Dir: dir, Env: []string{"A=1", "B=two words"}, Stdin: stdin,
			Umask: &mask, Limits: []Limit{{unix.RLIMIT_CORE, 0, 0}},
		})
		stdin.Close()
		want := "uses: 1\nargs: /x/called state a b \nname: /x/called\nfolder: " + dir + "\nenv: A=1 B=two words\numask: 27\n" +
			"core: 0\nleader: 1\ndeath: 9\nblocked: 0\nhandled: 0\ndescriptors:" + descriptors + "input: from outside\n"
		if got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
	_, got := output(t, r, Request{Args: []string{"s", "state"}, Dir: "/"})
	if !strings.Contains(got, "folder: /\nenv:\n") || strings.Contains(got, "umask: 27") || strings.Contains(got, "input") {
		t.Errorf("a plain request got\n%s", got)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	exe, dir := stateProgram(t)
	r, _ := theResident(t, exe)
	do := func(words string) Result {
		res, _ := output(t, r, Request{Args: append([]string{exe}, strings.Fields(words)...), Dir: dir})
		return res
	}
	if res := do("exit 7"); res.Exit != 7 || res.Signal != 0 {
		t.Errorf("exit 7: %+v", res)
	}
	if res := do("signal 11"); res.Exit != 139 || res.Signal != unix.SIGSEGV || res.Killed {
		t.Errorf("signal 11: %+v", res)
	}
	if res := do("signal 9"); res.Exit != 137 || !res.Killed {
		t.Errorf("signal 9: %+v", res)
	}
	if res := do("memory 200"); res.Peak < 200<<20 || res.Peak > 260<<20 {
		t.Errorf("200 MB: peak %d", res.Peak)
	}
	if res := do("exit 0"); res.Peak == 0 || res.Peak > 50<<20 {
		t.Errorf("little after much: peak %d", res.Peak)
	}
	if res := do("spin"); res.CPU < 100*time.Millisecond || res.CPU > 10*time.Second {
		t.Errorf("0.1 s of work: %v", res.CPU)
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	exe, dir := stateProgram(t)
	r, lib := theResident(t, exe)
	if _, err := r.Run(t.Context(), Request{Args: []string{exe}, Dir: dir + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder that is not there: %v", err)
	}
	for _, kv := range []string{"LD_LIBRARY_PATH=/x", "LD_PRELOAD=/x.so", "MALLOC_PERTURB_=1", "GLIBC_TUNABLES=x"} {
		if _, err := r.Run(t.Context(), Request{Args: []string{exe}, Dir: dir, Env: lib.Env([]string{kv}, nil)}); !errors.Is(err, ErrUnsuitable) {
			t.Errorf("%s: %v", kv, err)
		}
	}
	script := filepath.Join(write(t, "cc", "#!/bin/sh\n"), "cc")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := StartResident(t.Context(), lib, script, nil); !errors.Is(err, ErrNotResident) {
		t.Errorf("script: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Run(t.Context(), Request{Args: []string{exe}, Dir: dir}); !errors.Is(err, ErrNotResident) {
		t.Errorf("after close: %v", err)
	}
}

// What a request starts is traced, and gone when the request is.
func TestRequestChildren(t *testing.T) {
	t.Parallel()
	exe, dir := stateProgram(t)
	add(t, dir, "file", "content")
	r, lib := theResident(t, exe)
	trace, err := NewTrace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	if _, got := output(t, r, Request{Args: []string{exe, "start", "file"}, Dir: dir, Env: lib.Env(testEnv(), trace)}); got != "content" {
		t.Errorf("printed %q", got)
	}
	o := NewReader(dir).Observe(trace, nil, nil)
	expect(t, "read", o.Read, "file")
	if !o.Complete {
		t.Error(o.WhyNot)
	}
	var pid int
	q := Request{Args: []string{exe, "leave"}, Dir: dir, Started: func(p int) { pid = p }}
	if _, err := r.Run(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	waitGone(t, pid)
}

// waitGone waits until a process group has no member but zombies.
func waitGone(t testing.TB, group int) {
	t.Helper()
	testkit.Until(t, fmt.Sprintf("the end of group %d", group), func() bool { return len(testkit.GroupMembers(t, group)) == 0 })
}

func TestCancelledRequest(t *testing.T) {
	t.Parallel()
	exe, dir := stateProgram(t)
	r, _ := theResident(t, exe)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	var pid int
	res, err := r.Run(ctx, Request{Args: []string{exe, "hang"}, Dir: dir, Started: func(p int) { pid = p; cancel(why) }})
	if err != nil || res.Stopped != why || res.Killed {
		t.Errorf("%+v, %v", res, err)
	}
	waitGone(t, pid)
	if res, _ := output(t, r, Request{Args: []string{exe}, Dir: dir}); res.Exit != 0 {
		t.Errorf("after that: %+v", res)
	}
}

// A resident that ends takes along what it has started, and is replaced.
func TestResidentDies(t *testing.T) {
	t.Parallel()
	exe, dir := stateProgram(t)
	lib := libraryFor(t, exe)
	set := NewResidents(nil)
	defer set.Close()
	pidOf := func() int { return append(set.Pids()[exe], 0)[0] }
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		var pid int
		_, err := set.Run(t.Context(), lib, exe, Request{Args: []string{exe, "hang"}, Dir: dir, Started: func(p int) {
			pid = p
			_ = unix.Kill(pidOf(), sig)
		}})
		if !errors.Is(err, ErrNotResident) {
			t.Errorf("%v: %v", sig, err)
		}
		testkit.Until(t, "the end of the child", func() bool { return unix.Kill(pid, 0) != nil })
		if sig == unix.SIGTERM {
			waitGone(t, pid) // its children too
		} else {
			_ = unix.Kill(-pid, unix.SIGKILL)
		}
		if res, err := set.Run(t.Context(), lib, exe, Request{Args: []string{exe, "exit", "3"}, Dir: dir}); err != nil || res.Exit != 3 {
			t.Errorf("its replacement: %+v, %v", res, err)
		}
	}
}

// A program whose file has changed gets a new resident; so does one that was released.
func TestResidentIsReplaced(t *testing.T) {
	t.Parallel()
	dir := write(t, "1.c", "int main(void) { return 1; }", "2.c", "int main(void) { return 2; }")
	exe := compileC(t, dir, "cc", "1.c")
	lib := libraryFor(t, exe)
	set := NewResidents(nil)
	defer set.Close()
	do := func(want int) int {
		t.Helper()
		res, err := set.Run(t.Context(), lib, exe, Request{Args: []string{exe}, Dir: dir})
		if err != nil || res.Exit != want {
			t.Errorf("got %+v, %v, want %d", res, err, want)
		}
		return append(set.Pids()[exe], 0)[0]
	}
	first := do(1)
	if again := do(1); again != first {
		t.Errorf("a second resident for nothing: %d, %d", first, again)
	}
	compileC(t, dir, "new", "2.c")
	if err := os.Rename(filepath.Join(dir, "new"), exe); err != nil {
		t.Fatal(err)
	}
	second := do(2)
	testkit.Until(t, "the first one's end", func() bool { return unix.Kill(first, 0) != nil })
	set.Release()
	testkit.Until(t, "the second one's end", func() bool { return unix.Kill(second, 0) != nil })
	do(2)
}

// One that does not begin is tried again, because an upgrade of its libraries may have
// come between, but not for ever.
func TestResidentRefused(t *testing.T) {
	t.Parallel()
	dir := write(t, "c.c", `#include <unistd.h>
__attribute__((constructor)) static void leave(void) { if (access(PATH, F_OK)) _exit(1); }
int main(void) { return 0; }`)
	path := filepath.Join(dir, "now")
	exe := compileC(t, dir, "cc", "c.c", fmt.Sprintf("-DPATH=%q", path))
	lib := libraryFor(t, program(t, "gcc"))
	set := NewResidents(nil)
	defer set.Close()
	run := func() error {
		_, err := set.Run(t.Context(), lib, exe, Request{Args: []string{exe}, Dir: dir})
		return err
	}
	for range maxDeaths - 1 {
		if err := run(); !errors.Is(err, ErrNotResident) || errors.Is(err, ErrRefused) {
			t.Errorf("it does not begin: %v", err)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(); err != nil {
		t.Errorf("it does now: %v", err)
	}
	set.Release()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	var last error
	for range maxDeaths {
		last = run()
	}
	if !errors.Is(last, ErrNotResident) || !errors.Is(last, ErrRefused) {
		t.Errorf("after the last trial: %v", last)
	}
	if err := run(); err != last {
		t.Errorf("it was tried once more: %v", err)
	}
}

// Who builds the tracer beside others does not take it from those who use theirs.
func TestBuiltOnce(t *testing.T) {
	t.Parallel()
	exe := program(t, "gcc")
	b := Builder{Dir: t.TempDir(), Env: testEnv()}
	lib, err := b.Build(t.Context(), exe)
	if err != nil {
		t.Fatal(err)
	}
	kind, err1 := kindOf(exe)
	before, err2 := signatureOf(lib.Path)
	err3 := b.compile(t.Context(), exe, kind, lib.Path)
	after, err4 := signatureOf(lib.Path)
	if err := errors.Join(err1, err2, err3, err4); err != nil || before != after {
		t.Errorf("%v became %v: %v", before, after, err)
	}
}

func openDescriptors(t testing.TB, pid int) int {
	t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// residentMemory is what a process holds that is its own, in KiB.
func residentMemory(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// compiles is how often TestNothingLeaks compiles its unit. A thousand take 20 s on two
// idle cores: `go test -run NothingLeaks -compiles 1000`.
var compiles = flag.Int("compiles", 120, "compiles of the same unit through one resident")

// The same unit again and again, four at a time: identical objects, and the resident
// stays as it was.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	rounds := *compiles / 4
	if testing.Short() {
		rounds = 10
	}
	exe := program(t, "clang-19")
	r, lib := theResident(t, exe)
	dir := write(t, "a.c", "#include \"a.h\"\nint main(void) { return F; }\n", "a.h", "#define F 0\n")
	args := []string{exe, "-g", "-c", "a.c", "-o"}
	if out, err := run(t.Context(), time.Minute, testEnv(), dir, exe, append(args[1:], "plain.o")...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(filepath.Join(dir, "plain.o"))
	if err != nil {
		t.Fatal(err)
	}
	compile := func(name string) {
		trace, err := NewTrace()
		if err != nil {
			t.Error(err)
			return
		}
		defer trace.Close()
		res, err := r.Run(t.Context(), Request{Args: append(args[:5:5], name), Dir: dir, Env: lib.Env(testEnv(), trace)})
		got, _ := os.ReadFile(filepath.Join(dir, name))
		o := NewReader(dir).Observe(trace, []string{name}, nil)
		if err != nil || res.Exit != 0 || !bytes.Equal(got, want) || !o.Complete || len(beneath(o.Read)) != 2 {
			t.Errorf("%s: %+v, %v, same object: %v, %s, read %q", name, res, err, bytes.Equal(got, want), o.WhyNot, beneath(o.Read))
		}
	}
	compile("first.o")
	descriptors, memory := openDescriptors(t, r.Pid()), residentMemory(t, r.Pid())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range rounds {
				compile(fmt.Sprintf("%d.o", i))
			}
		})
	}
	wg.Wait()
	if now := openDescriptors(t, r.Pid()); now != descriptors {
		t.Errorf("%d descriptors, then %d", descriptors, now)
	}
	if now := residentMemory(t, r.Pid()); now > memory+16 { // KiB
		t.Errorf("%d KiB, then %d", memory, now)
	}
}

// Linkers stay resident as compilers do.
func TestResidentLinkers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ld.lld-19", "mold"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exe := program(t, name)
			dir := write(t, "a.c", "int f(void); void _start(void) { f(); for (;;) ; }", "b.c", "int f(void) { return 0; }")
			compileC(t, dir, "a.o", "-c", "-fno-stack-protector", "a.c")
			compileC(t, dir, "b.o", "-c", "b.c")
			args := func(out string) []string {
				return []string{"ld." + strings.TrimPrefix(name, "ld."), "a.o", "b.o", "-o", out}
			}
			if out, err := run(t.Context(), time.Minute, testEnv(), dir, exe, args("plain")[1:]...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			r, lib := theResident(t, exe)
			trace, err := NewTrace()
			if err != nil {
				t.Fatal(err)
			}
			defer trace.Close()
			for range 3 {
				env := testEnv()
				if _, err := os.Stat(dir + "/warm"); err != nil {
					env = lib.Env(env, trace)
				}
				if res, text := output(t, r, Request{Args: args("warm"), Dir: dir, Env: env}); res.Exit != 0 {
					t.Fatalf("%+v\n%s", res, text)
				}
			}
			plain, err1 := os.ReadFile(dir + "/plain")
			warm, err2 := os.ReadFile(dir + "/warm")
			if err := errors.Join(err1, err2); err != nil || !bytes.Equal(plain, warm) {
				t.Errorf("different outputs, %v", err)
			}
			o := NewReader(dir).Observe(trace, []string{"warm"}, nil)
			expect(t, "read", o.Read, "a.o b.o")
			if !o.Complete {
				t.Error(o.WhyNot)
			}
		})
	}
}
