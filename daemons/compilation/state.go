package compilation

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// stateSchema changes with anything that is written below.
const stateSchema = "replibuild compilation state 5\n"

// savedState is the content of the state file behind the schema line, the line of the
// root and the SHA-256 of the rest: the records with the tables that they point into, and the
// digests of files. Losing it costs some hashing, and reasons say "new" for a while;
// it never makes anything wrong, because signatures are compared again.
type savedState struct {
	Paths    []string
	Files    []savedFile
	Listings []cache.Listing
	Recipes  []recipe
	Records  map[string]*record
	Digests  []savedDigest
}

type savedFile struct {
	Path   uint32
	Digest []byte
}

type savedDigest struct {
	Sig    ipc.Signature
	Digest []byte
}

// saveState writes what is in use to file, by way of a temporary file.
func saveState(file string, root rootid.ID, r *records, t *snapshot.Interner, d *snapshot.HashCache) error {
	state := collectState(r, t)
	for sig, sum := range d.All() {
		state.Digests = append(state.Digests, savedDigest{sig, sum[:]})
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(state); err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if err := rootid.MakeFolder(filepath.Dir(file)); err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	return atomicfile.Write(file, slices.Concat([]byte(stateSchema), root.Header(), sum[:], body.Bytes()))
}

// collectState copies the records with new tables that hold what they use only.
func collectState(r *records, t *snapshot.Interner) *savedState {
	byID, recipes := r.snapshot()
	fresh := snapshot.NewInterner()
	state := &savedState{Records: make(map[string]*record, len(byID))}
	used := make(map[cache.Digest]bool)
	for id, rec := range byID {
		c := *rec
		c.Set = fresh.Pack(t.Unpack(rec.Set))
		state.Records[id] = &c
		if made := recipes[rec.Recipe]; made != nil && !used[rec.Recipe] {
			used[rec.Recipe] = true
			state.Recipes = append(state.Recipes, *made)
		}
	}
	paths, files, listings := fresh.Contents()
	state.Paths, state.Listings = paths, listings
	for _, f := range files {
		state.Files = append(state.Files, savedFile{f.Path, f.Digest[:]})
	}
	return state
}

// loadState reads what saveState wrote for the same root. A file that is not there is no
// error.
func loadState(file string, root rootid.ID, r *records, t *snapshot.Interner, d *snapshot.HashCache) error {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	state, err := decodeState(b, root)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	files := make([]snapshot.File, len(state.Files))
	for i, f := range state.Files {
		files[i] = snapshot.File{Path: f.Path, Digest: cache.Digest(f.Digest)}
	}
	t.Restore(state.Paths, files, state.Listings)
	for i := range state.Recipes {
		r.recipes[state.Recipes[i].digest()] = &state.Recipes[i]
	}
	for id, rec := range state.Records {
		r.set(id, rec)
	}
	for _, s := range state.Digests {
		d.Trust(s.Sig, cache.Digest(s.Digest))
	}
	return nil
}

var errState = errors.New("not a state file of this version and folder, or damaged")

// decodeState checks everything that the rest of the package relies on.
func decodeState(b []byte, root rootid.ID) (*savedState, error) {
	body, ok := bytes.CutPrefix(b, []byte(stateSchema))
	if ok {
		body, ok = root.Cut(body)
	}
	if !ok || len(body) < sha256.Size {
		return nil, errState
	}
	sum, body := body[:sha256.Size], body[sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, errState
	}
	var state savedState
	if err := gob.NewDecoder(bufio.NewReader(bytes.NewReader(body))).Decode(&state); err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	for _, f := range state.Files {
		if int(f.Path) >= len(state.Paths) || len(f.Digest) != sha256.Size {
			return nil, errState
		}
	}
	for _, d := range state.Digests {
		if len(d.Digest) != sha256.Size {
			return nil, errState
		}
	}
	return &state, nil
}
