package discovery

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// TestAuditFindsWhatNoEventTells: a write through a shared mapping.
func TestAuditFindsWhatNoEventTells(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.WatchInterval = 10 * time.Millisecond })
	tr.write("inc/a.h", strings.Repeat("x", 4096))
	tr.record(nodeSpec{id: "n", inputs: []string{"inc/a.h"}})
	tr.expect()
	f, err := os.OpenFile(tr.abs("inc/a.h"), os.O_RDWR, 0)
	tr.must(err)
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	tr.must(err)
	m[0] = 'y'
	tr.must(unix.Munmap(m))
	tr.events.await(t, func(b ipc.EventBody) bool {
		c, ok := b.(ipc.FilesChanged)
		return ok && slices.Equal(c.Paths, []string{"inc/a.h"}) && c.Dirty == 1 && slices.Equal(c.Units, []string{"n"})
	})
	tr.expect("n: changed inc/a.h")
}

func TestWithoutWatching(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.Watch, c.CookieDir = false, "" })
	tr.unit()
	tr.record(nodeSpec{id: "plan", listings: [][2]string{{"src", "**"}}})
	if r := tr.expect(); r.Mode != modeStat || r.Scanned < 3 {
		t.Errorf("%+v, want three files looked at", r)
	}
	tr.write("none/deep/a.h", "")
	tr.write("src/x/y.cpp", "")
	tr.expect("app:src/main.cpp: appeared none/deep/a.h", "plan: listing src")
	tr.reopen()
	tr.expect("app:src/main.cpp: appeared none/deep/a.h", "plan: listing src")
	if got := tr.stats().Watched; got != 0 {
		t.Errorf("%d folders watched", got)
	}
}

// TestOverflow stops the loop while more happens than the kernel keeps events for.
func TestOverflow(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.service.acquire()
	for i := range overflowing(t) {
		tr.must(os.Chmod(tr.abs("early"), os.FileMode(0o700|i%2)))
		tr.must(os.Chmod(tr.abs("inc"), os.FileMode(0o700|i%2)))
	}
	tr.write("inc/a.h", "lost")
	tr.remove("early")
	tr.write("early/a.h", "lost")
	tr.service.unlock()
	got := causes(tr.sync())["app:src/main.cpp"]
	if slices.Sort(got); !slices.Equal(got, []string{"appeared early/a.h", "changed inc/a.h"}) {
		t.Errorf("causes after an overflow: %q", got)
	}
	if st := tr.stats(); st.Overflows == 0 {
		t.Errorf("%+v: no overflow was seen", st)
	}
	tr.remove("early/a.h")
	tr.expect("app:src/main.cpp: changed inc/a.h")
}

// overflowing is how many pairs of changes make more events than the queue holds.
func overflowing(t *testing.T) int {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Skip("no inotify: ", err)
	}
	var n int
	fmt.Sscan(string(text), &n)
	if n > 1<<17 {
		t.Skipf("the queue holds %d events", n)
	}
	return n
}

// TestWatchLimit fails the adding of watches as a full kernel does.
func TestWatchLimit(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) {
		c.wrapAdd = func(w *fsnotify.Watcher) func(string) error {
			return func(dir string) error {
				if strings.HasSuffix(dir, "/inc") || strings.HasSuffix(dir, "/early") {
					return syscall.ENOSPC
				}
				return w.Add(dir)
			}
		}
	})
	tr.unit()
	if r := tr.expect(); r.Mode != modeWatch || r.Scanned == 0 {
		t.Errorf("%+v: want looks at what is not watched", r)
	}
	tr.write("inc/a.h", "x")
	tr.write("early/a.h", "x")
	tr.expect("app:src/main.cpp: changed inc/a.h, appeared early/a.h")
	n := tr.events.await(t, func(b ipc.EventBody) bool { _, ok := b.(ipc.Notice); return ok }).(ipc.Notice)
	if n.Level != "warning" || !strings.Contains(n.Message, "max_user_watches = ") || n.Hint == "" {
		t.Errorf("notice %+v", n)
	}
}

// TestRemoteFolders: what a file system without events holds is looked at each time,
// and polled.
func TestRemoteFolders(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.WatchInterval = 20 * time.Millisecond })
	tr.record(nodeSpec{id: "n", inputs: []string{"/proc/self/stat", "/dev/null"}, misses: map[string][]string{"/proc/self": {"nothing"}}})
	r := tr.sync()
	if r.Scanned < 2 {
		t.Errorf("%+v: want /proc and a device looked at", r)
	}
	tr.events.await(t, func(b ipc.EventBody) bool {
		n, ok := b.(ipc.Notice)
		return ok && strings.Contains(n.Message, "do not tell of changes")
	})
}

// TestMountOverFolder: a file system mounted on a folder makes no event there.
func TestMountOverFolder(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.expect()
	if err := syscall.Mount("tmpfs", tr.abs("inc"), "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("cannot mount: ", err)
	}
	defer syscall.Unmount(tr.abs("inc"), syscall.MNT_DETACH)
	tr.expect("app:src/main.cpp: removed inc/a.h")
	tr.write("inc/a.h", "")
	tr.expect("app:src/main.cpp: changed inc/a.h")
	tr.must(syscall.Unmount(tr.abs("inc"), 0))
	tr.expect()
}

// TestUnreadableFolder: a folder that cannot be watched is looked at by each Sync,
// the user is told, and it is tried again.
func TestUnreadableFolder(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	closed.Store(true)
	tr := newTree(t, func(c *Config) {
		c.WatchInterval = 20 * time.Millisecond
		c.wrapAdd = func(w *fsnotify.Watcher) func(string) error {
			return func(dir string) error {
				if strings.HasSuffix(dir, "/inc") && closed.Load() {
					return syscall.EACCES
				}
				return w.Add(dir)
			}
		}
	})
	tr.unit()
	tr.expect()
	tr.events.await(t, func(b ipc.EventBody) bool {
		n, ok := b.(ipc.Notice)
		return ok && strings.Contains(n.Message, "/inc: permission denied")
	})
	tr.write("inc/a.h", "x")
	tr.events.await(t, func(b ipc.EventBody) bool { // by polling
		c, ok := b.(ipc.FilesChanged)
		return ok && slices.Contains(c.Paths, "inc/a.h")
	})
	closed.Store(false)
	for tr.stats().Unverified > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	tr.write("inc/a.h", "y")
	if r := tr.expect("app:src/main.cpp: changed inc/a.h"); r.Scanned != 0 {
		t.Errorf("%+v: want an answer from events", r)
	}
}
