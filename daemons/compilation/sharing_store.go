package compilation

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/portable"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/userconfig"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// sharedStore is the store that the projects and worktrees of one user share. Its entries have
// portable keys, and instead of names of roots markers.
type sharedStore struct{ cache *cache.Store }

func (sharedStore) name() string { return ipc.TierShared }
func (sharedStore) far() bool    { return false }

func (s sharedStore) pathSets(_ context.Context, index cache.Digest) iter.Seq[cache.InputSet] {
	return slices.Values(s.cache.InputSets(index))
}

func (s sharedStore) entry(_ context.Context, key cache.Digest, _ ...string) *foundEntry {
	e, _ := s.cache.Get(key)
	if e == nil {
		return nil
	}
	return &foundEntry{e, func(context.Context) (map[string]cache.Ready, error) {
		files := make(map[string]cache.Ready, len(e.Outputs))
		for _, o := range e.Outputs {
			file := s.cache.BlobFile(o)
			if file == "" {
				return nil, fmt.Errorf("output %s: %w", o.Name, cache.ErrDamaged)
			}
			files[o.Name] = cache.Ready{File: file}
		}
		return files, nil
	}}
}

func (s sharedStore) wants(key cache.Digest) bool { return !s.cache.Has(key) }

func (s sharedStore) store(index cache.Digest, paths cache.InputSet, e *cache.Entry, files map[string]*os.File) error {
	if err := s.cache.Put(e, files); err != nil {
		return err
	}
	return s.cache.AddInputSet(index, paths)
}

func (s sharedStore) count(found *cache.Entry) {
	if found == nil {
		s.cache.Miss(string(cache.New))
		return
	}
	s.cache.Hit(found.Seconds)
}

// tiers are the places beyond the project's cache, opened when a request first wants them,
// with what became of the results that were offered to them.
type tiers struct {
	s *Service

	remotes remotecache.Current // the client of the server that counts now

	mu     sync.Mutex
	shared *cache.Store
	remote *remoteTier
	off    string // why the server is not used any more, while no file says so
	last   tiersOfBuild
	stored int            // results that were stored
	kept   map[string]int // results that stay in this folder, by reason
	// named says of inputs whether they contain the name of a root.
	named map[namedIn]bool
	// made are the shareable outputs that the last build made because no place had them.
	made map[string]bool
	// late are the outputs that a look-up ahead of the last build has not waited for.
	late map[string]bool
}

// maxKeptReasons bounds how many reasons are told apart.
const maxKeptReasons = 64

func newTiers(s *Service) *tiers {
	return &tiers{s: s, kept: make(map[string]int), named: make(map[namedIn]bool), made: make(map[string]bool), late: make(map[string]bool)}
}

// of returns the places that a build may use, in the order in which they are asked. The files
// that say so are read once for each build.
func (p *tiers) of(build string, wish ipc.Sharing) []tier {
	if p.s.cfg.Home == "" {
		return nil
	}
	p.mu.Lock()
	known := p.last.build == build && p.last.shared == wish.Shared
	list := p.last.list
	p.mu.Unlock()
	if !known {
		list = p.find(build, wish)
		p.mu.Lock()
		if p.last.build != build {
			clear(p.made)
			clear(p.late)
		}
		p.last = tiersOfBuild{build, wish.Shared, list}
		p.mu.Unlock()
	}
	return list
}

// tiersOfBuild are the places that the last build may use.
type tiersOfBuild struct {
	build  string
	shared bool
	list   []tier
}

func (p *tiers) find(build string, wish ipc.Sharing) (list []tier) {
	user, err := userconfig.Load(p.s.cfg.Home)
	if err != nil {
		p.s.log.Warn("no results are shared", "error", err) // the build has told it
		return nil
	}
	if user.Cache.Shared || wish.Shared {
		list = append(list, sharedStore{p.openShared(user.Cache)})
	}
	if r := p.openRemote(build); r != nil {
		list = append(list, r)
	}
	return list
}

func (p *tiers) openShared(c userconfig.Cache) *cache.Store {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		p.shared = cache.Open(p.s.cfg.SharedDir, cache.Options{MaxBytes: c.MaxBytes(), TTL: c.TTL(), Log: p.s.cfg.Log})
	}
	return p.shared
}

// maxNamed bounds for how many contents it is remembered whether they name a root.
const maxNamed = 1 << 16

// namedIn is a content and the folders that it was searched for.
type namedIn struct {
	content cache.Digest
	roots   string
}

func (p *tiers) namedRoot(content cache.Digest, roots portable.Roots) (named, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	named, known = p.named[namedIn{content, roots.String()}]
	return named, known
}

func (p *tiers) noteNamedRoot(content cache.Digest, roots portable.Roots, named bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.named) >= maxNamed {
		clear(p.named)
	}
	p.named[namedIn{content, roots.String()}] = named
}

// noteMade notes outputs that are made now.
func (p *tiers) noteMade(root string, outputs []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, out := range outputs {
		p.made[snapshot.Spell(root, out)] = true
	}
}

// noteLate notes outputs that this build asks no server for again.
func (p *tiers) noteLate(root string, outputs []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late[snapshot.Spell(root, outputs[0])] = true
}

func (p *tiers) isLate(root string, outputs []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late[snapshot.Spell(root, outputs[0])]
}

// madeAny reports whether one of the files was made in this build.
func (p *tiers) madeAny(root string, files []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(files, func(file string) bool { return p.made[snapshot.Spell(root, file)] })
}

// published counts a result that was stored.
func (p *tiers) published() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored++
}

// refuse counts a result that stays in this folder, or a command whose results do.
func (p *tiers) refuse(id, why string) {
	p.s.log.Debug("not shared", "id", id, "reason", why)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.kept[why]; known || len(p.kept) < maxKeptReasons {
		p.kept[why]++
	}
}

// stats are the numbers of the places that are in use.
func (p *tiers) stats() (list []ipc.TierStats) {
	p.find("", ipc.Sharing{}) // the files may want a place that no request has wanted yet
	if s := p.opened(); s != nil {
		st := s.Stats()
		list = append(list, ipc.TierStats{
			Name: ipc.TierShared, Place: s.Dir(), Bytes: st.Bytes, MaxBytes: st.MaxBytes, Entries: st.Entries,
			Hits: st.Hits, Misses: st.Misses, Stored: st.Stored, SavedSeconds: st.SavedSeconds,
		})
	}
	if c := p.remotes.Client(); c != nil {
		list = append(list, RemoteStats(c.Health()))
	}
	return list
}

// counts are the results that were stored, and those that were not, by reason.
func (p *tiers) counts() (stored int, kept map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stored, maps.Clone(p.kept)
}

// opened is the shared store, nil if no request has wanted it.
func (p *tiers) opened() *cache.Store {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shared
}

func (p *tiers) close() {
	_ = p.remotes.Close() // always nil
	p.mu.Lock()
	if p.remote != nil {
		p.remote.remove()
	}
	p.mu.Unlock()
	if s := p.opened(); s != nil {
		_ = s.Close() // always nil
	}
}
