package setup

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestUnreadableFolder runs as root too: the thread gives up its rights to files.
func TestUnreadableFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "-- replibuild.toml --\n[compilation]\nsource_dirs = [\"src\"]\n-- src/a.cpp --\n-- src/secret/b.cpp --\n")
	if err := os.Chmod(filepath.Join(w.root, "src/secret"), 0); err != nil {
		t.Fatal(err)
	}
	for dir := w.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755) // those that are not ours are open
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := syscall.Setfsuid(65534)
		if err == nil {
			_, err = w.tryPlan()
		}
		done <- err
	}()
	err := <-done
	if err == nil {
		t.Fatal("a plan was made without a folder that cannot be read")
	}
	want := `replibuild.toml:2:16: src cannot be listed: src/secret: permission denied (make it readable, or leave it out)`
	if got := problemText(err); !strings.Contains(got, want) {
		t.Errorf("got %s", got)
	}
}
