package snapshot

import "github.com/RepliBuild/replibuild/cache"

// Paths is a set without contents: its files, misses, and what was asked about names, but not
// what is in the files and what the answers were. It is what another tree can look at for
// itself. mark is applied to every path.
func (set InputSet) Paths(mark func(string) string) cache.InputSet {
	marked := InputSet{
		Files:    make([]cache.Input, len(set.Files)),
		Misses:   make([]string, len(set.Misses)),
		Listings: make([]cache.Listing, len(set.Listings)),
	}
	for i, f := range set.Files {
		marked.Files[i].Path = mark(f.Path)
	}
	for i, m := range set.Misses {
		marked.Misses[i] = mark(m)
	}
	for i, l := range set.Listings {
		marked.Listings[i] = cache.Listing{Dir: mark(l.Dir), Match: mark(l.Match)}
	}
	return marked.ToCache(cache.Digest{})
}

// Measure gives a set without contents those that are there now. expand is applied to every
// path. ok is false if a file or folder of it is missing, or a name that must be missing is
// there: then no result for these paths can fit.
func (v *Tree) Measure(paths cache.InputSet, expand func(string) string) (set InputSet, ok bool) {
	known := FromCache(paths)
	for _, f := range known.Files {
		path := expand(f.Path)
		sum, err := v.DigestOf(path)
		if err != nil {
			return InputSet{}, false
		}
		set.Files = append(set.Files, cache.Input{Path: path, Digest: sum})
	}
	for _, m := range known.Misses {
		path := expand(m)
		if v.Signature(path).Exists() {
			return InputSet{}, false
		}
		set.Misses = append(set.Misses, path)
	}
	for _, l := range known.Listings {
		now := cache.Listing{Dir: expand(l.Dir), Match: expand(l.Match)}
		if now.Digest, ok = v.answer(now); !ok {
			return InputSet{}, false
		}
		set.Listings = append(set.Listings, now)
	}
	return set, true
}

// answer is the Digest that a listing has now; ok is false if it asks for a folder where none
// is, or if its kind is not known.
func (v *Tree) answer(l cache.Listing) (digest string, ok bool) {
	switch {
	case l.Match == "":
		return v.Names(l.Dir), true
	case l.Match == IsFolder:
		return "", v.Signature(l.Dir).IsDir()
	case l.Match == LeadsTo:
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.links.Resolve(v.Root, l.Dir), true
	case isAsked(l):
		return v.Value(l), true
	}
	return "", false
}
