package compilation

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

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
	dir    string // for files on their way
	local  *cache.Store

	mu    sync.Mutex
	sets  map[cache.Digest][]remotecache.File // path sets of an index that lie in dir
	known map[cache.Digest]bool               // keys that the server has
	asked map[cache.Digest]bool               // keys that this build has asked for
}

func newRemoteTier(client *remotecache.Client, upload bool, origin string, dir string, local *cache.Store) *remoteTier {
	return &remoteTier{
		client: client, upload: upload, origin: origin, dir: dir, local: local,
		sets: make(map[cache.Digest][]remotecache.File), known: make(map[cache.Digest]bool), asked: make(map[cache.Digest]bool),
	}
}

func (r *remoteTier) name() string { return ipc.TierRemote }
func (r *remoteTier) far() bool    { return true }

// remove removes the files on their way. A look-up that still needs one misses.
func (r *remoteTier) remove() { _ = os.RemoveAll(r.dir) }

// begin has a new build ask again what earlier ones have asked.
func (r *remoteTier) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.asked)
}

// pathSets asks for an index once in a build: what the look-up ahead of a build by build.ninja
// has asked, the compile does not ask again. Those that did not come with the answer are
// fetched when the others do not fit.
func (r *remoteTier) pathSets(ctx context.Context, index cache.Digest) iter.Seq[cache.InputSet] {
	return func(yield func(cache.InputSet) bool) {
		files := r.setsOf(ctx, index)
		for i, f := range files {
			if !isHere(filepath.Join(r.dir, f.Hex())) && r.client.Fetch(ctx, files[i:], r.dir) != nil {
				return
			}
			if set, err := readPathSet(filepath.Join(r.dir, f.Hex())); err == nil && !yield(set) {
				return
			}
		}
	}
}

// setsOf are the files of the path sets of an index. Some lie in dir.
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
	came := slices.DeleteFunc(slices.Clone(v.Files), func(f remotecache.File) bool { return f.Contents == nil })
	if r.client.Fetch(ctx, came, r.dir) != nil { // only written, for they came along
		return nil
	}
	for i := range v.Files {
		v.Files[i].Contents = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets[index] = v.Files
	return v.Files
}

// lookup asks for a key, and notes that this build has asked.
func (r *remoteTier) lookup(ctx context.Context, key cache.Digest, inline ...string) *remotecache.Value {
	v := r.client.Lookup(ctx, []remotecache.Key{remotecache.Key(key)}, inline...)[0]
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
	return &foundEntry{&e, func(ctx context.Context) (map[string]*os.File, error) { return r.fetch(ctx, &e, v.Files) }}
}

// fetch fetches the outputs of an entry, all in one call.
func (r *remoteTier) fetch(ctx context.Context, e *cache.Entry, files []remotecache.File) (map[string]*os.File, error) {
	dir, err := os.MkdirTemp(r.dir, "fetch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := r.client.Fetch(ctx, files, dir); err != nil {
		return nil, err
	}
	return openOutputs(e, func(o cache.Output) (*os.File, error) {
		return os.Open(filepath.Join(dir, o.Blob.String()))
	})
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

func readPathSet(file string) (set cache.InputSet, err error) {
	f, err := os.Open(file)
	if err != nil {
		return set, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return set, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxPathSet))
	if err != nil {
		return set, err
	}
	set, ok := cache.DecodeSet(text)
	if !ok {
		return set, fmt.Errorf("%s is no path set", file)
	}
	return set, nil
}
