package replibuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

var _ ninjabuild.Memory = (*NinjaRunner)(nil)

// ninjaMemory is what the set of a build folder keeps of the last build that had nothing to do.
// Each file that the build looked at is an input of one node of discovery, by signature, and
// each that was missing is a miss. While that node is clean, and everything below is the same,
// the same build has nothing to do.
//
// The first of such builds is only noted: to record ten thousand files takes longer than to
// look at them, so it is done when the same build comes a second time.
type ninjaMemory struct {
	Key        string        `json:"key"`        // of the build
	Executable ipc.Signature `json:"executable"` // of the program that decided
	Token      string        `json:"token"`      // of the records of discovery; "" = the build was only noted
	Dirty      string        `json:"dirty"`      // digest of the other nodes that are dirty
	Variables  []string      `json:"variables"`  // names that edges asked for
	Values     string        `json:"values"`     // digest of their values
}

const (
	// ninjaMemoryFile is in the set's state folder.
	ninjaMemoryFile = "ninja-memory.json"
	// ninjaMemoryNode is the ID of the node; those of edges begin with edgePrefix.
	ninjaMemoryNode = "nothing to do"
)

// UpToDate implements [ninjabuild.Memory].
func (r *NinjaRunner) UpToDate(ctx context.Context, dir string, env []string, key string) bool {
	p, remembered, ok := openNinjaMemory(dir, env)
	if !ok || !remembered.isOf(key, env, ownSignature()) || !p.isWatched() {
		return false
	}
	w := newWiring(p, nil)
	defer w.close()
	return remembered.holds(ctx, w.discoveryClient())
}

// isOf reports whether this is what was remembered of a build, by a program, where variables have
// the same values.
func (m *ninjaMemory) isOf(key string, env []string, program ipc.Signature) bool {
	return m.Token != "" && m.Key == key && m.Executable == program && m.Values == valuesDigest(m.Variables, env)
}

// holds reports whether no file has changed since, as a service of discovery that watches them
// says.
func (m *ninjaMemory) holds(ctx context.Context, watching ipc.Discovery) bool {
	reply, err := watching.Sync(ctx, ipc.SyncRequest{})
	return err == nil && reply.Token == m.Token && dirtyDigest(reply.Dirty) == m.Dirty &&
		!slices.ContainsFunc(reply.Dirty, func(n ipc.DirtyNode) bool { return n.ID == ninjaMemoryNode })
}

// Remember implements [ninjabuild.Memory]. What fails is not remembered: the next build looks
// for itself.
func (r *NinjaRunner) Remember(ctx context.Context, dir, key string, looked *ninjabuild.Looked) {
	r.mu.Lock()
	found := r.found
	r.mu.Unlock()
	if found.records == nil || !found.watched {
		return
	}
	p, before, ok := openNinjaMemory(dir, found.env)
	if !ok {
		return
	}
	now := ninjaMemory{Key: key, Executable: ownSignature(), Dirty: found.dirtyDigest, Variables: found.records.asked.Names()}
	now.Values = valuesDigest(now.Variables, found.env)
	if before.Key == key && before.Executable == now.Executable && isSettled(p.Root(), looked) {
		now.Token = recordLooked(ctx, p, looked)
	}
	if data, err := json.Marshal(now); err == nil {
		_ = atomicfile.Write(filepath.Join(p.paths.StateDir(), ninjaMemoryFile), data)
	}
}

// recordLooked gives discovery the node, and returns the token of its records, "" if it fails.
func recordLooked(ctx context.Context, p *Project, looked *ninjabuild.Looked) string {
	w := newWiring(p, nil)
	defer w.close()
	ctx, cancel := context.WithTimeout(ctx, maxRecord)
	defer cancel()
	reply, err := w.discoveryClient().Record(ctx, ipc.RecordRequest{Track: trackOf(p.Root(), looked)})
	if err != nil {
		return ""
	}
	return reply.Token
}

// trackOf is the node of what a build in root looked at. The paths of a manifest have no ".."
// but at their beginning, and root is not reached through a link.
func trackOf(root string, looked *ninjabuild.Looked) ipc.Track {
	node := ipc.NodeRecord{ID: ninjaMemoryNode}
	t := ipc.Track{Files: make([]ipc.FileSig, 0, len(looked.Files))}
	for _, f := range looked.Files {
		node.Inputs = append(node.Inputs, uint32(len(t.Files)))
		t.Files = append(t.Files, ipc.FileSig{Path: fromRoot(root, f.Path), Sig: f.Sig})
	}
	missing := map[string][]string{}
	for _, path := range looked.Missing {
		folder, name := filepath.Split(fromRoot(root, path))
		missing[filepath.Clean(folder)] = append(missing[filepath.Clean(folder)], name)
	}
	for folder, names := range missing {
		node.Misses = append(node.Misses, uint32(len(t.Misses)))
		t.Misses = append(t.Misses, ipc.Miss{Dir: folder, Names: names})
	}
	t.Nodes = []ipc.NodeRecord{node}
	return t
}

// fromRoot is a path as discovery has it: relative beneath the root, absolute elsewhere.
func fromRoot(root, path string) string {
	if filepath.IsLocal(path) {
		return path
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(root, path)
}

// isSettled reports whether the files that were read had been left alone for long enough that
// a later change shows in their signatures.
func isSettled(root string, looked *ninjabuild.Looked) bool {
	var disks stamps.Disks
	return !slices.ContainsFunc(looked.Read, func(f ipc.FileSig) bool {
		path := f.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		return f.Sig.Exists() && !disks.IsSettled(path, f.Sig, looked.Since.UnixNano())
	})
}

// openNinjaMemory opens the set of a build folder and what it remembers. ok is false if it has
// no set.
func openNinjaMemory(dir string, env []string) (p *Project, m ninjaMemory, ok bool) {
	root, err := filepath.Abs(dir)
	if err != nil || forTrial(root) {
		return nil, m, false
	}
	if p, err = OpenBuildFolder(root, Options{Env: env}); err != nil {
		return nil, m, false
	}
	if data, err := os.ReadFile(filepath.Join(p.paths.StateDir(), ninjaMemoryFile)); err == nil {
		_ = json.Unmarshal(data, &m) // what is damaged remembers nothing
	}
	return p, m, true
}

// isWatched reports whether a daemon of discovery follows the files of the project and can
// serve this process.
func (p *Project) isWatched() bool {
	return p.supervisor().Alive(ipc.NameDiscovery) && p.supervisor().Unfit(caller.Own(), ipc.NameDiscovery) == nil
}

// ownSignature is that of this program: another one may decide otherwise.
func ownSignature() ipc.Signature {
	path, err := os.Executable()
	if err != nil {
		return ipc.Signature{}
	}
	return ipc.StatSignature(path)
}

// dirtyDigest names the dirty nodes and why they are.
func dirtyDigest(nodes []ipc.DirtyNode) string {
	others := slices.DeleteFunc(slices.Clone(nodes), func(n ipc.DirtyNode) bool { return n.ID == ninjaMemoryNode })
	return digestOf(others)
}

// valuesDigest names the values of variables.
func valuesDigest(names, env []string) string {
	now, texts := environment.New(env), make([]string, len(names))
	for i, name := range names {
		texts[i] = now.Text(name)
	}
	return digestOf(texts)
}

func digestOf(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
