package compilation

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

func drawSet(t *rapid.T) snapshot.InputSet {
	name := rapid.StringMatching(`[a-c]{1,3}`)
	var s snapshot.InputSet
	for _, n := range rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "files") {
		s.Files = append(s.Files, cache.Input{Path: n, Digest: cache.HashBytes(rapid.SliceOfN(rapid.Byte(), 0, 1).Draw(t, "content"))})
	}
	s.Misses = rapid.SliceOfDistinct(rapid.StringMatching(`([xy]/)?[a-c]{1,3}`), rapid.ID).Draw(t, "misses")
	for _, n := range rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "listings") {
		s.Listings = append(s.Listings, cache.Listing{Dir: n, Digest: "d"})
	}
	return s
}

// sorted brings a set into one order.
func sorted(s snapshot.InputSet) snapshot.InputSet {
	slices.SortFunc(s.Files, func(a, b cache.Input) int { return slices.Compare([]byte(a.Path), []byte(b.Path)) })
	slices.Sort(s.Misses)
	slices.SortFunc(s.Listings, func(a, b cache.Listing) int { return slices.Compare([]byte(a.Dir), []byte(b.Dir)) })
	return s
}

func equalSets(a, b snapshot.InputSet) bool {
	a, b = sorted(a), sorted(b)
	return slices.Equal(a.Files, b.Files) && slices.Equal(a.Misses, b.Misses) && slices.Equal(a.Listings, b.Listings)
}

// A set comes back from the tables and from the cache's form, and the state file
// holds it with everything else.
func TestSetsComeBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		tables, records, digests := snapshot.NewInterner(), newRecords(), snapshot.NewHashCache(time.Now)
		sets := make(map[string]snapshot.InputSet)
		for _, id := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,4}`), rapid.ID).Draw(t, "ids") {
			set := drawSet(t)
			sets[id] = set
			packed := tables.Pack(set)
			if got := tables.Unpack(packed); !equalSets(got, set) {
				t.Fatalf("tables: got %v, want %v", got, set)
			}
			if got := snapshot.FromCache(set.ToCache(cache.Digest{})); !equalSets(got, set) {
				t.Fatalf("cache: got %v, want %v", got, set)
			}
			r := &recipe{Kind: "c", Args: []string{id}}
			records.put(id, &record{Recipe: r.digest(), Set: packed, Peak: 7}, r)
		}
		digests.Trust(ipc.Signature{Ino: 1, Mode: 0o100644}, cache.HashBytes(nil))
		file := filepath.Join(dir, "state")
		if err := saveState(file, "root", records, tables, digests); err != nil {
			t.Fatal(err)
		}
		tables2, records2, digests2 := snapshot.NewInterner(), newRecords(), snapshot.NewHashCache(time.Now)
		if err := loadState(file, "root", records2, tables2, digests2); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(digests.All(), digests2.All()) || len(records2.byID) != len(sets) {
			t.Fatalf("%d records, digests %v", len(records2.byID), digests2.All())
		}
		for id, set := range sets {
			rec := records2.get(id)
			if rec.Peak != 7 || records2.recipe(rec) == nil || !equalSets(tables2.Unpack(rec.Set), set) {
				t.Fatalf("%s: got %+v, want %v", id, rec, set)
			}
		}
	})
}
