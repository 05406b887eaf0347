package compilation

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/gob"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// The files of a preamble, in a folder of its own named by its key and a random part,
// which it keeps for life: the precompiled file has the overlay's path in it. The one
// with the facts is written last, so a folder without it is not finished.
const (
	factsFile   = "facts"
	overlayFile = "overlay.yaml"
	stubFile    = "stub.h"
	pchFile     = "block.pch"
)

// preambleFacts is what has to be known of a preamble.
type preambleFacts struct {
	Schema      int
	Key         []byte
	Length      int // of the block in the source, in bytes
	Inputs      []cache.Input
	Misses      []cache.Miss
	Listings    []cache.Listing
	Diagnostics string
	Depends     []string          // names of the block in a dependency file, nil if the command makes none
	Files       map[string][]byte // digests of the other files
	Seconds     float64           // that it took
}

const preambleSchema = 3

// preamble is one that lies on the disk.
type preamble struct {
	preambleFacts
	dir    string
	packed snapshot.PackedSet // of the tables of the service
	users  int
	used   time.Time
}

func (p *preamble) overlay() string { return filepath.Join(p.dir, overlayFile) }
func (p *preamble) pch() string     { return filepath.Join(p.dir, pchFile) }

// set is what it was made from.
func (p *preamble) set(v *snapshot.Tree) snapshot.InputSet { return v.Interner.Unpack(p.packed) }

// preambleStore is the folder of preambles. Others may delete in it at any time.
type preambleStore struct {
	s   *Service
	dir string
	max int64

	mu    sync.Mutex
	names map[cache.Digest]string    // folders, by key; nil = not looked yet
	known map[cache.Digest]*preamble // those that have been read
}

func newPreambleStore(s *Service) *preambleStore {
	return &preambleStore{s: s, dir: s.cfg.PreambleDir, max: s.cfg.MaxPreamble, known: make(map[cache.Digest]*preamble)}
}

// take returns the preamble of a key if it is what its inputs would make now, else
// why not. leave must follow.
func (d *preambleStore) take(v *snapshot.Tree, key cache.Digest) (*preamble, string) {
	d.mu.Lock()
	p := d.find(key)
	if p != nil {
		p.users++
	}
	d.mu.Unlock()
	if p == nil {
		return nil, ""
	}
	if why := d.invalid(v, p); why != "" {
		d.leave(p)
		return nil, "none: " + why
	}
	d.touch(p)
	return p, "used"
}

func (d *preambleStore) leave(p *preamble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.users--
}

// has reports whether there is a valid one.
func (d *preambleStore) has(v *snapshot.Tree, key cache.Digest) bool {
	d.mu.Lock()
	p := d.find(key)
	d.mu.Unlock()
	return p != nil && d.invalid(v, p) == ""
}

// isEmpty reports whether there is none.
func (d *preambleStore) isEmpty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readNames()
	return len(d.names) == 0
}

// readNames reads the folder's names once. d.mu is held.
func (d *preambleStore) readNames() {
	if d.names != nil {
		return
	}
	d.names = make(map[cache.Digest]string)
	entries, _ := os.ReadDir(d.dir)
	for _, e := range entries {
		hex, _, _ := strings.Cut(e.Name(), "-")
		if key, err := cache.ParseDigest(hex); err == nil {
			d.names[key] = e.Name()
		}
	}
}

// find reads the facts of a key when they are first asked for. d.mu is held.
func (d *preambleStore) find(key cache.Digest) *preamble {
	d.readNames()
	if p := d.known[key]; p != nil {
		return p
	}
	name, ok := d.names[key]
	if !ok {
		return nil
	}
	p := d.read(key, filepath.Join(d.dir, name))
	if p == nil {
		delete(d.names, key)
		return nil
	}
	d.known[key] = p
	return p
}

func (d *preambleStore) read(key cache.Digest, dir string) *preamble {
	b, err := os.ReadFile(filepath.Join(dir, factsFile))
	if err != nil {
		return nil
	}
	p := &preamble{dir: dir}
	if gob.NewDecoder(bytes.NewReader(b)).Decode(&p.preambleFacts) != nil || p.Schema != preambleSchema ||
		!bytes.Equal(p.Key, key[:]) || len(p.Files) != 3 {
		return nil
	}
	d.adopt(p)
	return p
}

// inputs is what it was made from, until it is adopted.
func (p *preamble) inputs() cache.InputSet {
	return cache.InputSet{Inputs: p.Inputs, Misses: p.Misses, Listings: p.Listings}
}

// adopt gives its inputs numbers.
func (d *preambleStore) adopt(p *preamble) {
	p.packed = d.s.tables.Pack(snapshot.FromCache(p.inputs()))
	p.Inputs, p.Misses, p.Listings = nil, nil, nil
}

