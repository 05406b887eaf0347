package compilation

import (
	"context"
	"iter"
	"os"
	"path"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/portable"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/words"
)

// sharing is what is known of an action whose result may serve in other folders.
//
// The scheme is that of research on two-phase look-ups (BuildXL's weak and strong
// fingerprints): the index, a key of everything known before the inputs are, without the names
// of the roots, leads to path sets, which have no contents. The asking tree gives a path set
// its own contents; these with the index are the key of the entry. So a hit is right
// in the asking tree, whatever lies in the tree that made it.
type sharing struct {
	index func() (cache.Digest, error)
	// mapped: the command itself hides the roots, so that the result needs no proof.
	mapped bool
	// compile is the command with more prefix maps, for another output and without dependency
	// files; nil if it is no compile. With maps it proves that the roots do not matter. Of an
	// archive or link, whose other inputs count by content, it is all there is to know that
	// the roots are not in the outputs.
	compile func(maps []string, output string) []string
	// members are the inputs that an archive or link counts by content.
	members []string
}

// sharingVersion changes with what is taken into these keys.
const sharingVersion = "1"

// portableRecipe is the digest of a recipe without the names of the roots.
func portableRecipe(r *recipe, roots portable.Roots) cache.Digest {
	return cache.NewKey("portable recipe").Field("version", sharingVersion, observationVersion).Field("kind", r.Kind).
		Field("identity", r.Identity).Field("args", roots.MarkArgs(r.Args)...).Sum()
}

// portableKey is the key of an entry: the index with what the paths have in one tree.
func portableKey(index cache.Digest, set snapshot.InputSet, roots portable.Roots) cache.Digest {
	marked := snapshot.InputSet{Files: make([]cache.Input, len(set.Files)), Misses: make([]string, len(set.Misses)), Listings: make([]cache.Listing, len(set.Listings))}
	for i, f := range set.Files {
		marked.Files[i] = cache.Input{Path: roots.Mark(f.Path), Digest: f.Digest}
	}
	for i, m := range set.Misses {
		marked.Misses[i] = roots.Mark(m)
	}
	for i, l := range set.Listings {
		// Answers name paths too: the target of a link, the variable PWD.
		marked.Listings[i] = cache.Listing{Dir: roots.Mark(l.Dir), Match: roots.Mark(l.Match), Digest: roots.Mark(l.Digest)}
	}
	return actionKey(index, marked)
}

// pathSetOf makes the path set of what an action read. Its Action is a digest of itself. why
// says for which reason it means nothing in another tree, "" if it does.
func pathSetOf(set snapshot.InputSet, roots portable.Roots) (paths cache.InputSet, why string) {
	for _, f := range set.Files {
		if precompiled[path.Ext(f.Path)] {
			return paths, f.Path + " is precompiled"
		}
	}
	for _, l := range set.Listings {
		if l.Match == snapshot.WrittenAt || l.Match == snapshot.ModeAndTime {
			return paths, "the time of " + l.Dir + " counts"
		}
	}
	paths = set.Paths(roots.Mark)
	paths.Action = actionKey(cache.Digest{}, snapshot.FromCache(paths))
	return paths, ""
}

// precompiled are extensions of files that belong to one folder: they hold absolute names and
// times.
var precompiled = map[string]bool{".gch": true, ".pch": true, ".pcm": true, ".gcm": true}

// tier is a place beyond the project's own cache where results are looked for.
type tier interface {
	// name is ipc.TierShared or ipc.TierRemote.
	name() string
	// far: an answer takes a round trip, so many are asked for at a time.
	far() bool
	// pathSets are those of an index, the newest first.
	pathSets(ctx context.Context, index cache.Digest) iter.Seq[cache.InputSet]
	// entry is what is stored for a key, nil if nothing is. Outputs with the names in small
	// may come with the answer.
	entry(ctx context.Context, key cache.Digest, small ...string) *foundEntry
	// wants reports whether an entry may be stored: it is allowed, and not there yet.
	wants(key cache.Digest) bool
	// store stores an entry, with its key in e.Action, and the path set that leads to it.
	store(index cache.Digest, paths cache.InputSet, e *cache.Entry, files map[string]*os.File) error
	// count notes whether a look-up was answered, and the seconds that it saved.
	count(found *cache.Entry)
}

// foundEntry is an entry of a place beyond the project's cache.
type foundEntry struct {
	*cache.Entry
	// contents are those of the outputs, by name, for the project's cache to take.
	contents func(ctx context.Context) (map[string]cache.Ready, error)
}

// lookupTiers asks the places beyond the project's cache, those that are far or the others.
// What it finds it adopts into the cache, and delivers from there. Hundreds may wait for
// places that are far: nothing is held meanwhile but the lead of the key. c is for those.
func (w *work) lookupTiers(ctx context.Context, t *attempt, far bool, c *claim) *result {
	if t.share == nil || !t.looked || far && !t.asksFar(w) {
		return nil
	}
	for _, from := range w.tiers {
		if from.far() != far {
			continue
		}
		index, err := t.share.index()
		if err != nil {
			return nil
		}
		if r := w.lookupTier(ctx, t, from, index, c); r != nil {
			return r
		}
	}
	return nil
}

// asksFar reports whether a place that is far is asked. It is not asked for an archive or link of
// what this build has made here: it had no result for that, and whoever stores the one stores
// the other. So a server that is slow and has nothing delays a build once only. Nor is it asked
// again for what a look-up ahead of the build has not waited for.
func (t *attempt) asksFar(w *work) bool {
	return t.share != nil && t.looked && w.server() != nil && !w.s.tiers.madeAny(w.root, t.share.members) && !w.s.tiers.isLate(w.root, t.outputs)
}

func (w *work) lookupTier(ctx context.Context, t *attempt, from tier, index cache.Digest, c *claim) *result {
	for paths := range from.pathSets(ctx, index) {
		if !c.open() {
			return nil
		}
		set, ok := w.view.Measure(paths, w.roots.Expand)
		if !ok {
			continue
		}
		found := from.entry(ctx, portableKey(index, set, w.roots), t.smallOutputs(w)...)
		if found == nil {
			continue
		}
		if !c.take() {
			return nil
		}
		entry, err := w.adopt(ctx, t, from, found, set)
		if err != nil {
			w.s.log.Debug("a result of another place is not used", "id", t.id, "place", from.name(), "error", err)
			continue
		}
		r, err := w.deliver(ctx, t, entry, w.s.tables.Pack(set))
		if err != nil {
			continue
		}
		from.count(found.Entry)
		r.Reason = words.FromTier(from.name(), found.Origin)
		return r
	}
	from.count(nil)
	return nil
}
