package discovery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// stats returns the service's numbers.
func (tr *tree) stats() Stats {
	tr.t.Helper()
	v, err := tr.service.Stats(context.Background())
	tr.must(err)
	return v.(Stats)
}

// unit records a unit of one source, one header and an object, with a missed header.
func (tr *tree) unit() {
	tr.t.Helper()
	tr.write("src/main.cpp", "int main() {}")
	tr.write("inc/a.h", "")
	tr.write("build/obj/main.o", "object")
	tr.mkdir("early")
	tr.record(nodeSpec{
		id: "app:src/main.cpp", inputs: []string{"src/main.cpp", "inc/a.h"}, outputs: []string{"build/obj/main.o"},
		misses: map[string][]string{"early": {"a.h"}, "none/deep": {"a.h"}},
	})
}

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

func TestRecordComparesWithWhatIsThere(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a.cpp", "1")
	tr.write("b.cpp", "1")
	track := tr.track(nodeSpec{id: "a", inputs: []string{"a.cpp"}}, nodeSpec{id: "b", inputs: []string{"b.cpp"}, note: "changed meanwhile"})
	tr.write("a.cpp", "2")
	tr.recordTrack(ipc.RecordRequest{Track: track})
	tr.expect("a: changed a.cpp", "b: unsettled ")
	tr.record(nodeSpec{id: "b", inputs: []string{"b.cpp"}, note: "b.cpp"})
	tr.record(nodeSpec{id: "a", inputs: []string{"a.cpp"}})
	tr.expect("b: unsettled b.cpp")
	tr.recordTrack(ipc.RecordRequest{Forget: []string{"b", "unknown"}})
	if r := tr.expect(); r.Nodes != 1 || r.Files != 1 {
		t.Errorf("%+v: want one node with one file left", r)
	}
	tr.recordTrack(ipc.RecordRequest{Reset: true})
	if r := tr.expect(); r.Nodes != 0 || r.Files != 0 {
		t.Errorf("%+v: want nothing left", r)
	}
	if st := tr.stats(); st.Folders != 0 {
		t.Errorf("%+v: want no folder left", st)
	}
}

func TestRecordRefusesNumbersOutsideOfTables(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	for _, n := range []ipc.NodeRecord{
		{ID: "x", Inputs: []uint32{0}}, {ID: "x", Outputs: []uint32{1}}, {ID: "x", Misses: []uint32{0}},
		{ID: "x", Listings: []uint32{7}}, {ID: ""},
	} {
		_, err := tr.service.Record(context.Background(), ipc.RecordRequest{Track: ipc.Track{Nodes: []ipc.NodeRecord{n}}})
		if ipc.CodeOf(err) != ipc.CodeBadRequest {
			t.Errorf("%+v: %v, want a bad request", n, err)
		}
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

// TestAuditFindsWhatNoEventTells: a write through a shared mapping.
func TestAuditFindsWhatNoEventTells(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.WatchInterval = 10 * time.Millisecond })
	tr.write("inc/a.h", strings.Repeat("x", 4096))
	tr.record(nodeSpec{id: "n", inputs: []string{"inc/a.h"}})
	tr.expect()
	f, err := os.OpenFile(tr.abs("inc/a.h"), os.O_RDWR, 0)
	tr.must(err)
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	tr.must(err)
	m[0] = 'y'
	tr.must(unix.Munmap(m))
	tr.events.await(t, func(b ipc.EventBody) bool {
		c, ok := b.(ipc.FilesChanged)
		return ok && slices.Equal(c.Paths, []string{"inc/a.h"}) && c.Dirty == 1 && slices.Equal(c.Units, []string{"n"})
	})
	tr.expect("n: changed inc/a.h")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a", "")
	first := tr.record(nodeSpec{id: "n", inputs: []string{"a"}})
	second := tr.record(nodeSpec{id: "n", inputs: []string{"a"}})
	if first == second || tr.sync().Token != second {
		t.Errorf("tokens %q, %q, in Sync %q", first, second, tr.sync().Token)
	}
	tr.reopen()
	if got := tr.sync().Token; got != second {
		t.Errorf("token %q after a restart, want %q", got, second)
	}
	tr.must(tr.service.Close())
	text, err := os.ReadFile(tr.cfg.StateFile)
	tr.must(err)
	for name, damaged := range map[string][]byte{
		"empty": {}, "cut": text[:len(text)/2], "longer": append(slices.Clone(text), 0),
		"flipped": flip(text, len(text)/2), "magic": flip(text, 3), "checksum": flip(text, len(text)-1),
	} {
		tr.must(os.WriteFile(tr.cfg.StateFile, damaged, 0o600))
		tr.open()
		if r := tr.sync(); r.Token == second || r.Nodes != 0 {
			t.Errorf("%s file: token %q, %d nodes, want an empty graph with a new token", name, r.Token, r.Nodes)
		}
		tr.must(tr.service.Close())
	}
	tr.must(os.WriteFile(tr.cfg.StateFile, text, 0o600))
	tr.cfg.Root = t.TempDir()
	tr.open()
	if r := tr.sync(); r.Token == second || r.Nodes != 0 {
		t.Errorf("another project's file: %+v", r)
	}
}