// invalid says why a preamble is not what its inputs would make now.
func (d *preambleStore) invalid(v *snapshot.Tree, p *preamble) string {
	if diff := v.Compare(p.packed); diff != nil {
		return words.Cause(ipc.Cause{Kind: diff.Kind, Path: v.Tidy(diff.Path)}).Text + " since it was made"
	}
	for name, want := range p.Files {
		path := filepath.Join(p.dir, name)
		if sum, err := v.DigestOf(path); err != nil || !bytes.Equal(sum[:], want) {
			v.Forget(path)
			d.drop(p)
			return "it is gone or damaged"
		}
	}
	return ""
}

// drop deletes one.
func (d *preambleStore) drop(p *preamble) {
	key := cache.Digest(p.Key)
	d.mu.Lock()
	if d.known[key] == p {
		delete(d.known, key)
		delete(d.names, key)
	}
	d.mu.Unlock()
	removePreamble(p.dir)
}

// removePreamble deletes the facts first: what is left is not finished.
func removePreamble(dir string) {
	_ = os.Remove(filepath.Join(dir, factsFile))
	_ = os.RemoveAll(dir)
}

// touch notes a use, for trim, at most once a minute.
func (d *preambleStore) touch(p *preamble) {
	now := time.Now()
	d.mu.Lock()
	late := now.Sub(p.used) > time.Minute
	if late {
		p.used = now
	}
	d.mu.Unlock()
	if late {
		_ = os.Chtimes(filepath.Join(p.dir, factsFile), now, now)
	}
}

// begin makes the folder of a preamble with what clang needs to compile it.
func (d *preambleStore) begin(key cache.Digest, source string, text []byte) (dir string, err error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return "", err
	}
	dir = filepath.Join(d.dir, key.String()+"-"+rand.Text())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	stub := filepath.Join(dir, stubFile)
	overlay, err := overlayOf(source, stub)
	return dir, errors.Join(err, os.WriteFile(stub, text, 0o600), os.WriteFile(filepath.Join(dir, overlayFile), overlay, 0o600))
}

// overlayOf puts a file into the folder of a source, for clang only. JSON is YAML.
func overlayOf(source, stub string) ([]byte, error) {
	type entry struct {
		Name     string  `json:"name"`
		Type     string  `json:"type"`
		External string  `json:"external-contents,omitempty"`
		Contents []entry `json:"contents,omitempty"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // < and > stay: LLVM's YAML reads few escapes
	err := e.Encode(map[string]any{"version": 0, "use-external-names": false, "roots": []entry{{
		Name: filepath.Dir(source), Type: "directory",
		Contents: []entry{{Name: filepath.Base(source) + preambleSuffix, Type: "file", External: stub}},
	}}})
	return b.Bytes(), err
}

// publish makes a finished folder one that is found, in the place of an older one of
// the same key, and makes room.
func (d *preambleStore) publish(v *snapshot.Tree, p *preamble) error {
	p.Schema, p.Files = preambleSchema, make(map[string][]byte)
	for _, name := range []string{overlayFile, stubFile, pchFile} {
		path := filepath.Join(p.dir, name)
		is, err := snapshot.HashFile(path)
		if err != nil {
			return err
		}
		d.s.digests.Trust(is.Sig, is.Digest)
		p.Files[name] = is.Digest[:]
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(p.preambleFacts); err != nil {
		return err
	}
	path := filepath.Join(p.dir, factsFile)
	if err := os.WriteFile(path+".new", b.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d.adopt(p)
	d.put(p)
	d.trim()
	return nil
}

func (d *preambleStore) put(p *preamble) {
	key := cache.Digest(p.Key)
	d.mu.Lock()
	old := d.find(key)
	d.names[key], d.known[key] = filepath.Base(p.dir), p
	d.mu.Unlock()
	if old != nil && old.dir != p.dir {
		removePreamble(old.dir)
	}
}

// trim deletes those that were used least recently until the rest fits, but none
// in use, and what killed processes left.
func (d *preambleStore) trim() {
	type folder struct {
		dir  string
		used time.Time
		size int64
	}
	var all []folder
	var sum int64
	entries, _ := os.ReadDir(d.dir)
	for _, e := range entries {
		f := folder{dir: filepath.Join(d.dir, e.Name())}
		facts, err := os.Stat(filepath.Join(f.dir, factsFile))
		if err == nil {
			f.used = facts.ModTime()
		} else if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < abandoned {
			continue
		}
		f.size = folderSize(f.dir)
		sum += f.size
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b folder) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.dir, b.dir)) })
	for _, f := range all {
		if sum <= d.max && !f.used.IsZero() || !d.release(f.dir) {
			continue
		}
		removePreamble(f.dir)
		sum -= f.size
	}
}

// release forgets a folder, unless it is in use.
func (d *preambleStore) release(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	hex, _, _ := strings.Cut(filepath.Base(dir), "-")
	key, err := cache.ParseDigest(hex)
	if err != nil {
		return true
	}
	if p := d.known[key]; p != nil && p.dir == dir {
		if p.users > 0 {
			return false
		}
		delete(d.known, key)
	}
	if d.names[key] == filepath.Base(dir) {
		delete(d.names, key)
	}
	return true
}

func folderSize(dir string) (sum int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}
