package discovery

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/bmatcuk/doublestar/v4"
)

// listing is a folder whose names somebody read, by a pattern that may reach into
// the folders beneath it. Links to folders are names, but are not entered.
type listing struct {
	number   uint32
	dir      *dirNode
	match    string
	expects  []uint32
	branches map[string]*branch // by path relative to the folder, "" for itself
	digest   string             // of the names when they were last looked at
	changed  bool               // digest has to be taken anew
}

// branch is one folder of a listing.
type branch struct {
	listing *listing
	dir     *dirNode
	rel     string
	names   []string // that match, relative to the listing's folder
	dirs    []string // folders in it that the pattern reaches into
	read    signed   // the folder when it was read
	stale   bool     // an event told of other names
}

// signed is a folder's signature with the assurance that its names cannot have
// changed since without changing it.
type signed struct {
	sig  ipc.Signature
	sure bool
}

// signFolder signs a folder that is about to be read.
func (g *graph) signFolder(p *dirNode) signed {
	sig := ipc.StatSignature(p.abs)
	if sig.Exists() && sig.Dev != p.on {
		p.traits, p.on = traitsOf(p.abs), sig.Dev
	}
	return signed{sig: sig, sure: p.traits.local && sig.Exists() && g.disks.IsSettled(p.abs, sig, time.Now().UnixNano())}
}

// same reports whether a folder signed as now has the names that it had before.
func (before signed) same(now signed) bool { return before.sure && before.sig == now.sig }

// listingFor returns the listing of a folder by a pattern; fresh tells that nothing
// has been read yet.
func (g *graph) listingFor(p *dirNode, match string) (l *listing, fresh bool) {
	for _, b := range p.branches {
		if b.rel == "" && b.listing.dir == p && b.listing.match == match {
			return b.listing, false
		}
	}
	l = &listing{number: uint32(len(g.listings)), dir: p, match: match, branches: map[string]*branch{}, changed: true}
	g.listings = append(g.listings, l)
	return l, true
}

// grow adds the folder rel, as far as it is not there, and returns it.
func (g *graph) grow(l *listing, rel string) *branch {
	dir := l.dir.path
	if rel != "" {
		dir = l.dir.join(rel)
	}
	b := &branch{listing: l, dir: g.dirAt(dir), rel: rel, stale: true}
	b.dir.branches = append(b.dir.branches, b)
	l.branches[rel] = b
	return b
}

// prune takes the folder rel and all beneath it out of the listing.
func (l *listing) prune(rel string) (left []*dirNode) {
	b := l.branches[rel]
	if b == nil {
		return nil
	}
	l.changed = l.changed || len(b.names) > 0
	delete(l.branches, rel)
	b.dir.branches = slices.DeleteFunc(b.dir.branches, func(x *branch) bool { return x == b })
	left = append(left, b.dir)
	for _, d := range b.dirs {
		left = append(left, l.prune(join(rel, d))...)
	}
	return left
}

func join(rel, name string) string {
	if rel == "" {
		return name
	}
	return rel + "/" + name
}

// scan reads the folder of a branch, which was signed just now. It returns the names that
// came or went, and of the folders beneath those that came and those that went.
func (b *branch) scan(now signed) (changed, came, went []string) {
	b.stale = false
	if b.read.same(now) {
		return nil, nil, nil
	}
	b.read = now
	var names, dirs []string
	if now.sig.IsDir() {
		names, dirs = b.listing.readNames(b.dir.abs, b.rel)
	}
	changed = append(missingIn(b.names, names), missingIn(names, b.names)...)
	b.listing.changed = b.listing.changed || len(changed) > 0
	came, went = missingIn(b.dirs, dirs), missingIn(dirs, b.dirs)
	b.names, b.dirs = names, dirs
	return changed, came, went
}

// missingIn returns what is in other but not in list; both are sorted.
func missingIn(list, other []string) (out []string) {
	for _, s := range other {
		if _, ok := slices.BinarySearch(list, s); !ok {
			out = append(out, s)
		}
	}
	return out
}

// readNames returns what a folder adds to the listing, sorted, and the folders in it
// to look into. A folder that cannot be read adds what could be read of it.
func (l *listing) readNames(abs, rel string) (names, dirs []string) {
	entries, _ := os.ReadDir(abs)
	for _, e := range entries {
		if l.lists(join(rel, e.Name())) {
			names = append(names, join(rel, e.Name()))
		}
		if e.IsDir() && l.reaches(join(rel, e.Name())) {
			dirs = append(dirs, e.Name())
		}
	}
	return names, dirs
}

// lists reports whether a name, relative to the listing's folder, belongs to it.
func (l *listing) lists(rel string) bool {
	if l.match == "" {
		return !strings.Contains(rel, "/")
	}
	return doublestar.MatchUnvalidated(l.match, rel)
}

// reaches reports whether the pattern may match something beneath the folder rel.
func (l *listing) reaches(rel string) bool {
	depth := strings.Count(rel, "/") + 1
	if strings.ContainsRune(l.match, '{') { // an alternative may hold slashes
		return strings.Contains(l.match, "**") || depth <= strings.Count(l.match, "/")
	}
	elements := strings.Split(l.match, "/")
	for i, name := range strings.Split(rel, "/") {
		switch {
		case i < len(elements) && elements[i] == "**":
			return true
		case i+1 >= len(elements) || !doublestar.MatchUnvalidated(elements[i], name):
			return false
		}
	}
	return true
}

// minds reports whether a name that appeared in the branch's folder, or left it, can
// change the listing.
func (b *branch) minds(base string) bool {
	rel := join(b.rel, base)
	return b.listing.lists(rel) || b.listing.reaches(rel)
}

// emptyDigest is the digest of a folder without names, or that is not there.
var emptyDigest = ipc.ListingDigest(nil)

// wanted gives a recorded digest the form in which it is compared: if a folder could not
// be read, the record may have no digest.
func wanted(digest string) string {
	if digest == "" {
		return emptyDigest
	}
	return strings.ToLower(digest)
}

// summarize takes the digest anew, and reports whether it is another.
func (g *graph) summarize(l *listing) bool {
	if !l.changed {
		return false
	}
	l.changed = false
	var names []string
	for _, b := range l.branches {
		names = append(names, b.names...)
	}
	digest := ipc.ListingDigest(names)
	if digest == l.digest {
		return false
	}
	l.digest = digest
	for _, i := range l.expects {
		g.set(i, g.expects[i].want != digest)
	}
	return true
}
