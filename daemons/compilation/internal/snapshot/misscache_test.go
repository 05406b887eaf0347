package snapshot

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/stamps"
)

// A name that appears is seen at once, whatever was remembered: as a file, by way of a link that
// led nowhere, in a folder that was missing, in another folder of that name, and as the folder itself, which
// programs ask for with a slash behind its name.
func TestMissCache(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "inc")
	settle := func() {
		for old := stamps.Now(); stamps.Now() < old+int64(2*stamps.Tick); {
			time.Sleep(stamps.Tick)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var known KnownSets
	set := cache.InputSet{Misses: []cache.Miss{{Dir: "inc", Names: []string{"a.h", "b.h", "link.h"}}, {Dir: "gone", Names: []string{"x.h"}}, {Dir: "tools", Names: []string{"", "as"}}}}
	check := func(want string) {
		t.Helper()
		v := New(root, nil, NewInterner(), NewHashCache(time.Now))
		got := ""
		if d := v.CompareStored(set, &known); d != nil {
			got = d.Path
		}
		if got != want {
			t.Errorf("appeared: %q, want %q", got, want)
		}
	}
	must(os.Mkdir(dir, 0o755))
	must(os.Symlink(filepath.Join(root, "later.h"), filepath.Join(dir, "link.h")))
	settle()
	check("")
	check("")
	must(os.WriteFile(filepath.Join(root, "later.h"), nil, 0o600))
	check("inc/link.h")
	must(os.Remove(filepath.Join(root, "later.h")))
	check("")
	must(os.WriteFile(filepath.Join(dir, "b.h"), nil, 0o600))
	check("inc/b.h")
	must(os.Remove(filepath.Join(dir, "b.h")))
	settle()
	check("")
	must(os.Rename(dir, dir+".old"))
	check("")
	must(os.Mkdir(dir, 0o755))
	must(os.WriteFile(filepath.Join(dir, "a.h"), nil, 0o600))
	settle()
	check("inc/a.h")
	must(os.Remove(filepath.Join(dir, "a.h")))
	must(os.MkdirAll(filepath.Join(root, "gone"), 0o755))
	must(os.WriteFile(filepath.Join(root, "gone", "x.h"), nil, 0o600))
	check("gone/x.h")
	must(os.RemoveAll(filepath.Join(root, "gone")))
	must(os.Mkdir(filepath.Join(root, "tools"), 0o755))
	check("tools/")
}
