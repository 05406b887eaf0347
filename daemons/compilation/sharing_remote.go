package compilation

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

const (
	// maxPathSets is how many path sets an index leads to, the newest first.
	maxPathSets = 16
	// inlinePathSets is how many of them come with the answer; a set has some 6 KB.
	inlinePathSets = 2
	// maxPathSet bounds a path set that comes from a server, in bytes as it is in memory.
	maxPathSet = 16 << 20
)

// remoteTier is a server that speaks the Remote Execution API or the simple HTTP cache. What an
// index leads to is a value whose files are path sets; an entry is a value whose files are the
// outputs, and whose Meta is the rest.
type remoteTier struct {
	client *remotecache.Client
	upload bool
	origin string // of what is stored: who made it
	dir    string // for what is to be uploaded, and path sets
	local  *cache.Store
	blobs  string // for outputs that the project's cache takes

	mu     sync.Mutex
	sets   map[cache.Digest][]remotecache.File // path sets of an index that lie in dir
	known  map[cache.Digest]bool               // keys that the server has
	asked  map[cache.Digest]bool               // keys that this build has asked for
	helped time.Time                           // when the last answer came that was of use
}

func newRemoteTier(client *remotecache.Client, upload bool, origin string, dir string, local *cache.Store) *remoteTier {
	return &remoteTier{
		client: client, upload: upload, origin: origin, dir: dir, local: local, blobs: local.Incoming(),
		sets: make(map[cache.Digest][]remotecache.File), known: make(map[cache.Digest]bool), asked: make(map[cache.Digest]bool),
	}
}

func (r *remoteTier) name() string { return ipc.TierRemote }
func (r *remoteTier) far() bool    { return true }

// remove removes the files on their way. A look-up that still needs one misses.
func (r *remoteTier) remove() {
	_ = os.RemoveAll(r.dir)
	_ = os.RemoveAll(r.blobs)
}

// begin has a new build ask again what earlier ones have asked.
func (r *remoteTier) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.asked)
}

// pathSets asks for an index once in a build: what the look-up ahead of a build by build.ninja
// has asked, the compile does not ask again. The newest come with the answer; the others are
// fetched when those do not fit. Only if none fits are those that came kept as files, for the compile
// that follows: to make a file costs more than to ask for it.
func (r *remoteTier) pathSets(ctx context.Context, index cache.Digest) iter.Seq[cache.InputSet] {
	return func(yield func(cache.InputSet) bool) {
		files := r.setsOf(ctx, index)
		for i, f := range files {
			text := f.Contents
			if text == nil {
				file := filepath.Join(r.dir, f.Hex())
				if !isHere(file) && r.client.Fetch(ctx, files[i:], r.dir) != nil {
					return
				}
				var err error
				if text, err = os.ReadFile(file); err != nil {
					continue
				}
			}
			if set, err := readPathSet(text); err == nil && !yield(set) {
				return
			}
		}
		came := slices.DeleteFunc(slices.Clone(files), func(f remotecache.File) bool { return f.Contents == nil })
		_ = r.client.Fetch(ctx, came, r.dir) // only writes; what is not there is fetched
	}
}