func flip(text []byte, at int) []byte {
	out := slices.Clone(text)
	out[at] ^= 1
	return out
}

// TestStateIsWrittenInTheBackground: a killed daemon's records are not lost for long.
func TestStateIsWrittenInTheBackground(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a", "")
	token := tr.record(nodeSpec{id: "n", inputs: []string{"a"}})
	for tr.stats().Saves == 0 {
		time.Sleep(20 * time.Millisecond)
	}
	other := tr.cfg
	other.Watch = false
	s, err := New(context.Background(), other)
	tr.must(err)
	defer s.Close()
	r, err := s.Sync(context.Background(), ipc.SyncRequest{})
	tr.must(err)
	if r.Token != token || r.Mode != modeStat || r.Nodes != 1 || len(r.Dirty) != 0 {
		t.Errorf("%+v, want the token %q and a clean node", r, token)
	}
}

func TestWithoutWatching(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.Watch, c.CookieDir = false, "" })
	tr.unit()
	tr.record(nodeSpec{id: "plan", listings: [][2]string{{"src", "**"}}})
	if r := tr.expect(); r.Mode != modeStat || r.Scanned < 3 {
		t.Errorf("%+v, want three files looked at", r)
	}
	tr.write("none/deep/a.h", "")
	tr.write("src/x/y.cpp", "")
	tr.expect("app:src/main.cpp: appeared none/deep/a.h", "plan: listing src")
	tr.reopen()
	tr.expect("app:src/main.cpp: appeared none/deep/a.h", "plan: listing src")
	if got := tr.stats().Watched; got != 0 {
		t.Errorf("%d folders watched", got)
	}
}

// TestOverflow stops the loop while more happens than the kernel keeps events for.
func TestOverflow(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.service.acquire()
	for i := range overflowing(t) {
		tr.must(os.Chmod(tr.abs("early"), os.FileMode(0o700|i%2)))
		tr.must(os.Chmod(tr.abs("inc"), os.FileMode(0o700|i%2)))
	}
	tr.write("inc/a.h", "lost")
	tr.remove("early")
	tr.write("early/a.h", "lost")
	tr.service.unlock()
	got := causes(tr.sync())["app:src/main.cpp"]
	if slices.Sort(got); !slices.Equal(got, []string{"appeared early/a.h", "changed inc/a.h"}) {
		t.Errorf("causes after an overflow: %q", got)
	}
	if st := tr.stats(); st.Overflows == 0 {
		t.Errorf("%+v: no overflow was seen", st)
	}
	tr.remove("early/a.h")
	tr.expect("app:src/main.cpp: changed inc/a.h")
}

// overflowing is how many pairs of changes make more events than the queue holds.
func overflowing(t *testing.T) int {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Skip("no inotify: ", err)
	}
	var n int
	fmt.Sscan(string(text), &n)
	if n > 1<<17 {
		t.Skipf("the queue holds %d events", n)
	}
	return n
}

// TestWatchLimit fails the adding of watches as a full kernel does.
func TestWatchLimit(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) {
		c.wrapAdd = func(w *fsnotify.Watcher) func(string) error {
			return func(dir string) error {
				if strings.HasSuffix(dir, "/inc") || strings.HasSuffix(dir, "/early") {
					return syscall.ENOSPC
				}
				return w.Add(dir)
			}
		}
	})
	tr.unit()
	if r := tr.expect(); r.Mode != modeWatch || r.Scanned == 0 {
		t.Errorf("%+v: want looks at what is not watched", r)
	}
	tr.write("inc/a.h", "x")
	tr.write("early/a.h", "x")
	tr.expect("app:src/main.cpp: changed inc/a.h, appeared early/a.h")
	n := tr.events.await(t, func(b ipc.EventBody) bool { _, ok := b.(ipc.Notice); return ok }).(ipc.Notice)
	if n.Level != "warning" || !strings.Contains(n.Message, "max_user_watches = ") || n.Hint == "" {
		t.Errorf("notice %+v", n)
	}
}

