package preload

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// built is the object for each executable, built once for all tests.
var built = struct {
	sync.Mutex
	dir  string
	libs map[string]Library
}{libs: make(map[string]Library)}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "preload-test-")
	if err != nil {
		panic(err)
	}
	built.dir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// program is the path of a program; the test is skipped where there is none.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here", name)
	}
	return path
}

// libraryFor builds the object for a program.
func libraryFor(t testing.TB, exe string) Library {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if lib, ok := built.libs[exe]; ok {
		return lib
	}
	lib, err := Builder{Dir: built.dir, Env: testEnv()}.Build(t.Context(), exe)
	if err != nil {
		t.Fatal(err)
	}
	built.libs[exe] = lib
	return lib
}

// testEnv is an environment that says nothing of the developer's machine.
func testEnv(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, more...)
}

// write makes files, and their folders, beneath a new folder: name, text, name, text.
func write(t testing.TB, files ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, files...)
	return dir
}

func add(t testing.TB, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(files[i+1]), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// traced runs a program in a folder and returns what it did; outputs are those declared.
func traced(t testing.TB, dir string, outputs []string, name string, args ...string) Observation {
	t.Helper()
	o := observe(t, dir, outputs, name, args...)
	if !o.Complete {
		t.Fatalf("%s %s: not complete: %s", name, args, o.WhyNot)
	}
	return o
}

func observe(t testing.TB, dir string, outputs []string, name string, args ...string) Observation {
	t.Helper()
	exe := program(t, name)
	lib := libraryFor(t, exe)
	trace, err := NewTrace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	out, err := run(t.Context(), time.Minute, lib.Env(testEnv(), trace), dir, exe, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args, err, out)
	}
	return NewReader(dir).Observe(trace, outputs, nil)
}

// beneath are the paths that lie in the reader's root, sorted.
func beneath(paths []string) []string {
	var out []string
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// expect compares the paths beneath the root with a list of words.
func expect(t *testing.T, what string, paths []string, want string) {
	t.Helper()
	w := strings.Fields(want)
	slices.Sort(w)
	if got := beneath(paths); !slices.Equal(got, w) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, w)
	}
}
