package process

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/internal/rootid"
)

// Two services may find the same dead one, and remove its lease at the same time.
func TestLeaseIsRemovedByAnother(t *testing.T) {
	t.Parallel()
	about := filepath.Join(t.TempDir(), "x"+leaseAbout)
	if err := os.WriteFile(about, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := removeLease(about); err != nil {
			t.Error(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(about, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removeLease(about); err == nil {
		t.Error("no error though it is still there")
	}
}

// The next service looks at the path of the project: the lease of one that runs is found there when
// another folder was put in its place, and when the state was deleted.
func TestLeaseFollowsTheProject(t *testing.T) {
	t.Parallel()
	root, other := filepath.Join(t.TempDir(), "p"), filepath.Join(t.TempDir(), "q")
	for _, dir := range []string{root, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	exchange := func() error {
		return unix.Renameat2(unix.AT_FDCWD, root, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
	}
	leases := filepath.Join(root, ".replibuild", "state", "leases")
	l, err := NewLease(leases, root, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, change := range []func() error{exchange, exchange, func() error { return os.RemoveAll(leases) }} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := l.EndDead(t.Context()); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(l.path(leaseAbout))
		if err != nil {
			t.Fatal(err)
		}
		var text leaseText
		if err := json.NewDecoder(f).Decode(&text); err != nil || text.Root != rootid.Of(root) {
			t.Errorf("the lease is that of %q, %v", text.Root, err)
		}
		if err := filelock.Exclusive(f); err == nil {
			t.Error("it is not locked")
		}
		f.Close()
	}
}
