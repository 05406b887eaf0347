package setup

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// statCache sees each file once: an answer is made from one state of the files, and
// checked against one. It is not safe for use by several goroutines.
type statCache struct {
	begun int64 // ns
	disks stamps.Disks
	sigs  map[string]ipc.Signature
	lists map[listKey]listed
}

// listKey is a folder and the pattern of the names in it that matter.
type listKey struct{ Dir, Match string }

type listed struct {
	names  []string
	odd    map[string]bool // see globber
	digest string
	err    error
}

func newStatCache() *statCache {
	return &statCache{begun: time.Now().UnixNano(), sigs: map[string]ipc.Signature{}, lists: map[listKey]listed{}}
}

func (l *statCache) sign(file string) ipc.Signature {
	sig, ok := l.sigs[file]
	if !ok {
		sig = ipc.StatSignature(file)
		l.sigs[file] = sig
	}
	return sig
}

// isYoung reports whether a file may get another content without getting another
// signature: its file system gives changes that are so close the same time.
func (l *statCache) isYoung(file string, sig ipc.Signature) bool {
	return l.disks.IsCoarse(file, sig) && !l.disks.IsSettled(file, sig, l.begun)
}

func (l *statCache) list(key listKey) listed {
	got, ok := l.lists[key]
	if !ok {
		g := glob(key.Dir, key.Match)
		got.names, got.odd, got.err = g.names, g.odd, g.err
		got.digest = ipc.ListingDigest(got.names)
		l.lists[key] = got
	}
	return got
}

// deps is what an answer depends on: files by signature, missing names, folders by the
// names in them. All paths are absolute. It is saved with the answer.
type deps struct {
	Files    map[string]ipc.Signature
	Misses   map[string]bool
	Listings map[listKey]string // digest
	Doubt    string             // why nothing of this can be believed the next time
}

func newDeps() *deps {
	return &deps{Files: map[string]ipc.Signature{}, Misses: map[string]bool{}, Listings: map[listKey]string{}}
}

// holds reports whether everything is as it was.
func (b *deps) holds(l *statCache) bool {
	if b.Doubt != "" {
		return false
	}
	for file, sig := range b.Files {
		if l.sign(file) != sig {
			return false
		}
	}
	for file := range b.Misses {
		if l.sign(file).Exists() {
			return false
		}
	}
	for key, digest := range b.Listings {
		if l.list(key).digest != digest {
			return false
		}
	}
	return true
}

// add makes b depend on what other depends on, too.
func (b *deps) add(other *deps) {
	for file, sig := range other.Files {
		b.Files[file] = sig
	}
	for file := range other.Misses {
		b.Misses[file] = true
	}
	for key, digest := range other.Listings {
		b.Listings[key] = digest
	}
	b.Doubt = cmp.Or(b.Doubt, other.Doubt)
}

// watcher looks at files and notes in deps what it saw.
type watcher struct {
	*statCache
	*deps
}

func newWatcher(l *statCache) watcher { return watcher{l, newDeps()} }

// with notes in other deps what is seen through the same statCache.
func (w watcher) with(b *deps) watcher { return watcher{w.statCache, b} }

// exists reports whether there is something at file; the answer will be dirty when
// that changes, and for a regular file when the file does.
func (w watcher) exists(file string) bool {
	sig := w.sign(file)
	switch {
	case !sig.Exists():
		w.Misses[file] = true
		return false
	case sig.IsDir():
		// A folder's own signature changes with each file in it, so its name is
		// watched instead.
		w.list(filepath.Dir(file), escapePattern(filepath.Base(file)))
	default:
		w.Files[file] = sig
		w.mind(file, sig)
	}
	return true
}

// mind notes if the signature of a file is too young to be trusted.
func (w watcher) mind(file string, sig ipc.Signature) {
	if w.isYoung(file, sig) {
		w.Doubt = cmp.Or(w.Doubt, file+" was changed less than two seconds before it was read")
	}
}

// isFile is exists for a regular file.
func (w watcher) isFile(file string) bool { return w.exists(file) && w.sign(file).IsRegular() }

