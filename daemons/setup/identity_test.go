package setup

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
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

// Another hard link to a compiler, such as perf makes for its cache, is no other compiler; an
// edit in place that keeps size and time is one.
func TestIdentityIsContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "libhuge.so")
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	s := newState()
	digest := func() string {
		all, err := s.digests([]string{file}, ipc.StatSignature)
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	before, sig := digest(), ipc.StatSignature(file)
	if err := os.Link(file, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if ipc.StatSignature(file) == sig {
		t.Fatal("the new link does not show in the signature, so this test shows nothing")
	}
	if digest() != before {
		t.Error("another hard link changes the identity")
	}
	content[len(content)/2] ^= 1
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(content[len(content)/2:len(content)/2+1], int64(len(content)/2))
	if err := errors.Join(err, f.Close(), os.Chtimes(file, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if digest() == before {
		t.Error("an edit in place with the time of before does not change the identity")
	}
}

func FuzzLoaderCache(f *testing.F) {
	if text, err := os.ReadFile("/etc/ld.so.cache"); err == nil && len(text) < 1<<20 {
		f.Add(text)
	}
	f.Add([]byte("glibc-ld.so.cache1.1"))
	f.Fuzz(func(_ *testing.T, text []byte) { parseLoaderCache(text) })
}
