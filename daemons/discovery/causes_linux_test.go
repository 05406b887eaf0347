package discovery

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestCauses(t *testing.T) {
	t.Parallel()
	const id = "app:src/main.cpp: "
	for name, c := range map[string]struct {
		do   func(*tree)
		want string
	}{
		"changed":        {func(tr *tree) { tr.write("inc/a.h", "x") }, id + "changed inc/a.h"},
		"same size":      {func(tr *tree) { tr.write("src/main.cpp", "int main() {;") }, id + "changed src/main.cpp"},
		"removed":        {func(tr *tree) { tr.remove("inc/a.h") }, id + "removed inc/a.h"},
		"folder gone":    {func(tr *tree) { tr.remove("inc") }, id + "removed inc/a.h"},
		"folder moved":   {func(tr *tree) { tr.rename("inc", "old") }, id + "removed inc/a.h"},
		"to a folder":    {func(tr *tree) { tr.remove("inc/a.h"); tr.mkdir("inc/a.h") }, id + "changed inc/a.h"},
		"shadow":         {func(tr *tree) { tr.write("early/a.h", "") }, id + "appeared early/a.h"},
		"shadow in new":  {func(tr *tree) { tr.write("none/deep/a.h", "") }, id + "appeared none/deep/a.h"},
		"output gone":    {func(tr *tree) { tr.remove("build") }, id + "output build/obj/main.o"},
		"output changed": {func(tr *tree) { tr.write("build/obj/main.o", "strip") }, id + "output build/obj/main.o"},
		"moved in": {func(tr *tree) {
			tr.write("../x/deep/a.h", "")
			tr.rename("../x", "none")
		}, id + "appeared none/deep/a.h"},
		"time set back": {func(tr *tree) {
			tr.write("inc/a.h", "x")
			tr.must(os.Chtimes(tr.abs("inc/a.h"), time.Unix(1, 0), time.Unix(1, 0)))
		}, id + "changed inc/a.h"},
		"earliest first": {func(tr *tree) {
			tr.write("src/main.cpp", "1")
			tr.sync()
			tr.write("inc/a.h", "2")
		}, id + "changed src/main.cpp, changed inc/a.h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, nil)
			tr.unit()
			if r := tr.expect(); r.Mode != modeWatch || r.Scanned != 0 || r.Nodes != 1 || r.Files != 3 {
				t.Fatalf("%+v: want an answer from events, without a look at any file", r)
			}
			c.do(tr)
			tr.expect(c.want)
			tr.expectIn(tr.syncWith(ipc.SyncRequest{Full: true}), c.want)
			tr.reopen()
			if got := causes(tr.sync())["app:src/main.cpp"]; name != "earliest first" && id+strings.Join(got, ", ") != c.want {
				t.Errorf("after a restart: %q, want %q", got, c.want)
			}
		})
	}
}

func TestBackToTheSameIsClean(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	for range 3 {
		tr.rename("inc", "away")
		tr.write("early/a.h", "")
		if r := tr.sync(); len(r.Dirty) != 1 {
			t.Fatalf("%+v: want one dirty node", r)
		}
		tr.rename("away", "inc")
		tr.remove("early/a.h")
		tr.expect()
	}
}

func TestListings(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("src/a.cpp", "")
	tr.write("src/deep/b.cpp", "")
	tr.record(
		nodeSpec{id: "plan", listings: [][2]string{{"src", "**/*.cpp"}, {"absent", "*.toml"}}},
		nodeSpec{id: "flat", listings: [][2]string{{"src", ""}}},
	)
	tr.expect()
	for _, step := range []struct {
		do   func()
		want []string
	}{
		{func() { tr.write("src/deep/note.txt", "") }, nil},
		{func() { tr.write("src/deep/er/still/c.cpp", "") }, []string{"plan: listing src"}},
		{func() { tr.remove("src/deep/er") }, nil},
		{func() { tr.write("../new/d.cpp", ""); tr.rename("../new", "src/deep/moved") }, []string{"plan: listing src"}},
		{func() { tr.remove("src/deep/moved") }, nil},
		{func() { tr.write("src/file", "") }, []string{"flat: listing src"}},
		{func() { tr.write("absent/x.toml", "") }, []string{"plan: listing absent", "flat: listing src"}},
		{func() { tr.remove("src"); tr.remove("absent") }, []string{"plan: listing src", "flat: listing src"}},
		{func() { tr.write("src/a.cpp", ""); tr.write("src/deep/b.cpp", "") }, nil},
	} {
		step.do()
		tr.expect(step.want...)
	}
}