// TestRemoteFolders: what a file system without events holds is looked at each time,
// and polled.
func TestRemoteFolders(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.WatchInterval = 20 * time.Millisecond })
	tr.record(nodeSpec{id: "n", inputs: []string{"/proc/self/stat", "/dev/null"}, misses: map[string][]string{"/proc/self": {"nothing"}}})
	r := tr.sync()
	if r.Scanned < 2 {
		t.Errorf("%+v: want /proc and a device looked at", r)
	}
	tr.events.await(t, func(b ipc.EventBody) bool {
		n, ok := b.(ipc.Notice)
		return ok && strings.Contains(n.Message, "do not tell of changes")
	})
}

func TestCookieThatDoesNotCome(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) {
		c.cookieWait = 50 * time.Millisecond
		c.wrapAdd = func(w *fsnotify.Watcher) func(string) error {
			return func(dir string) error {
				if strings.HasSuffix(dir, "cookies") {
					return nil // as if watched
				}
				return w.Add(dir)
			}
		}
	})
	tr.unit()
	if r := tr.expect(); r.Mode != modeStat {
		t.Errorf("mode %s without a cookie", r.Mode)
	}
	if st := tr.stats(); st.CookieTimeouts != 1 {
		t.Errorf("%+v: want one timeout", st)
	}
}

