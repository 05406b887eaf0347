package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	a, b, c := open(), open(), open()
	if err := errors.Join(Shared(a), Shared(b)); err != nil {
		t.Errorf("two shared locks: %v", err)
	}
	if err := Exclusive(c); !errors.Is(err, ErrLocked) {
		t.Errorf("an exclusive lock beside shared ones: %v", err)
	}
	a.Close()
	b.Close()
	if err := Exclusive(c); err != nil {
		t.Errorf("after the others were closed: %v", err)
	}
	if err := Shared(open()); !errors.Is(err, ErrLocked) {
		t.Errorf("a shared lock beside an exclusive one: %v", err)
	}
}