func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("v1/a.h", "1")
	tr.write("v2/a.h", "2")
	tr.write("../shared/s.h", "")
	tr.symlink("v1", "current")
	tr.symlink("../../shared/s.h", "v1/s.h")
	tr.record(nodeSpec{id: "n", inputs: []string{"current/a.h", "current/s.h"}, misses: map[string][]string{"v2": {"gone.h"}}})
	tr.symlink("nowhere", "v2/gone.h")
	if r := tr.expect(); r.Mode != modeWatch {
		t.Fatal(r.Mode)
	}
	tr.write("../shared/s.h", "edited behind a link")
	tr.expect("n: changed current/s.h")
	tr.record(nodeSpec{id: "n", inputs: []string{"current/a.h"}, misses: map[string][]string{"v2": {"gone.h"}}})
	tr.symlink("v2", "current")
	tr.expect("n: changed current/a.h")
	tr.symlink("v1", "current")
	tr.expect()
	tr.write("v2/nowhere", "")
	tr.expect("n: appeared v2/gone.h")
	tr.symlink("current", "current")
	if got := causes(tr.sync())["n"]; !slices.Contains(got, "removed current/a.h") {
		t.Errorf("%q, want current/a.h gone behind a link to itself", got)
	}
}

// TestAncestorRenamed is hazard 70: the project's own folder, and one above, are
// moved away and something else put in place.
func TestAncestorRenamed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) {
		outside := filepath.Join(filepath.Dir(c.Root), "state")
		c.StateFile, c.CookieDir = outside+"/graph", outside+"/cookies"
	})
	tr.unit()
	tr.must(os.Rename(tr.root, tr.root+".away"))
	if got := causes(tr.sync())["app:src/main.cpp"]; len(got) != 3 {
		t.Errorf("root moved: %q, want three causes", got)
	}
	tr.mkdir("src")
	tr.write("src/main.cpp", "another")
	if got := causes(tr.sync())["app:src/main.cpp"]; !slices.Contains(got, "changed src/main.cpp") {
		t.Errorf("root replaced: %q", got)
	}
	tr.must(os.RemoveAll(tr.root))
	tr.must(os.Rename(tr.root+".away", tr.root))
	tr.expect()
	tr.write("inc/a.h", "watched again")
	tr.expect("app:src/main.cpp: changed inc/a.h")
}

// TestHardLinkIsLookedAt: a file with two names may be written by the other one.
func TestHardLinkIsLookedAt(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("../other/x.h", "1")
	tr.mkdir("inc")
	tr.must(os.Link(tr.abs("../other/x.h"), tr.abs("inc/x.h")))
	tr.record(nodeSpec{id: "n", inputs: []string{"inc/x.h"}})
	if r := tr.expect(); r.Scanned != 1 {
		t.Errorf("looked at %d files, want 1", r.Scanned)
	}
	tr.write("../other/x.h", "2")
	tr.expect("n: changed inc/x.h")
}

func TestStrangeNames(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	names := []string{"new\nline.h", "bad\xff\xfe.h", `back\slash.h`, "sp ace.h", "*.h", "\u00e9.h", "e\u0301.h", strings.Repeat("n", 255)}
	for _, n := range names {
		tr.write("odd/"+n, "")
	}
	tr.record(
		nodeSpec{id: "n", inputs: []string{"odd/" + names[0], "odd/" + names[1], "odd/" + names[2]}, listings: [][2]string{{"odd", ""}}},
		nodeSpec{id: "long", misses: map[string][]string{"odd": {strings.Repeat("n", 256)}, "nul\x00": {"x"}, "..": {".", "a/../b"}, "": {""}}},
	)
	for _, n := range names[:3] {
		tr.write("odd/"+n, "edited")
		r := tr.sync()
		if got := causes(r)["n"]; !slices.Contains(got, "changed odd/"+n) {
			t.Errorf("%q: %q", n, got)
		}
	}
}
