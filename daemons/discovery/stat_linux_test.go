package discovery

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
	"golang.org/x/sys/unix"
)

// TestLookSeesWhatOthersSign: records are signed by other packages.
func TestLookSeesWhatOthersSign(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	os.Symlink("file", filepath.Join(dir, "link"))
	os.Symlink("nowhere", filepath.Join(dir, "dangling"))
	for _, p := range []string{file, dir, filepath.Join(dir, "link"), filepath.Join(dir, "dangling"), filepath.Join(file, "x"), "/dev/null"} {
		if got, want := statAt(unix.AT_FDCWD, p, false).sig, ipc.StatSignature(p); got != want {
			t.Errorf("%s: %+v, want %+v", p, got, want)
		}
		if got, want := statAt(unix.AT_FDCWD, p, true).sig, ipc.LinkSignature(p); got != want {
			t.Errorf("%s itself: %+v, want %+v", p, got, want)
		}
	}
	dangling, itself := statFile(dir, fileKey{base: "dangling"}), statFile(dir, fileKey{"dangling", true})
	plain, device := statFile(dir, fileKey{base: "file"}), statFile("/dev", fileKey{base: "null"})
	if !dangling.linked || itself.linked || !itself.plain() || plain.linked || !plain.plain() || device.plain() {
		t.Error("kinds of files are not told apart")
	}
}

func TestFileSystems(t *testing.T) {
	t.Parallel()
	for path, local := range map[string]bool{"/proc": false, "/sys": false, "/no/such/folder": false} {
		if got := traitsOf(path); got.local != local {
			t.Errorf("%s: %+v, want local %v", path, got, local)
		}
	}
	for name, kind := range map[string]int64{"nfs": 0x6969, "fuse": 0x65735546, "smb2": 0xfe534d42, "9p": 0x01021997, "overlayfs": 0x794c7630, "virtiofs": 0x6a656a63} {
		if localKinds[kind] {
			t.Errorf("%s is taken for local", name)
		}
	}
}

func TestMountsDiffering(t *testing.T) {
	t.Parallel()
	before := "1 0 8:1 / / rw - ext4 x rw\n2 1 0:5 / /proc rw - proc x rw\n"
	after := "1 0 8:1 / / rw - ext4 x rw\n3 1 0:7 / /a\\040b\\134 rw - tmpfs x rw\n"
	got := mountsDiffering(before, after)
	slices.Sort(got)
	if want := []string{`/a b\`, "/proc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := mountsDiffering(after, after); len(got) != 0 {
		t.Errorf("%q differs from itself", got)
	}
}
