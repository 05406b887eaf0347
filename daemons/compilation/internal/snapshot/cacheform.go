package snapshot

import (
	"strings"

	"github.com/RepliBuild/replibuild/cache"
)

// GroupMisses turns paths into the cache's form, grouped by folder; the paths are
// sorted, so those of a folder mostly follow each other.
func GroupMisses(paths []string) []cache.Miss {
	var out []cache.Miss
	at := make(map[string]int)
	for _, p := range paths {
		dir, name := splitMiss(p)
		i, ok := at[dir]
		if !ok {
			i = len(out)
			at[dir] = i
			out = append(out, cache.Miss{Dir: dir})
		}
		out[i].Names = append(out[i].Names, name)
	}
	return out
}

// splitMiss gives the folder and the name of a path; the root's own is ".".
func splitMiss(p string) (dir, name string) {
	i := strings.LastIndexByte(p, '/')
	switch {
	case i < 0:
		return ".", p
	case i == 0:
		return "/", p[1:]
	}
	return p[:i], p[i+1:]
}

// FromCache is the opposite of [InputSet.ToCache].
func FromCache(set cache.InputSet) InputSet {
	out := InputSet{Files: set.Inputs, Listings: set.Listings}
	for _, m := range set.Misses {
		for _, name := range m.Names {
			out.Misses = append(out.Misses, Join(m.Dir, name))
		}
	}
	return out
}

// ToCache gives a set the cache's form.
func (set InputSet) ToCache(action cache.Digest) cache.InputSet {
	return cache.InputSet{Inputs: set.Files, Misses: GroupMisses(set.Misses), Listings: set.Listings, Action: action}
}
