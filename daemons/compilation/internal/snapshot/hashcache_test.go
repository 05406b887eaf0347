package snapshot

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// The content of a file that was changed less than a tick ago is not remembered: another
// change within the tick may leave it the same signature.
func TestFreshFileIsNotTrusted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.h")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	sig := ipc.StatSignature(file)
	for _, tt := range []struct {
		age  time.Duration
		kept int
	}{{0, 0}, {stamps.Tick - 1, 0}, {-time.Hour, 0}, {stamps.Tick, 1}} {
		d := NewHashCache(func() time.Time { return time.Unix(0, sig.Ctime).Add(tt.age) })
		if got, err := d.Hash(file, sig); err != nil || got.Sig != sig {
			t.Fatal(err)
		}
		if n := len(d.All()); n != tt.kept {
			t.Errorf("read %v after its change: %d pairs are kept, want %d", tt.age, n, tt.kept)
		}
	}
}

// The content of a file that somebody has open for writing is in doubt, and not
// remembered: what is written through a mapping need not change the signature.
func TestFileBeingWrittenIsNotTrusted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.h")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := NewHashCache(func() time.Time { return time.Now().Add(time.Hour) })
	writer, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		if is, err := d.Hash(file, ipc.StatSignature(file)); err != nil || is.doubt == "" || len(d.All()) != 0 {
			t.Errorf("open for writing: %v, doubt %q, %d pairs are kept", err, is.doubt, len(d.All()))
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if is, err := d.Hash(file, ipc.StatSignature(file)); err != nil || is.doubt != "" || len(d.All()) != 1 {
		t.Errorf("closed: %v, doubt %q, %d pairs are kept", err, is.doubt, len(d.All()))
	}
}

// The content of a file whose stamp has no nanoseconds is in doubt for two seconds.
func TestCoarseStampIsNotTrusted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := New(dir, nil, NewInterner(), NewHashCache(time.Now))
	id := v.Interner.PathNumber("a.h")
	*v.at(id) = seenPath{hashed: true, doubt: tooYoung}
	set := v.Interner.Pack(InputSet{Files: []cache.Input{{Path: "a.h"}}})
	if got, want := v.Changed(set), "a.h "+tooYoung; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
