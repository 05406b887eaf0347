package discovery

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
	"pgregory.net/rapid"
)

// world is the file system of the property test with the records made so far.
type world struct {
	*tree
	records map[string]ipc.Track // of one node each
	step    int
	full    bool // something happened that no event tells of
}

var (
	someDirs  = []string{"src", "src/a", "src/a/b", "inc", "inc/sys", "far/lib", "../outside", "../outside/deep", "lnk", "lnk/b", "src/lnk"}
	someNames = []string{"x.h", "y.h", "z.cpp", "lnk", "b", "sys", "new\nline", "bad\xff"}
)

// dirty is the oracle: it looks at everything. must are the nodes that
// changed. may are also those with a file that has another signature and the same content:
// a Sync need not wait until that can be trusted.
func (w *world) dirty() (must, may []string) {
	for id, t := range w.records {
		if !w.holds(t, w.sameContent) {
			must = append(must, id)
		}
		if !w.holds(t, w.sameSignature) {
			may = append(may, id)
		}
	}
	slices.Sort(must)
	slices.Sort(may)
	return must, may
}

func (w *world) sameSignature(f ipc.FileSig) bool {
	return signNow(w.join(f.Path), f, false).Sig == f.Sig
}

func (w *world) sameContent(f ipc.FileSig) bool {
	return w.sameSignature(f) || f.Digest != "" && contentOf(w.join(f.Path), f.Link) == f.Digest
}

func (w *world) holds(t ipc.Track, same func(ipc.FileSig) bool) bool {
	for _, f := range t.Files {
		if !same(f) {
			return false
		}
	}
	for _, m := range t.Misses {
		for _, n := range m.Names {
			if ipc.StatSignature(w.join(m.Dir) + "/" + n).Exists() {
				return false
			}
		}
	}
	for _, l := range t.Listings {
		if listDigest(w.join(l.Dir), l.Match) != l.Digest {
			return false
		}
	}
	return t.Nodes[0].Unsettled == ""
}

// join does not clean: a link followed by ".." leads elsewhere.
func (w *world) join(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return w.root + "/" + path
}

func draw[T any](r *rapid.T, from []T, label string) T { return rapid.SampledFrom(from).Draw(r, label) }

func (w *world) path(r *rapid.T) string {
	return draw(r, someDirs, "dir") + "/" + draw(r, someNames, "name")
}

// act does one thing to the files; what cannot be done is not done.
func (w *world) act(r *rapid.T) string {
	w.step++
	p, q := w.path(r), w.path(r)
	a, b := w.join(p), w.join(q)
	op := draw(r, []string{
		"write", "write", "write anew", "touch", "rename", "rename", "mkdir", "move in", "move out", "remove", "remove dir",
		"recreate", "link", "link dir", "hard link", "editor", "chmod", "loop", "replace root",
	}, "op")
	switch op {
	case "write anew":
		if text, err := os.ReadFile(a); err == nil {
			os.WriteFile(a, text, 0o644)
		}
	case "write":
		os.MkdirAll(filepath.Dir(a), 0o755)
		os.WriteFile(a, fmt.Appendf(nil, "%08d", w.step%3), 0o644)
	case "touch":
		fi, err := os.Stat(a)
		if err == nil && !fi.IsDir() {
			os.WriteFile(a, nil, 0o644)
		}
	case "rename":
		os.Rename(a, b)
	case "mkdir":
		os.MkdirAll(w.join(draw(r, someDirs, "made")), 0o755)
	case "move in":
		w.moveIn(draw(r, someDirs, "to"))
	case "move out":
		os.Rename(w.join(draw(r, someDirs, "from")), w.root+fmt.Sprintf("/../gone%d", w.step))
	case "remove":
		os.Remove(a)
	case "remove dir":
		os.RemoveAll(w.join(draw(r, someDirs, "gone")))
	case "recreate":
		d := w.join(draw(r, someDirs, "again"))
		os.RemoveAll(d)
		os.MkdirAll(d, 0o755)
		os.WriteFile(d+"/x.h", nil, 0o644)
	case "link":
		os.Remove(a)
		os.Symlink(draw(r, []string{b, "x.h", "../inc/x.h", "nowhere"}, "target"), a)
	case "link dir":
		l := w.join(draw(r, []string{"lnk", "src/lnk"}, "link"))
		os.Remove(l)
		os.Symlink(w.join(draw(r, someDirs, "target")), l)
	case "hard link":
		os.Link(a, b)
		w.full = true // the count of links changed without an event for the first name
	case "editor":
		os.WriteFile(a+"~", fmt.Appendf(nil, "%08d", w.step), 0o644)
		os.Rename(a+"~", a)
	case "chmod":
		os.Chmod(a, os.FileMode(0o600+w.step%8))
	case "loop":
		os.Remove(a)
		os.Symlink(filepath.Base(a), a)
	case "replace root":
		os.Rename(w.root+"/src", w.root+"/../src.old")
		os.Rename(w.root+"/../src.old", w.root+"/src")
	}
	return op + " " + p + " " + q
}

