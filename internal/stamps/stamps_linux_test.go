package stamps

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"golang.org/x/sys/unix"
)

// TestIsBeingWritten: a file is being written while it is open for writing, and while it
// is mapped for writing after it was closed.
func TestIsBeingWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.h")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(path, []byte("12345678"), 0o644))
	reader, err := os.Open(path)
	must(err)
	defer reader.Close()
	check := func(want bool, when string) {
		t.Helper()
		if IsBeingWritten(reader) != want {
			t.Errorf("%s: being written %v, want %v", when, !want, want)
		}
	}
	check(false, "nobody has it open")
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	must(err)
	check(true, "open for writing")
	memory, err := unix.Mmap(int(writer.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(err)
	must(writer.Close())
	check(true, "mapped for writing, and closed")
	must(unix.Munmap(memory))
	check(false, "no longer mapped")
}

// TestCoarse: a change time without nanoseconds, or on a file system that stamps with
// another clock, is believed two seconds later than others.
func TestCoarse(t *testing.T) {
	t.Parallel()
	var disks Disks
	const at = int64(1_700_000_000_000_000_000)
	dir := t.TempDir()
	dev := ipc.StatSignature(dir).Dev
	proc := ipc.StatSignature("/proc/self/stat")
	for _, tt := range []struct {
		name    string
		path    string
		sig     ipc.Signature
		age     time.Duration
		settled bool
	}{
		{"whole second, young", dir, ipc.Signature{Dev: dev, Ino: 1, Ctime: at}, Coarse, false},
		{"whole second, old", dir, ipc.Signature{Dev: dev, Ino: 1, Ctime: at}, Coarse + Tick, true},
		{"remote, young", "/proc/self/stat", ipc.Signature{Dev: proc.Dev, Ino: 1, Ctime: at + 1}, Coarse, false},
		{"remote, old", "/proc/self/stat", ipc.Signature{Dev: proc.Dev, Ino: 1, Ctime: at + 1}, Coarse + Tick, true},
		{"from the future", dir, ipc.Signature{Dev: dev, Ino: 1, Ctime: at + 1}, -time.Hour, false},
	} {
		if got := disks.IsSettled(tt.path, tt.sig, tt.sig.Ctime+int64(tt.age)); got != tt.settled {
			t.Errorf("%s: settled %v", tt.name, got)
		}
	}
}