// setsOf are the files of the path sets of an index. Those that came with the answer have
// their contents.
func (r *remoteTier) setsOf(ctx context.Context, index cache.Digest) []remotecache.File {
	r.mu.Lock()
	files, asked := r.sets[index], r.asked[index]
	r.mu.Unlock()
	if asked {
		return files
	}
	names := make([]string, inlinePathSets)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	v := r.lookup(ctx, index, names...)
	if v == nil || len(v.Files) > maxPathSets {
		return nil
	}
	known := slices.Clone(v.Files)
	for i := range known {
		known[i].Contents = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets[index] = known
	return v.Files
}

// lookup asks for a key, and notes that this build has asked.
func (r *remoteTier) lookup(ctx context.Context, key cache.Digest, inline ...string) *remotecache.Value {
	v := r.client.Lookup(ctx, []remotecache.Key{remotecache.Key(key)}, inline...)[0]
	if v != nil {
		r.helps()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[key] = ctx.Err() == nil
	return v
}

// entry asks for an entry. A dependency file comes with the answer; the other outputs, which
// may be large, are fetched together.
func (r *remoteTier) entry(ctx context.Context, key cache.Digest, small ...string) *foundEntry {
	r.mu.Lock()
	absent := r.asked[key] && !r.known[key]
	r.mu.Unlock()
	if absent {
		return nil
	}
	v := r.lookup(ctx, key, small...)
	if v == nil {
		return nil
	}
	var e cache.Entry
	if json.Unmarshal(v.Meta, &e) != nil {
		return nil
	}
	e.Action, e.Outputs = key, nil
	for _, f := range v.Files {
		mode := uint32(0o644)
		if f.Executable {
			mode = 0o755
		}
		e.Outputs = append(e.Outputs, cache.Output{Name: f.Name, Blob: cache.Digest(f.Digest), Size: f.Size, Mode: mode})
	}
	r.mu.Lock()
	r.known[key] = true
	r.mu.Unlock()
	return &foundEntry{&e, func(ctx context.Context) (map[string]cache.Ready, error) { return r.fetch(ctx, v.Files) }}
}

// fetch fetches the outputs of an entry, all in one call, to where the cache can take them.
func (r *remoteTier) fetch(ctx context.Context, files []remotecache.File) (map[string]cache.Ready, error) {
	if err := os.MkdirAll(r.blobs, 0o700); err != nil {
		return nil, err
	}
	contents := make(map[string]cache.Ready, len(files))
	var apart []remotecache.File
	for _, f := range files {
		if f.Contents != nil {
			contents[f.Name] = cache.Ready{Text: f.Contents}
			continue
		}
		apart = append(apart, f)
		contents[f.Name] = cache.Ready{File: filepath.Join(r.blobs, f.Hex()), Moved: true}
	}
	err := r.client.Fetch(ctx, apart, r.blobs)
	if err == nil {
		r.helps()
	}
	return contents, err
}

func (r *remoteTier) wants(key cache.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upload && !r.known[key]
}

// store hands an entry to the client, which uploads it in the background.
func (r *remoteTier) store(index cache.Digest, paths cache.InputSet, e *cache.Entry, files map[string]*os.File) error {
	set, err := r.writePathSet(paths)
	if err != nil {
		return err
	}
	value, err := r.value(e, files)
	if err != nil {
		return err
	}
	r.client.Store(remotecache.Key(e.Action), value, r.open)
	r.client.Store(remotecache.Key(index), remotecache.Value{Files: r.withSet(index, set)}, r.open)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[e.Action] = true
	return nil
}

// value is an entry as a value. Outputs that are not in the project's cache, which are
// templates, are written to the folder of files on their way.
func (r *remoteTier) value(e *cache.Entry, files map[string]*os.File) (v remotecache.Value, err error) {
	rest := *e
	rest.Outputs, rest.Origin = nil, r.origin
	if v.Meta, err = json.Marshal(rest); err != nil {
		return v, err
	}
	for _, o := range e.Outputs {
		v.Files = append(v.Files, remotecache.File{Name: o.Name, Digest: o.Blob, Size: o.Size, Executable: o.Mode&0o100 != 0})
		if slices.Contains(e.Templates, o.Name) {
			text, err := io.ReadAll(files[o.Name])
			if err != nil {
				return v, err
			}
			if err := atomicfile.Write(filepath.Join(r.dir, o.Blob.String()), text); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// open is the path of a file that is to be stored.
func (r *remoteTier) open(f remotecache.File) string {
	if path := filepath.Join(r.dir, f.Hex()); isHere(path) {
		return path
	}
	return r.local.BlobFile(cache.Output{Blob: f.Digest, Size: f.Size})
}

// withSet puts a path set before those that are known of an index. Two machines that do so at
// the same time may lose one, which costs a compile later.
func (r *remoteTier) withSet(index cache.Digest, set remotecache.File) []remotecache.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	sets := slices.DeleteFunc(slices.Clone(r.sets[index]), func(f remotecache.File) bool { return f.Digest == set.Digest })
	sets = slices.Insert(sets, 0, set)
	sets = sets[:min(len(sets), maxPathSets)]
	for i := range sets {
		sets[i].Name, sets[i].Contents = strconv.Itoa(i), nil
	}
	r.sets[index] = sets
	return slices.Clone(sets)
}

func isHere(path string) bool { return ipc.StatSignature(path).IsRegular() }

func (r *remoteTier) count(*cache.Entry) {} // the client counts

// writePathSet writes a path set, compressed, to the folder of files on their way. A real one
// has 56 KB, 6 KB compressed.
func (r *remoteTier) writePathSet(paths cache.InputSet) (f remotecache.File, err error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(cache.EncodeSet(paths)); err != nil {
		return f, err
	}
	if err := z.Close(); err != nil {
		return f, err
	}
	f = remotecache.File{Digest: cache.HashBytes(b.Bytes()), Size: int64(b.Len())}
	return f, atomicfile.Write(filepath.Join(r.dir, f.Hex()), b.Bytes())
}

func readPathSet(compressed []byte) (set cache.InputSet, err error) {
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return set, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxPathSet))
	if err != nil {
		return set, err
	}
	set, ok := cache.DecodeSet(text)
	if !ok {
		return set, errors.New("this is no path set")
	}
	return set, nil
}