// moveIn makes a tree elsewhere and moves it into place.
func (w *world) moveIn(to string) {
	from := w.root + fmt.Sprintf("/../made%d", w.step)
	os.MkdirAll(from+"/a/b", 0o755)
	os.WriteFile(from+"/a/b/z.cpp", nil, 0o644)
	os.WriteFile(from+"/x.h", nil, 0o644)
	os.MkdirAll(filepath.Dir(w.join(to)), 0o755)
	os.Rename(from, w.join(to))
}

// note records a node with what is there now.
func (w *world) note(r *rapid.T) {
	n := nodeSpec{id: draw(r, []string{"n1", "n2", "n3", "plan"}, "node"), misses: map[string][]string{}}
	n.content = n.id > "n1"
	for range rapid.IntRange(0, 4).Draw(r, "inputs") {
		n.inputs = append(n.inputs, w.path(r))
	}
	for range rapid.IntRange(0, 2).Draw(r, "links") {
		n.links = append(n.links, w.path(r))
	}
	if rapid.Bool().Draw(r, "makes") {
		n.outputs = append(n.outputs, w.path(r))
	}
	for range rapid.IntRange(0, 3).Draw(r, "misses") {
		d, name := draw(r, someDirs, "miss"), draw(r, someNames, "missed")
		if !ipc.StatSignature(w.join(d) + "/" + name).Exists() {
			n.misses[d] = append(n.misses[d], name)
		}
	}
	for range rapid.IntRange(0, 2).Draw(r, "listings") {
		n.listings = append(n.listings, [2]string{
			draw(r, someDirs, "listed"), draw(r, []string{"", "**/*.cpp", "*.h", "a/*/x.h", "{a,b}/**"}, "match"),
		})
	}
	track := w.sign(n)
	track.Nodes[0].Set = fmt.Sprint("set ", w.step, n.id)
	w.recordTrack(ipc.RecordRequest{Track: track})
	w.records[n.id] = track
}

// remake records other outputs for nodes that Sync reported as otherwise unchanged.
func (w *world) remake(reply ipc.SyncReply) {
	for _, n := range reply.Dirty {
		if n.Set == "" {
			continue
		}
		whole := w.records[n.ID]
		same := ipc.Track{Nodes: []ipc.NodeRecord{{ID: n.ID, Set: n.Set, Same: true}}}
		for _, i := range whole.Nodes[0].Outputs {
			f := &whole.Files[i]
			f.Sig = ipc.StatSignature(w.join(f.Path))
			same.Nodes[0].Outputs = append(same.Nodes[0].Outputs, uint32(len(same.Files)))
			same.Files = append(same.Files, *f)
		}
		w.recordTrack(ipc.RecordRequest{Track: same})
	}
}

// onlyInputs returns a track without the files that its node made.
func onlyInputs(t ipc.Track) ipc.Track {
	files := t.Files
	t.Files = nil
	for _, i := range t.Nodes[0].Inputs {
		t.Files = append(t.Files, files[i])
	}
	return t
}