// TestCookieFolderDeleted is `rm -rf .replibuild/state` while the daemon runs.
func TestCookieFolderDeleted(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	for i := range 5 {
		for os.RemoveAll(tr.abs(".replibuild")) != nil { // the state may just be written
		}
		tr.write("inc/a.h", fmt.Sprint(i))
		if r := tr.expect("app:src/main.cpp: changed inc/a.h"); r.Mode != modeWatch {
			t.Errorf("mode %s after the cookies' folder was deleted", r.Mode)
		}
	}
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

func TestDependents(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.write("src/b.cpp", "")
	tr.record(nodeSpec{id: "app:src/b.cpp", inputs: []string{"src/b.cpp", "inc/a.h"}})
	tr.symlink("inc", "linked")
	tr.record(nodeSpec{id: "app:src/c.cpp", inputs: []string{"linked/a.h"}})
	both := []string{"app:src/main.cpp", "app:src/b.cpp"}
	for path, want := range map[string]ipc.DependentsReply{
		"inc/a.h":           {Nodes: append(slices.Clone(both), "app:src/c.cpp")},
		tr.abs("inc/a.h"):   {Nodes: append(slices.Clone(both), "app:src/c.cpp")},
		"./inc//a.h":        {Nodes: append(slices.Clone(both), "app:src/c.cpp")},
		"src/b.cpp":         {Nodes: both[1:]},
		"early/a.h":         {Missed: both[:1]},
		"none/deep/a.h":     {Missed: both[:1]},
		"build/obj/main.o":  {},
		"unknown":           {},
		"app:src/main.cpp":  {Inputs: []string{"inc/a.h", "src/main.cpp"}},
		"no/such/folder/at": {},
	} {
		got, err := tr.service.Dependents(context.Background(), ipc.DependentsRequest{Path: path})
		if err != nil || !slices.Equal(got.Nodes, want.Nodes) || !slices.Equal(got.Missed, want.Missed) || !slices.Equal(got.Inputs, want.Inputs) {
			t.Errorf("%s: %+v, %v, want %+v", path, got, err, want)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	before := tr.sync().Generation
	tr.write("inc/a.h", "1")
	tr.sync()
	tr.write("build/obj/main.o", "ours")
	tr.write("src/main.cpp", "1")
	tr.sync()
	ask := func(since uint64) ipc.ChangesReply {
		r, err := tr.service.Changes(context.Background(), ipc.ChangesRequest{Since: since})
		tr.must(err)
		return r
	}
	all := ask(before)
	if !slices.Equal(all.Paths, []string{"inc/a.h", "src/main.cpp"}) || all.Truncated || !slices.Equal(all.Dirty, []string{"app:src/main.cpp"}) {
		t.Errorf("%+v", all)
	}
	if r := ask(all.Generation); len(r.Paths) != 0 || r.Truncated {
		t.Errorf("nothing new, but %+v", r)
	}
	if r := ask(all.Generation + 5); !r.Truncated {
		t.Errorf("a generation of another life: %+v", r)
	}
}

func TestChangeLogForgetsTheOldest(t *testing.T) {
	t.Parallel()
	var c changeLog
	for i := range 3 * maxChanges {
		c.add(fmt.Sprint(i))
	}
	paths, truncated := c.since(c.generation - 2)
	if want := []string{fmt.Sprint(3*maxChanges - 2), fmt.Sprint(3*maxChanges - 1)}; truncated || !slices.Equal(paths, want) {
		t.Errorf("%q, %v, want %q", paths, truncated, want)
	}
	if paths, truncated := c.since(0); !truncated || len(paths) < maxChanges {
		t.Errorf("%d paths, truncated %v", len(paths), truncated)
	}
}

// TestOnlyWhatMattersIsAnnounced checks what makes FilesChanged events and what not.
func TestOnlyWhatMattersIsAnnounced(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.Ignored = []string{"*.swp", "*.skip.h", "gen/**"} })
	tr.unit()
	tr.write("gen/rec.h", "")
	tr.record(nodeSpec{id: "plan", listings: [][2]string{{"src", "*.cpp"}}}, nodeSpec{id: "g", inputs: []string{"gen/rec.h"}})
	tr.expect()
	quiet := []string{
		"build/obj/main.o", "build/obj/tmp.h", "build/new/x.cpp", ".git/x.h", "src/.hidden.h", ".replibuild/state/x.toml",
		"src/main.cpp.swp", "inc/x.skip.h", "gen/new.h", "inc/README", "inc/x.o",
	}
	for _, p := range quiet {
		tr.write(p, "quiet")
	}
	tr.sync()
	for _, p := range []string{"src/new.cpp", "gen/rec.h", "docs/x/y.h", "replibuild.toml"} {
		before := len(tr.events.changes())
		tr.write(p, "loud")
		tr.events.await(t, func(b ipc.EventBody) bool {
			c, ok := b.(ipc.FilesChanged)
			return ok && slices.Contains(c.Paths, p) && len(tr.events.changes()) > before
		})
	}
	for _, c := range tr.events.changes() {
		for _, p := range c.Paths {
			if slices.Contains(quiet, p) {
				t.Errorf("%s was announced", p)
			}
		}
	}
	tr.expect(
		"app:src/main.cpp: output build/obj/main.o", "plan: listing src", "g: changed gen/rec.h",
	)
}

// TestBatches: many changes make few events with at most so many names.
func TestBatches(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.quiet = 50 * time.Millisecond })
	var specs []nodeSpec
	for i := range 300 {
		p := fmt.Sprintf("src/%d.cpp", i)
		tr.write(p, "")
		specs = append(specs, nodeSpec{id: "u" + p, inputs: []string{p}})
	}
	tr.record(specs...)
	tr.expect()
	for i := range 300 {
		tr.write(fmt.Sprintf("src/%d.cpp", i), "x")
	}
	last := tr.events.await(t, func(b ipc.EventBody) bool {
		c, ok := b.(ipc.FilesChanged)
		return ok && c.Dirty == 300
	}).(ipc.FilesChanged)
	if len(last.Paths) > maxNamed || len(last.Units) != maxNamed {
		t.Errorf("an event names %d paths and %d units", len(last.Paths), len(last.Units))
	}
	if n := len(tr.events.changes()); n > 30 {
		t.Errorf("%d events for one burst", n)
	}
}

// TestSyncWaitsForTheTick: what a Sync reports can be hashed and trusted at once.
func TestSyncWaitsForTheTick(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.sync()
	tr.write("inc/a.h", "x")
	tr.sync()
	age := time.Now().UnixNano() - ipc.StatSignature(tr.abs("inc/a.h")).Ctime
	if age < int64(tr.service.tick) {
		t.Errorf("Sync returned %v after the change, want %v at least", time.Duration(age), tr.service.tick)
	}
}

// TestEachSyncWaitsForTheTick: the wait of one Sync does not let another one return within
// the tick.
func TestEachSyncWaitsForTheTick(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.sync()
	const tick = time.Second // so long that both Syncs begin within it on a busy machine
	tr.service.acquire()
	tr.service.tick = tick
	tr.service.unlock()
	tr.write("inc/a.h", "x")
	ages := make(chan time.Duration)
	for range 2 {
		go func() {
			tr.sync()
			ages <- tr.age("inc/a.h")
		}()
	}
	for range 2 {
		if age := <-ages; age < tick {
			t.Errorf("a Sync returned %v after the change", age)
		}
	}
}

