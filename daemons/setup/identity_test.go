package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestIdentityFollowsLibraries replaces a library that a compiler loads and leaves
// the compiler alone.
func TestIdentityFollowsLibraries(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs ELF")
	}
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	unpack(t, dir, "-- inner.c --\nint inner(void) { return 1; }\n-- outer.c --\nint inner(void);\nint outer(void) { return inner(); }\n"+
		"-- main.c --\nint outer(void);\nint main(void) { return outer(); }\n-- lib/ --\n")
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(cc, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	run("-shared", "-fPIC", "-o", "lib/libinner.so", "inner.c")
	run("-shared", "-fPIC", "-o", "lib/libouter.so", "outer.c", "-Llib", "-linner", "-Wl,-rpath,$ORIGIN")
	run("-o", "driver", "main.c", "-Llib", "-louter", "-Wl,-rpath-link,lib", "-Wl,-rpath,$ORIGIN/lib")

	s := newState()
	identity := func() (string, []string) {
		t.Helper()
		w := newWatcher(newStatCache())
		p := &prober{root: dir, state: s}
		id, err := p.identify(w, []string{filepath.Join(dir, "driver")}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return id, sortedKeys(w.Files)
	}
	before, files := identity()
	for _, want := range []string{"driver", "lib/libinner.so", "lib/libouter.so"} {
		if !slices.Contains(files, filepath.Join(dir, want)) {
			t.Errorf("%s is not part of %q", want, files)
		}
	}
	if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(filepath.Base(f), "libc.so") }) {
		t.Errorf("the C library is not part of %q", files)
	}
	if again, _ := identity(); again != before {
		t.Error("the identity changes by itself")
	}
	unpack(t, dir, "-- inner.c --\nint inner(void) { return 2; }\n")
	run("-shared", "-fPIC", "-o", "lib/libinner.so", "inner.c")
	if after, _ := identity(); after == before {
		t.Error("the identity is the same with another library")
	}
}

func TestBuildID(t *testing.T) {
	t.Parallel()
	cc, err := exec.LookPath("gcc")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs gcc and ELF")
	}
	dir := t.TempDir()
	unpack(t, dir, "-- x.c --\nint x;\n")
	build := func(flag string) string {
		out := filepath.Join(dir, "x.so")
		if text, err := exec.Command(cc, "-shared", "-fPIC", flag, "-o", out, filepath.Join(dir, "x.c")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return buildID(out)
	}
	if id := build("-Wl,--build-id=0x0123456789abcdef"); id != "0123456789abcdef" {
		t.Errorf("build id %q", id)
	}
	if id := build("-Wl,--build-id=none"); id != "" {
		t.Errorf("build id %q of a file without one", id)
	}
	if id := buildID(filepath.Join(dir, "x.c")); id != "" {
		t.Errorf("build id %q of a text", id)
	}
}

func FuzzLoaderCache(f *testing.F) {
	if text, err := os.ReadFile("/etc/ld.so.cache"); err == nil && len(text) < 1<<20 {
		f.Add(text)
	}
	f.Add([]byte("glibc-ld.so.cache1.1"))
	f.Fuzz(func(_ *testing.T, text []byte) { parseLoaderCache(text) })
}