// sign is tree.track without cleaning the paths.
func (w *world) sign(n nodeSpec) ipc.Track {
	t := w.track(n)
	for i, f := range t.Files {
		input := i < len(n.inputs)+len(n.links)
		t.Files[i] = signNow(w.join(f.Path), f, n.content && input)
	}
	for i, l := range t.Listings {
		t.Listings[i].Digest = listDigest(w.join(l.Dir), l.Match)
	}
	return t
}

func (w *world) check(r *rapid.T, after string) ipc.SyncReply {
	full := w.full
	w.full = false
	reply, err := w.service.Sync(context.Background(), ipc.SyncRequest{Full: full})
	if err != nil {
		r.Fatal(err)
	}
	if want := w.mode(full); reply.Mode != want {
		r.Fatalf("after %q: mode %q, want %q", after, reply.Mode, want)
	}
	var got []string
	for _, n := range reply.Dirty {
		got = append(got, n.ID)
		if n.Set != "" && (n.Set != w.records[n.ID].Nodes[0].Set || !w.holds(onlyInputs(w.records[n.ID]), w.sameContent)) {
			r.Fatalf("after %q: more than outputs of %s changed since %q", after, n.ID, n.Set)
		}
	}
	must, may := w.dirty()
	missed := func(list, in []string) bool {
		return slices.ContainsFunc(list, func(id string) bool { return !slices.Contains(in, id) })
	}
	if missed(must, got) || missed(got, may) {
		r.Fatalf("after %q: dirty %q, want %q of %q\n%v", after, got, must, may, causes(reply))
	}
	return reply
}

func (w *world) mode(full bool) string {
	if full || w.cfg.Verify == verifyStat {
		return modeStat
	}
	return modeWatch
}

// TestRandomChanges does random things to files and compares each Sync, which rests
// on events, with a look at everything.
func TestRandomChanges(t *testing.T) {
	t.Parallel()
	for _, verify := range []string{"watch", verifyStat} {
		t.Run(verify, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				w := &world{tree: newWorldTree(t, verify), records: map[string]ipc.Track{}}
				defer os.RemoveAll(filepath.Dir(w.root))
				defer func() { w.service.Close() }()
				for range rapid.IntRange(5, 40).Draw(r, "steps") {
					switch draw(r, []int{0, 1, 2, 3, 4, 5}, "what") {
					case 0:
						w.note(r)
						w.check(r, "record")
					case 1:
						if rapid.IntRange(0, 9).Draw(r, "reopen") == 0 {
							w.reopen()
							w.check(r, "reopen")
						}
					default:
						did := ""
						for range rapid.IntRange(1, 4).Draw(r, "at once") {
							did += w.act(r) + "; "
						}
						if reply := w.check(r, did); rapid.Bool().Draw(r, "remake") {
							w.remake(reply)
							w.check(r, "remake")
						}
					}
				}
			})
		})
	}
}

// newWorldTree is newTree in a folder that the caller removes: rapid runs many.
func newWorldTree(t *testing.T, verify string) *tree {
	dir, err := os.MkdirTemp(t.TempDir(), "w")
	if err != nil {
		t.Fatal(err)
	}
	tr := &tree{t: t, root: dir + "/project", events: &events{more: make(chan struct{})}}
	for _, d := range []string{"", "src/a", "inc", "../outside"} {
		tr.mkdir(d)
	}
	for _, f := range []string{"src/x.h", "src/a/z.cpp", "inc/x.h", "../outside/y.h"} {
		tr.write(f, "first")
	}
	tr.cfg = Config{
		Root: tr.root, StateFile: tr.root + "/.replibuild/graph", CookieDir: tr.root + "/.replibuild/cookies",
		WatchInterval: 1 << 40, Watch: true, Verify: verify, Publish: tr.events.publish, cookieWait: 1 << 34, impatient: true,
	}
	tr.open()
	return tr
}
