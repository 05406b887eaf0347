package tui

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary builds the real program once for all tests that run it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "replibuild-tui-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "replibuild") // daemons are started from a program of this name
	out, err := exec.Command("go", "build", "-o", path, "../cmd/replibuild").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binaryIfBuilt(); err == nil && path != "" {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// built notes that binary was called, so that TestMain does not build it to delete it.
var built struct {
	sync.Mutex
	yes bool
}

func binaryIfBuilt() (string, error) {
	built.Lock()
	defer built.Unlock()
	if !built.yes {
		return "", nil
	}
	return binary()
}

// program is the path of the real program.
func program(t testing.TB) string {
	t.Helper()
	built.Lock()
	built.yes = true
	built.Unlock()
	path, err := binary()
	if err != nil {
		t.Fatalf("build the program: %v", err)
	}
	return path
}