// TestClockSetBack: a change whose time is in the future counts as made now.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.Watch = false })
	s := tr.service
	s.acquire()
	defer s.unlock()
	s.newest = time.Now().Add(time.Hour).UnixNano()
	if wait := s.untilTick(); wait <= 0 || wait > s.tick {
		t.Errorf("the first Sync waits %v, want a tick of %v at most", wait, s.tick)
	}
	if s.newest > time.Now().UnixNano() {
		t.Error("the next Sync would wait as long")
	}
}

// TestSyncWaitsForTheTickOfLinks: a link that was turned leads to old files, and only the
// link itself has the time of that.
func TestSyncWaitsForTheTickOfLinks(t *testing.T) {
	t.Parallel()
	for _, verify := range []string{"watch", "stat"} {
		t.Run(verify, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, func(c *Config) { c.Verify = verify })
			tr.write("v1/a.h", "1")
			tr.write("v2/a.h", "other")
			tr.symlink("v1", "folder")
			tr.symlink("v1/a.h", "a.h")
			tr.record(nodeSpec{id: "n", inputs: []string{"folder/a.h"}}, nodeSpec{id: "m", inputs: []string{"a.h"}})
			tr.awaitTick("v2/a.h")
			tr.expect()
			for link, target := range map[string]string{"folder": "v2", "a.h": "v2/a.h"} {
				tr.symlink(target, link)
				tr.sync()
				age := time.Now().UnixNano() - ipc.LinkSignature(tr.abs(link)).Ctime
				if age < int64(tr.service.tick) {
					t.Errorf("%s: Sync returned %v after the change, want %v at least", link, time.Duration(age), tr.service.tick)
				}
			}
		})
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.must(tr.service.Close())
	_, err := tr.service.Sync(context.Background(), ipc.SyncRequest{})
	if !errors.Is(err, errClosed) {
		t.Errorf("Sync after Close: %v", err)
	}
	tr.must(tr.service.Close())
	tr.open()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tr.service.Sync(ctx, ipc.SyncRequest{}); ipc.CodeOf(err) != ipc.CodeCancelled {
		t.Errorf("Sync of a caller that has gone: %v", err)
	}
}

func TestRescan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.write("inc/a.h", "x")
	r, err := tr.service.Rescan(context.Background(), ipc.RescanRequest{})
	if err != nil || r.Files < 3 || r.Dirty != 1 {
		t.Errorf("%+v, %v, want three files and a dirty node", r, err)
	}
	tr.remove("early")
	tr.write("early/a.h", "")
	if r := tr.expect("app:src/main.cpp: changed inc/a.h, appeared early/a.h"); r.Mode != modeWatch {
		t.Errorf("mode %s after a rescan", r.Mode)
	}
}

// TestMountOverFolder: a file system mounted on a folder makes no event there.
func TestMountOverFolder(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.expect()
	if err := syscall.Mount("tmpfs", tr.abs("inc"), "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("cannot mount: ", err)
	}
	defer syscall.Unmount(tr.abs("inc"), syscall.MNT_DETACH)
	tr.expect("app:src/main.cpp: removed inc/a.h")
	tr.write("inc/a.h", "")
	tr.expect("app:src/main.cpp: changed inc/a.h")
	tr.must(syscall.Unmount(tr.abs("inc"), 0))
	tr.expect()
}

// TestUnwatchedIsReleased: folders that nothing recorded needs are not watched on.
func TestUnwatchedIsReleased(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	before := tr.stats().Watched
	for i := range 20 {
		tr.write(fmt.Sprintf("../far%d/a/x.h", i), "")
		tr.symlink("a/x.h", fmt.Sprintf("../far%d/link.h", i))
		tr.record(nodeSpec{id: "n", inputs: []string{fmt.Sprintf("../far%d/a/x.h", i), fmt.Sprintf("../far%d/link.h", i)}})
	}
	grown := tr.stats()
	if grown.Files != 2 || grown.Folders != 2 {
		t.Errorf("%+v: want the last record's two files", grown)
	}
	tr.recordTrack(ipc.RecordRequest{Reset: true})
	after := tr.stats()
	if after.Watched > max(before, 16) || grown.Watched > after.Watched+16 {
		t.Errorf("%d folders watched before, %d with one record, %d after", before, grown.Watched, after.Watched)
	}
}

