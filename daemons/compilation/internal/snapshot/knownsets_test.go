package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/stamps"
)

// A file is compared by what it is now, whatever was remembered: rewritten in place with the
// same size and time, replaced, removed, touched, written within a tick of the look, and in a
// folder that is another one. Misses count for every spelling of their folder.
func TestKnownSets(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "inc")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	settle := func() {
		for old := stamps.Now(); stamps.Now() < old+int64(2*stamps.Tick); {
			time.Sleep(stamps.Tick)
		}
	}
	must(os.Mkdir(dir, 0o755))
	set := cache.InputSet{Misses: []cache.Miss{{Dir: "inc", Names: []string{"no.h"}}, {Dir: dir, Names: []string{"other.h"}}}}
	file := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.h", i)) }
	for i := range 12 {
		must(os.WriteFile(file(i), []byte("old"), 0o600))
		set.Inputs = append(set.Inputs, cache.Input{Path: fmt.Sprintf("inc/%d.h", i), Digest: cache.HashBytes([]byte("old"))})
	}
	var known KnownSets
	hashes := NewHashCache(time.Now)
	check := func(when, want string) {
		t.Helper()
		for range 2 {
			got := ""
			if d := New(root, nil, NewInterner(), hashes).CompareStored(set, &known); d != nil {
				got = filepath.Base(d.Path)
			}
			if got != want {
				t.Errorf("%s: %q differs, want %q", when, got, want)
			}
		}
	}
	check("just written", "")
	must(os.WriteFile(file(1), []byte("new"), 0o600))
	check("rewritten within a tick", "1.h")
	must(os.WriteFile(file(1), []byte("old"), 0o600))
	settle()
	check("settled", "")
	info, err := os.Stat(file(3))
	must(err)
	must(os.WriteFile(file(3), []byte("new"), 0o600))
	must(os.Chtimes(file(3), info.ModTime(), info.ModTime()))
	check("with the old time", "3.h")
	must(os.WriteFile(file(3), []byte("old"), 0o600))
	check("as before", "")
	settle()
	must(os.Remove(file(5)))
	check("removed", "5.h")
	must(os.WriteFile(file(5)+".tmp", []byte("new"), 0o600))
	must(os.Rename(file(5)+".tmp", file(5)))
	check("replaced", "5.h")
	must(os.WriteFile(file(5), []byte("old"), 0o600))
	settle()
	check("as before", "")
	must(os.WriteFile(filepath.Join(dir, "other.h"), nil, 0o600))
	check("appeared under the absolute name", "other.h")
	must(os.Remove(filepath.Join(dir, "other.h")))
	must(os.WriteFile(filepath.Join(dir, "no.h"), nil, 0o600))
	check("appeared under the relative name", "no.h")
	must(os.Remove(filepath.Join(dir, "no.h")))
	check("gone again", "")
	settle()
	check("settled", "")
	must(os.Rename(dir, dir+".old"))
	must(os.Mkdir(dir, 0o755))
	check("another folder", "0.h")
}
