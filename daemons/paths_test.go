package daemons

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/ipc"
)

func TestSetIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, root := range []string{"/", "/a/p", "/b/p", "/a/ü" + strings.Repeat("ß", 200), "/a/with space"} {
		id := NewPaths("/h", root).Set
		if other := seen[id]; other != "" {
			t.Errorf("%s and %s have the set %s", root, other, id)
		}
		seen[id] = root
		if len(id) > maxSetName+9 || !utf8.ValidString(id) || strings.ContainsRune(id, '/') {
			t.Errorf("set %q of %s", id, root)
		}
	}
	if id := NewPaths("/h", "").Set; id != "" {
		t.Errorf("no project has the set %q", id)
	}
}

func TestFindRoot(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "p")
	deep := filepath.Join(root, "src", "deep")
	if err := os.MkdirAll(filepath.Join(deep, projectFile), 0o755); err != nil { // a folder of that name is no project
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, projectFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(deep, link); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{root, deep, link} {
		if got, err := FindRoot(from); err != nil || got != root {
			t.Errorf("from %s: %s, %v", from, got, err)
		}
	}
	for _, from := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := FindRoot(from); ipc.CodeOf(err) != ipc.CodeNoProject {
			t.Errorf("from %s: %v", from, err)
		}
	}
}

func TestCrashesLoopOnlyWhenFast(t *testing.T) {
	t.Parallel()
	var r restartHistory
	now := time.Now()
	for i := range crashLimit + 2 {
		if want := i >= crashLimit; r.looping(now) != want {
			t.Errorf("after %d crashes: looping %v", i, !want)
		}
		now = now.Add(time.Second)
		r = r.crashed(now)
	}
	if r.looping(now.Add(crashWindow)) {
		t.Error("still looping after the window")
	}
	if r.looping(now.Add(-time.Hour)) {
		t.Error("a clock that was set back keeps the daemon from starting")
	}
}

func TestLockIsOneAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "x.lock")
	if isLocked(path) {
		t.Error("a missing file is locked")
	}
	l, err := tryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryLock(path); !errors.Is(err, filelock.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if !isLocked(path) || !l.inPlace() {
		t.Error("a held lock does not show")
	}
	long := holder{Process: identity{PID: 7, BootID: strings.Repeat("x", 500)}}
	short := holder{Process: identity{PID: 8}, Stopping: true}
	for _, h := range []holder{long, short} {
		if err := l.write(h); err != nil {
			t.Fatal(err)
		}
		if got := readHolder(path); got != h {
			t.Errorf("holder %+v, want %+v", got, h)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if l.inPlace() {
		t.Error("a deleted lock file is in place")
	}
	if err := l.release(); err != nil {
		t.Fatal(err)
	}
	again, err := tryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.release()
	if isLocked(path) {
		t.Error("a released lock is held")
	}
}
