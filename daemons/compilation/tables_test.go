package compilation

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

func drawSet(t *rapid.T) inputSet {
	name := rapid.StringMatching(`[a-c]{1,3}`)
	var s inputSet
	for _, n := range rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "files") {
		s.files = append(s.files, cache.Input{Path: n, Digest: cache.HashBytes(rapid.SliceOfN(rapid.Byte(), 0, 1).Draw(t, "content"))})
	}
	s.misses = rapid.SliceOfDistinct(rapid.StringMatching(`([xy]/)?[a-c]{1,3}`), rapid.ID).Draw(t, "misses")
	for _, n := range rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "listings") {
		s.listings = append(s.listings, cache.Listing{Dir: n, Digest: "d"})
	}
	return s
}

// sorted brings a set into one order.
func sorted(s inputSet) inputSet {
	slices.SortFunc(s.files, func(a, b cache.Input) int { return slices.Compare([]byte(a.Path), []byte(b.Path)) })
	slices.Sort(s.misses)
	slices.SortFunc(s.listings, func(a, b cache.Listing) int { return slices.Compare([]byte(a.Dir), []byte(b.Dir)) })
	return s
}

func equalSets(a, b inputSet) bool {
	a, b = sorted(a), sorted(b)
	return slices.Equal(a.files, b.files) && slices.Equal(a.misses, b.misses) && slices.Equal(a.listings, b.listings)
}

// A set comes back from the tables and from the cache's form, and the state file
// holds it with everything else.
func TestSetsComeBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		tables, records, digests := newTables(), newRecords(), newDigests(time.Now)
		sets := make(map[string]inputSet)
		for _, id := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,4}`), rapid.ID).Draw(t, "ids") {
			set := drawSet(t)
			sets[id] = set
			packed := tables.pack(set)
			if got := tables.unpack(packed); !equalSets(got, set) {
				t.Fatalf("tables: got %v, want %v", got, set)
			}
			if got := fromCache(set.toCache(cache.Digest{})); !equalSets(got, set) {
				t.Fatalf("cache: got %v, want %v", got, set)
			}
			r := &recipe{Kind: "c", Args: []string{id}}
			records.put(id, &record{Recipe: r.digest(), Set: packed, Peak: 7}, r)
		}
		digests.trust(ipc.Signature{Ino: 1, Mode: 0o100644}, cache.HashBytes(nil))
		file := filepath.Join(dir, "state")
		if err := saveState(file, "root", records, tables, digests); err != nil {
			t.Fatal(err)
		}
		tables2, records2, digests2 := newTables(), newRecords(), newDigests(time.Now)
		if err := loadState(file, "root", records2, tables2, digests2); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(digests.snapshot(), digests2.snapshot()) || len(records2.byID) != len(sets) {
			t.Fatalf("%d records, digests %v", len(records2.byID), digests2.snapshot())
		}
		for id, set := range sets {
			rec := records2.get(id)
			if rec.Peak != 7 || records2.recipe(rec) == nil || !equalSets(tables2.unpack(rec.Set), set) {
				t.Fatalf("%s: got %+v, want %v", id, rec, set)
			}
		}
	})
}