// isDir is exists for a folder.
func (w watcher) isDir(dir string) bool { return w.exists(dir) && w.sign(dir).IsDir() }

// read returns a file's content. The signature is taken before: a change during the
// read makes the answer dirty at once.
func (w watcher) read(file string) ([]byte, error) {
	sig := w.sign(file)
	if !sig.Exists() {
		w.Misses[file] = true
	} else {
		w.Files[file] = sig
		w.mind(file, sig)
	}
	if sig.Exists() && !sig.IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if stamps.IsBeingWritten(f) {
		w.Doubt = cmp.Or(w.Doubt, file+" is open for writing")
	}
	return io.ReadAll(f)
}

// list returns the names in dir that match.
func (w watcher) list(dir, match string) ([]string, error) {
	key := listKey{dir, match}
	got := w.statCache.list(key)
	w.Listings[key] = got.digest
	return got.names, got.err
}

// files returns the names in dir that match and are files, or links to files. The answer
// will be dirty when another of the names becomes one.
func (w watcher) files(dir, match string) ([]string, error) {
	names, err := w.list(dir, match)
	odd := w.statCache.list(listKey{dir, match}).odd
	if len(odd) == 0 {
		return names, err
	}
	var files []string
	for _, name := range names {
		if !odd[name] || w.leadsToFile(filepath.Join(dir, name)) {
			files = append(files, name)
		}
	}
	return files, err
}

// leadsToFile reports whether a name that is no regular file is a link to one.
func (w watcher) leadsToFile(file string) bool {
	sig := w.sign(file)
	switch {
	case sig.IsRegular():
		return true
	case sig.Exists(): // the name stays when a file takes the place of a folder or socket
		w.Files[file] = sig
	default:
		w.Misses[file] = true
	}
	return false
}

// track turns deps into the record of the node "plan".
func (b *deps) track(root string) ipc.Track {
	var t ipc.Track
	node := ipc.NodeRecord{ID: "plan", Unsettled: b.Doubt}
	for _, file := range sortedKeys(b.Files) {
		node.Inputs = append(node.Inputs, uint32(len(t.Files)))
		t.Files = append(t.Files, ipc.FileSig{Path: relative(root, file), Sig: b.Files[file]})
	}
	dirs := map[string][]string{}
	for file := range b.Misses {
		dir := filepath.Dir(file)
		dirs[dir] = append(dirs[dir], filepath.Base(file))
	}
	for _, dir := range sortedKeys(dirs) {
		sort.Strings(dirs[dir])
		node.Misses = append(node.Misses, uint32(len(t.Misses)))
		t.Misses = append(t.Misses, ipc.Miss{Dir: relative(root, dir), Names: dirs[dir]})
	}
	for key, digest := range b.Listings {
		t.Listings = append(t.Listings, ipc.Listing{Dir: relative(root, key.Dir), Match: key.Match, Digest: digest})
	}
	sort.Slice(t.Listings, func(i, j int) bool {
		a, b := t.Listings[i], t.Listings[j]
		return a.Dir < b.Dir || a.Dir == b.Dir && a.Match < b.Match
	})
	for i := range t.Listings {
		node.Listings = append(node.Listings, uint32(i))
	}
	t.Nodes = []ipc.NodeRecord{node}
	return t
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// relative gives an absolute path the form it has in plans: relative to the root
// with forward slashes if it lies beneath it.
func relative(root, file string) string {
	if file == root {
		return "."
	}
	prefix := strings.TrimSuffix(root, string(filepath.Separator)) + string(filepath.Separator)
	if rest, ok := strings.CutPrefix(file, prefix); ok {
		return filepath.ToSlash(rest)
	}
	return filepath.ToSlash(file)
}

// absolute is the opposite; it cleans the path.
func absolute(root, file string) string {
	file = filepath.FromSlash(file)
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return filepath.Join(root, file)
}

// planPath cleans a written path and gives it the form of plans: a path that leaves the
// root by ".." becomes absolute, unless it leads back into the root.
func planPath(root, file string) string { return relative(root, absolute(root, file)) }
