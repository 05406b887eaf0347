package discovery

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/bmatcuk/doublestar/v4"
)

// tree is a project of a test with the service that watches it.
type tree struct {
	t       testing.TB
	root    string
	service *Service
	cfg     Config
	events  *events
}

// events is what the service has published.
type events struct {
	mu   sync.Mutex
	all  []ipc.EventBody
	more chan struct{}
}

func (e *events) publish(body ipc.EventBody) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, body)
	close(e.more)
	e.more = make(chan struct{})
}

// await returns the first event that want accepts, those of the past included.
func (e *events) await(t testing.TB, want func(ipc.EventBody) bool) ipc.EventBody {
	t.Helper()
	deadline := time.After(time.Minute)
	seen := 0
	for {
		e.mu.Lock()
		list, more := slices.Clone(e.all), e.more
		e.mu.Unlock()
		for ; seen < len(list); seen++ {
			if want(list[seen]) {
				return list[seen]
			}
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("the event did not come; seen: %+v", list)
		}
	}
}

func (e *events) changes() (out []ipc.FilesChanged) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.all {
		if c, ok := b.(ipc.FilesChanged); ok {
			out = append(out, c)
		}
	}
	return out
}

// newTree makes an empty project; a nil change means a watching service with a
// state file, and an audit that does not come.
func newTree(t testing.TB, change func(*Config)) *tree {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(root, "project")
	tr := &tree{t: t, root: root, events: &events{more: make(chan struct{})}}
	tr.mkdir("")
	tr.cfg = Config{
		Root: root, StateFile: filepath.Join(root, ".replibuild/state/graph"),
		CookieDir: filepath.Join(root, ".replibuild/state/cookies"), WatchInterval: time.Hour, Watch: true,
		Publish: tr.events.publish, cookieWait: 20 * time.Second,
	}
	if change != nil {
		change(&tr.cfg)
	}
	tr.open()
	t.Cleanup(func() { tr.service.Close() })
	return tr
}

func (tr *tree) open() {
	tr.t.Helper()
	s, err := New(context.Background(), tr.cfg)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.service = s
}

func (tr *tree) reopen() {
	tr.t.Helper()
	if err := tr.service.Close(); err != nil {
		tr.t.Fatal(err)
	}
	tr.open()
}

func (tr *tree) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(tr.root, path)
}

func (tr *tree) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) mkdir(path string) { tr.t.Helper(); tr.must(os.MkdirAll(tr.abs(path), 0o755)) }

func (tr *tree) write(path, text string) {
	tr.t.Helper()
	tr.mkdir(filepath.Dir(path))
	tr.must(os.WriteFile(tr.abs(path), []byte(text), 0o644))
}

func (tr *tree) remove(path string) { tr.t.Helper(); tr.must(os.RemoveAll(tr.abs(path))) }

func (tr *tree) rename(from, to string) {
	tr.t.Helper()
	tr.must(os.Rename(tr.abs(from), tr.abs(to)))
}

func (tr *tree) symlink(target, path string) {
	tr.t.Helper()
	os.Remove(tr.abs(path))
	tr.must(os.Symlink(target, tr.abs(path)))
}

// node describes a record in words that are short in tests.
type nodeSpec struct {
	id       string
	inputs   []string
	links    []string // inputs that count themselves, not what they lead to
	outputs  []string
	misses   map[string][]string
	listings [][2]string // folder, pattern
	note     string      // unsettled
	content  bool        // of the inputs only the content matters
}

