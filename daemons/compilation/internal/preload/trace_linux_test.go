package preload

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// Eight compilers at once, started by a shell, record in one trace.
func TestParallelProcesses(t *testing.T) {
	t.Parallel()
	dir := write(t)
	script, want := "", ""
	for i := range 8 {
		add(t, dir, fmt.Sprintf("u%d.c", i), fmt.Sprintf("#include \"h%d.h\"\n", i), fmt.Sprintf("h%d.h", i), "")
		script += fmt.Sprintf("%s -c u%d.c -o u%d.o &\n", program(t, "gcc"), i, i)
		want += fmt.Sprintf("u%d.c h%d.h ", i, i)
	}
	add(t, dir, "all.sh", script+"wait\n")
	o := traced(t, dir, nil, "sh", "all.sh")
	expect(t, "read", o.Read, want+"all.sh")
	if len(o.Executed) != 1+3*8 {
		t.Errorf("%d processes", len(o.Executed))
	}
}

// What cannot be traced is noticed.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	dir := write(t, "x.c", "int main(void) { return 0; }")
	compileC(t, dir, "static", "-static", "x.c")
	if o := withoutObserver(t, dir, "sh", "-c", "./static; exit 0"); o.Complete || !strings.Contains(o.WhyNot, "1 of 2 programs") {
		t.Errorf("static child: %+v", o)
	}
	if o := traced(t, dir, nil, "sh", "-c", "env -i /bin/cat x.c; exit 0"); !slices.Contains(o.Read, "x.c") {
		t.Errorf("child with an empty environment: %+v", o)
	}
	b := Builder{Dir: built.dir, Env: testEnv()}
	setuid := compileC(t, dir, "setuid", "x.c")
	if err := os.Chmod(setuid, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	for exe, why := range map[string]string{
		setuid: "setuid", filepath.Join(dir, "x.c"): "not an ELF", filepath.Join(dir, "none"): "no such file",
	} {
		if _, err := b.Build(t.Context(), exe); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", exe, err, why)
		}
	}
}

// withoutObserver is observe as it is where the second observer could not be built.
func withoutObserver(t *testing.T, dir, name string, args ...string) Observation {
	t.Helper()
	text, err := os.ReadFile(libraryFor(t, program(t, name)).Path)
	check(t, err)
	lib := Library{Path: filepath.Join(t.TempDir(), "alone.so")}
	check(t, os.WriteFile(lib.Path, text, 0o700))
	trace, err := NewTrace()
	check(t, err)
	defer trace.Close()
	if out, err := run(t.Context(), time.Minute, lib.Env(testEnv(), trace), dir, program(t, name), args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return NewReader(dir).Observe(trace, nil, nil)
}

func TestOverflow(t *testing.T) {
	t.Parallel()
	dir := write(t, "a.c", "int a;")
	exe := program(t, "gcc")
	trace, err := newTrace(1024)
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	out, err := run(t.Context(), time.Minute, libraryFor(t, exe).Env(testEnv(), trace), dir, exe, "-c", "a.c")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if o := NewReader(dir).Observe(trace, nil, nil); o.Complete || !strings.Contains(o.WhyNot, "were recorded") {
		t.Errorf("complete %v: %s", o.Complete, o.WhyNot)
	}
}

func TestTraceOfNothing(t *testing.T) {
	t.Parallel()
	trace, err := NewTrace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	if o := NewReader("/").Observe(trace, nil, nil); o.Complete {
		t.Error("a trace that nobody wrote is complete")
	}
}

// A record whose writer was killed ends what can be read, whatever follows.
func TestTornTrace(t *testing.T) {
	t.Parallel()
	trace, err := newTrace(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	h := trace.head()
	h.attached, h.tail = 1, uint64(headSize)+64
	if o := NewReader("/").Observe(trace, nil, nil); o.Complete || !strings.Contains(o.WhyNot, "killed") {
		t.Errorf("complete %v: %s", o.Complete, o.WhyNot)
	}
}

func TestSourceHasNoWarnings(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, cxx string) {
		cc := program(t, map[bool]string{true: "gcc", false: "clang-19"}[isGCC(cxx)])
		files, err := filepath.Glob("csrc/*.c")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		strict := []string{"-Werror", "-Wshadow", "-Wstrict-prototypes"}
		args := append(append(slices.Clone(strict), flags...), files...)
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		observer, err := filepath.Glob("csrc/observer/*.c")
		if err != nil || len(observer) == 0 {
			t.Fatal(observer, err)
		}
		for _, name := range shared {
			observer = append(observer, "csrc/"+name)
		}
		for _, args := range [][]string{args, append(append(strict, observerFlags...), append(observer, "-DREPLIBUILD_OBSERVER")...)} {
			out, err := run(t.Context(), buildLimit, testEnv(), dir, cc, append(args, "-o", os.DevNull)...)
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		}
	})
}

// The object is built once for a compiler, and again for another.
func TestBuildIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := Builder{Dir: dir, Env: testEnv(), Compilers: []string{program(t, "gcc")}, brought: fstest.MapFS{}}
	exe := program(t, "sh")
	first, err := b.Build(t.Context(), exe)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Build(t.Context(), exe)
	now, _ := os.Stat(again.Path)
	if err != nil || again != first || !now.ModTime().Equal(st.ModTime()) {
		t.Errorf("built again: %v, %v", again, err)
	}
	bin := t.TempDir()
	if err := os.Symlink(program(t, "clang-19"), bin+"/cc"); err != nil {
		t.Fatal(err)
	}
	b.Env = append(b.Env, "PATH="+bin+":/usr/bin:/bin")
	if other, err := b.Build(t.Context(), exe); err != nil || other == first {
		t.Errorf("the other compiler's: %v, %v", other, err)
	}
	if left, _ := filepath.Glob(dir + "/build-*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	b.Compilers, b.Env = nil, []string{"PATH=/nowhere"}
	if _, err := b.Build(t.Context(), exe); err == nil {
		t.Error("built without a compiler")
	}
}