// TestUnreadableFolder: a folder that cannot be watched is looked at by each Sync,
// the user is told, and it is tried again.
func TestUnreadableFolder(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	closed.Store(true)
	tr := newTree(t, func(c *Config) {
		c.WatchInterval = 20 * time.Millisecond
		c.wrapAdd = func(w *fsnotify.Watcher) func(string) error {
			return func(dir string) error {
				if strings.HasSuffix(dir, "/inc") && closed.Load() {
					return syscall.EACCES
				}
				return w.Add(dir)
			}
		}
	})
	tr.unit()
	tr.expect()
	tr.events.await(t, func(b ipc.EventBody) bool {
		n, ok := b.(ipc.Notice)
		return ok && strings.Contains(n.Message, "/inc: permission denied")
	})
	tr.write("inc/a.h", "x")
	tr.events.await(t, func(b ipc.EventBody) bool { // by polling
		c, ok := b.(ipc.FilesChanged)
		return ok && slices.Contains(c.Paths, "inc/a.h")
	})
	closed.Store(false)
	for tr.stats().Unvouched > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	tr.write("inc/a.h", "y")
	if r := tr.expect("app:src/main.cpp: changed inc/a.h"); r.Scanned != 0 {
		t.Errorf("%+v: want an answer from events", r)
	}
}

// TestConcurrentUse lets everything happen at once, and compares in the end.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.WatchInterval, c.impatient = time.Millisecond, true })
	tr.unit()
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 60 {
				dir := fmt.Sprintf("w%d/%d", worker, i%5)
				switch i % 6 {
				case 0, 1:
					tr.write(dir+"/a/x.h", fmt.Sprint(i))
				case 2:
					tr.record(nodeSpec{id: dir, inputs: []string{dir + "/a/x.h"}, misses: map[string][]string{dir + "/b": {"x.h"}}, listings: [][2]string{{dir, "**"}}})
				case 3:
					tr.service.Dependents(ctx, ipc.DependentsRequest{Path: dir + "/a/x.h"})
					tr.service.Changes(ctx, ipc.ChangesRequest{})
				case 4:
					os.RemoveAll(tr.abs(dir + "/a"))
				case 5:
					tr.syncWith(ipc.SyncRequest{Full: i%2 == 0})
				}
				if i == 30 {
					tr.service.Rescan(ctx, ipc.RescanRequest{})
				}
			}
		})
	}
	wg.Wait()
	events, looks := tr.sync(), tr.syncWith(ipc.SyncRequest{Full: true})
	if a, b := causes(events), causes(looks); len(a) != len(b) {
		t.Errorf("by events %v, by looks %v", a, b)
	}
	if events.Mode != modeWatch {
		t.Errorf("mode %s", events.Mode)
	}
}

// TestSameInputs: a node that was made again from what it is known to be made from is
// recorded by the name of that. A name that is not known leaves the node dirty.
func TestSameInputs(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a.h", "1")
	tr.write("a.o", "1")
	track := tr.track(nodeSpec{id: "a", inputs: []string{"a.h"}, outputs: []string{"a.o"}, misses: map[string][]string{"inc": {"a.h"}}})
	track.Nodes[0].Set = "first"
	tr.recordTrack(ipc.RecordRequest{Track: track})
	tr.expect()

	tr.remove("a.o")
	if r := tr.expect("a: output a.o"); r.Dirty[0].Set != "first" {
		t.Errorf("known by %q", r.Dirty[0].Set)
	}
	tr.write("a.o", "1")
	again := func(set string) {
		same := tr.track(nodeSpec{id: "a", outputs: []string{"a.o"}})
		same.Nodes[0].Set, same.Nodes[0].Same = set, true
		tr.recordTrack(ipc.RecordRequest{Track: same})
	}
	again("first")
	tr.expect()
	tr.reopen()
	tr.expect()
	tr.remove("a.o")
	tr.mkdir("inc")
	tr.write("inc/a.h", "2")
	if r := tr.expect("a: output a.o, appeared inc/a.h"); r.Dirty[0].Set != "" {
		t.Errorf("known by %q though a header appeared", r.Dirty[0].Set)
	}
	again("first") // it was asked for before the header came
	tr.expect("a: appeared inc/a.h")
	tr.remove("inc/a.h")
	tr.expect()
	again("second")
	if r := tr.expect("a: unsettled "); r.Dirty[0].Set != "" {
		t.Errorf("known by %q", r.Dirty[0].Set)
	}
	again("second") // said twice it is no better known
	tr.expect("a: unsettled ")
}