// track signs everything as it is now.
func (tr *tree) track(specs ...nodeSpec) ipc.Track {
	var t ipc.Track
	for _, n := range specs {
		rec := ipc.NodeRecord{ID: n.id, Unsettled: n.note}
		for _, p := range n.inputs {
			rec.Inputs = append(rec.Inputs, uint32(len(t.Files)))
			t.Files = append(t.Files, signNow(tr.abs(p), ipc.FileSig{Path: p}, n.content))
		}
		for _, p := range n.links {
			rec.Inputs = append(rec.Inputs, uint32(len(t.Files)))
			t.Files = append(t.Files, signNow(tr.abs(p), ipc.FileSig{Path: p, Link: true}, n.content))
		}
		for _, p := range n.outputs {
			rec.Outputs = append(rec.Outputs, uint32(len(t.Files)))
			t.Files = append(t.Files, ipc.FileSig{Path: p, Sig: ipc.StatSignature(tr.abs(p))})
		}
		for dir, names := range n.misses {
			rec.Misses = append(rec.Misses, uint32(len(t.Misses)))
			t.Misses = append(t.Misses, ipc.Miss{Dir: dir, Names: names})
		}
		for _, l := range n.listings {
			rec.Listings = append(rec.Listings, uint32(len(t.Listings)))
			t.Listings = append(t.Listings, ipc.Listing{Dir: l[0], Match: l[1], Digest: listDigest(tr.abs(l[0]), l[1])})
		}
		t.Nodes = append(t.Nodes, rec)
	}
	return t
}

// signNow completes the record of a file from what is at path now.
func signNow(path string, f ipc.FileSig, content bool) ipc.FileSig {
	f.Sig, f.Digest = ipc.StatSignature(path), ""
	if f.Link {
		f.Sig = ipc.LinkSignature(path)
	}
	if content {
		f.Digest = contentOf(path, f.Link)
	}
	return f
}

// contentOf is the digest of a link's text, or of a file's content.
func contentOf(path string, link bool) string {
	if !link {
		return digestOf(path)
	}
	text, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
}

// digestOf is the digest of a file's content, "" if it has none.
func digestOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// listDigest is the oracle for listings: a walk of everything.
func listDigest(dir, match string) string {
	if match == "" {
		match = "*"
	}
	var names []string
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && path != dir {
			rel, _ := filepath.Rel(dir, path)
			if ok, _ := doublestar.Match(match, rel); ok {
				names = append(names, rel)
			}
		}
		return nil
	})
	return ipc.ListingDigest(names)
}

func (tr *tree) record(specs ...nodeSpec) string {
	tr.t.Helper()
	return tr.recordTrack(ipc.RecordRequest{Track: tr.track(specs...)})
}

func (tr *tree) recordTrack(req ipc.RecordRequest) string {
	tr.t.Helper()
	reply, err := tr.service.Record(context.Background(), req)
	tr.must(err)
	return reply.Token
}

func (tr *tree) sync() ipc.SyncReply { tr.t.Helper(); return tr.syncWith(ipc.SyncRequest{}) }

func (tr *tree) syncWith(req ipc.SyncRequest) ipc.SyncReply {
	tr.t.Helper()
	reply, err := tr.service.Sync(context.Background(), req)
	tr.must(err)
	return reply
}

// causes returns "kind path" of everything dirty, by node.
func causes(r ipc.SyncReply) map[string][]string {
	out := map[string][]string{}
	for _, n := range r.Dirty {
		out[n.ID] = []string{}
		for _, c := range n.Causes {
			out[n.ID] = append(out[n.ID], c.Kind+" "+c.Path)
		}
	}
	return out
}

// expect checks the dirty nodes of a Sync: "id: kind path, kind path".
func (tr *tree) expect(want ...string) ipc.SyncReply {
	tr.t.Helper()
	r := tr.sync()
	tr.expectIn(r, want...)
	return r
}

func (tr *tree) expectIn(r ipc.SyncReply, want ...string) {
	tr.t.Helper()
	var got []string
	for _, n := range r.Dirty {
		line := n.ID + ":"
		for i, c := range n.Causes {
			if i > 0 {
				line += ","
			}
			line += fmt.Sprintf(" %s %s", c.Kind, c.Path)
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		tr.t.Fatalf("dirty: %q\nwant:  %q", got, want)
	}
}
