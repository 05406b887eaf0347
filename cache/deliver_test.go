package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// What lies at the destination is replaced, never written through.
func TestDeliveryReplaces(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	o := put(t, s, action(1), 300).Outputs[0]
	want := content(action(1), 300)
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, lay := range map[string]func(string) error{
		"nothing":       func(string) error { return nil },
		"file":          func(p string) error { return os.WriteFile(p, []byte("old"), 0o400) },
		"link":          func(p string) error { return os.Symlink(victim, p) },
		"dangling link": func(p string) error { return os.Symlink(filepath.Join(dir, "none"), p) },
		"hard link":     func(p string) error { return os.Link(victim, p) },
	} {
		dst := filepath.Join(dir, name)
		if err := lay(dst); err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(o, dst); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		info, err := os.Lstat(dst)
		got, readErr := os.ReadFile(dst)
		if err != nil || readErr != nil || !info.Mode().IsRegular() || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %v, %v", name, info.Mode(), err, readErr)
		}
		if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
			t.Errorf("%s: the victim has %q, %v", name, text, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Error("a dangling link was written through")
	}
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "with"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(o, folder); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("delivered over a folder: %v", err)
	}
	for _, path := range files(t, dir) {
		if filepath.Base(path)[0] == '.' {
			t.Errorf("left behind: %s", path)
		}
	}
	mustGet(t, s, action(1), 300)
}

// A tool that changes a delivered object (strip, objcopy) does not change the cache.
func TestChangedObjectLeavesTheCacheAlone(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	o := put(t, s, action(1), 300).Outputs[0]
	dst := filepath.Join(t.TempDir(), "x.o")
	for range 3 { // the later ones from a blob that was checked before
		if err := s.Deliver(o, dst); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(dst, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt([]byte("stripped"), 0)
		f.Close()
		mustGet(t, s, action(1), 300)
	}
}

func TestDeliveryOfAMissingBlob(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	e := put(t, s, action(1), 300)
	if err := os.Remove(s.file("blobs", e.Outputs[0].Blob)); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "x.o")
	if err := s.Deliver(e.Outputs[0], dst); !errors.Is(err, ErrDamaged) {
		t.Errorf("deliver: %v", err)
	}
	if _, err := os.Lstat(dst); !os.IsNotExist(err) {
		t.Error("something was delivered")
	}
	mustMiss(t, s, action(1), Evicted)
}

// A program can be run as soon as it has been delivered, whatever is started meanwhile.
func TestDeliveredProgramRuns(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("true")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no program true")
	}
	s := open(t, t.TempDir(), Options{})
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	o := Output{Name: "output", Blob: HashBytes(text), Mode: 0o755}
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	if err := os.WriteFile(from, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := putFiles(s, &Entry{Action: action(1), Outputs: []Output{o}}, map[string]string{"output": from}); err != nil {
		t.Fatal(err)
	}
	e, _ := s.Get(action(1))
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	for range 4 {
		others.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, program).Run()
			}
		})
	}
	for i := range 300 {
		dst := filepath.Join(dir, fmt.Sprint(i))
		if err := s.Deliver(e.Outputs[0], dst); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command(dst).Run(); err != nil {
			t.Fatalf("run %d: %v", i, err)
		}
	}
}
