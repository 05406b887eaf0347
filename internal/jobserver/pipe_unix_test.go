//go:build unix

package jobserver

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/RepliBuild/replibuild/internal/testkit"
)

func TestPipe(t *testing.T) {
	t.Parallel()
	path, held := testkit.Jobserver(t, "ab")
	p, err := Open("fifo:" + path)
	if err != nil {
		t.Fatal(err)
	}
	one, rest := p.Take(1), p.Take(8)
	if string(one) != "a" || string(rest) != "b" || len(p.Take(0)) != 0 || len(p.Take(8)) != 0 {
		t.Errorf("took %q, then %q", one, rest)
	}
	free, stop := p.Watch()
	select {
	case <-free:
		t.Error("a slot is free in an empty pipe")
	default:
	}
	if err := p.GiveBack(one); err != nil {
		t.Error(err)
	}
	<-free
	stop()
	if got := p.Take(8); string(got) != "a" {
		t.Errorf("took %q after the wait", got)
	}
	_, stop = p.Watch()
	stop() // although no slot is free
	if err := p.CloseRead(); err != nil {
		t.Error(err)
	}
	held.Close()
	if err := p.GiveBack(rest); err == nil {
		t.Error("given back to a make that has died")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for auth, want := range map[string]error{
		"fifo:" + file: ErrNotPipe, "fifo:" + file + ".gone": fs.ErrNotExist, "name": ErrNotPipe, "": ErrNotPipe,
	} {
		if _, err := Open(auth); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", auth, err, want)
		}
	}
	for _, auth := range []string{"-2,-2", "1000,1001", "x,y"} {
		if _, err := Open(auth); err == nil {
			t.Errorf("%q was opened", auth)
		}
	}
}
