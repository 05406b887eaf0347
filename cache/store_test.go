package cache

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	s := open(t, dir, Options{})
	mustMiss(t, s, action(1), New)
	stored := put(t, s, action(1), 10_000)
	got, why := s.Get(action(1))
	if why != Found || !reflect.DeepEqual(got, stored) {
		t.Fatalf("got %+v (%q)\nstored %+v", got, why, stored)
	}
	mustGet(t, s, action(1), 10_000)
	dst := filepath.Join(t.TempDir(), "a", "b", "x.o")
	if err := s.Deliver(got.Outputs[0], dst); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dst); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("delivered with %v, %v", info.Mode(), err)
	}
	other := open(t, dir, Options{})
	mustGet(t, other, action(1), 10_000)
	if st := other.Stats(); st.Entries != 1 || st.Bytes < 10_000 {
		t.Errorf("%+v", st)
	}
	for _, path := range append(files(t, dir), dir) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
}

func TestSeveralOutputsAndEqualOnes(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{MaxBytes: 1 << 20})
	src := t.TempDir()
	paths := map[string]string{}
	for _, name := range []string{"z", "a", "m"} {
		paths[name] = filepath.Join(src, name)
		if err := os.WriteFile(paths[name], []byte("the same"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	e := &Entry{Action: action(1)}
	if err := putFiles(s, e, paths); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range e.Outputs {
		names = append(names, o.Name)
	}
	if strings.Join(names, "") != "amz" {
		t.Errorf("outputs in the order %v", names)
	}
	if blobs := files(t, filepath.Join(s.Dir(), "blobs")); len(blobs) != 1 {
		t.Errorf("equal outputs lie in %v", blobs)
	}
	s.remove(action(1), Evicted)
	if st := s.Stats(); st.Bytes != 0 || len(files(t, filepath.Join(s.Dir(), "blobs"))) != 0 {
		t.Errorf("after removal: %+v", st)
	}
	for name, wrong := range map[string]string{"a folder": src, "a file that has changed": paths["a"]} {
		e := &Entry{Action: action(2), Outputs: []Output{{Name: "o", Blob: action(3)}}}
		if err := putFiles(s, e, map[string]string{"o": wrong}); err == nil {
			t.Errorf("stored %s", name)
		}
		if st := s.Stats(); st.ReadOnly != "" {
			t.Errorf("%s made the cache read-only: %s", name, st.ReadOnly)
		}
	}
	if _, why := s.Get(action(2)); why != New {
		t.Errorf("what could not be stored is %q", why)
	}
	good := &Entry{Action: action(2), Outputs: []Output{{Name: "o", Blob: HashBytes([]byte("the same")), Mode: 0o711}}}
	if err := putFiles(s, good, map[string]string{"o": paths["a"]}); err != nil || good.Outputs[0].Mode != 0o711 || good.Outputs[0].Size != 8 {
		t.Errorf("a file as it was described: %+v, %v", good.Outputs, err)
	}
}

func TestInputSets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	base := action(0)
	for i := range maxSets + 3 {
		set := InputSet{
			Action: action(i), Inputs: []Input{{Path: "a.h", Digest: action(i)}, {Path: "b.h", Digest: action(0)}},
			Misses: []Miss{{Dir: "inc", Names: []string{"a.h", "c.h"}}}, Listings: []Listing{{"d", "m", "x"}},
		}
		if err := s.AddInputSet(base, set); err != nil {
			t.Fatal(err)
		}
		got := open(t, dir, Options{}).InputSets(base)
		if len(got) != min(i+1, maxSets) || !reflect.DeepEqual(got[0], set) {
			t.Fatalf("set %d: %d sets, first %+v", i, len(got), got[0])
		}
	}
	if err := s.AddInputSet(base, InputSet{Action: action(maxSets)}); err != nil {
		t.Fatal(err)
	}
	if sets := s.InputSets(base); sets[0].Action != action(maxSets) || len(sets) != maxSets {
		t.Errorf("an action used again is not the first: %d sets", len(sets))
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, t.TempDir(), Options{TTL: time.Minute, Now: c.Now})
	put(t, s, action(1), 100)
	put(t, s, action(2), 100)
	for range 10 { // used again and again, entry 1 lives on
		c.add(40 * time.Second)
		mustGet(t, s, action(1), 100)
	}
	mustMiss(t, s, action(2), Expired)
	mustMiss(t, s, action(2), Expired)
	put(t, s, action(3), 100)
	c.add(61 * time.Second)
	s.Trim()
	if left := files(t, filepath.Join(s.Dir(), "entries")); len(left) != 0 {
		t.Errorf("expired entries are left: %v", left)
	}
	if left := files(t, filepath.Join(s.Dir(), "blobs")); len(left) != 0 {
		t.Errorf("blobs of expired entries are left: %v", left)
	}
	if st := s.Stats(); st.Evicted != 3 || st.Entries != 0 {
		t.Errorf("%+v", st)
	}
}

// The stamp on disk tells another process of a use, at the latest a quarter of the
// TTL late.
func TestUsesAreSeenByOtherProcesses(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	a := open(t, dir, Options{TTL: time.Minute, Now: c.Now})
	put(t, a, action(1), 100)
	c.add(30 * time.Second)
	mustGet(t, a, action(1), 100)
	c.add(40 * time.Second)
	b := open(t, dir, Options{TTL: time.Minute, Now: c.Now})
	b.Trim()
	mustGet(t, b, action(1), 100)
}

func TestClockSetBackAndForth(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, t.TempDir(), Options{TTL: 24 * time.Hour, MaxBytes: 13_000, Now: c.Now})
	c.add(365 * 24 * time.Hour)
	put(t, s, action(1), 3000)
	c.add(-365 * 24 * time.Hour)
	mustGet(t, s, action(1), 3000) // renews the stamp from the future
	c.add(time.Hour)
	put(t, s, action(2), 3000)
	c.add(time.Hour)
	put(t, s, action(3), 3000)
	mustGet(t, s, action(2), 3000)
	c.add(time.Hour)
	put(t, s, action(4), 3000) // something has to go: the one used longest ago
	mustMiss(t, s, action(1), Evicted)
	for _, n := range []int{2, 3, 4} {
		if _, why := s.Get(action(n)); why != Found {
			t.Errorf("entry %d: %q", n, why)
		}
	}
	c.add(25 * time.Hour)
	mustMiss(t, s, action(4), Expired)
}

func TestStampsOfTheFutureDoNotLiveForEver(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	c.add(365 * 24 * time.Hour)
	put(t, open(t, dir, Options{Now: c.Now}), action(1), 4000)
	c.add(-365 * 24 * time.Hour)
	s := open(t, dir, Options{MaxBytes: 10_000, Now: c.Now}) // takes it for used now
	if oldest := s.Stats().Oldest; oldest.After(c.Now()) {
		t.Errorf("oldest use %v, now %v", oldest, c.Now())
	}
	c.add(time.Hour)
	put(t, s, action(2), 4000)
	c.add(time.Hour)
	put(t, s, action(3), 4000)
	mustMiss(t, s, action(1), Evicted)
}

func TestEvictionTakesTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, t.TempDir(), Options{MaxBytes: 50_000, Now: c.Now})
	for i := range 100 {
		c.add(time.Second)
		put(t, s, action(i), 1000)
		if _, why := s.Get(action(0)); why != Found {
			t.Fatalf("the entry in use was evicted when %d were stored: %q", i, why)
		}
		if st := s.Stats(); st.Bytes > 50_000 {
			t.Fatalf("%d bytes in a cache of 50,000", st.Bytes)
		}
	}
	mustGet(t, s, action(99), 1000)
	mustMiss(t, s, action(1), Evicted)
	var size int64
	for _, path := range files(t, s.Dir()) {
		if info, err := os.Stat(path); err == nil {
			size += info.Size()
		}
	}
	if st := s.Stats(); size < st.Bytes || size > st.Bytes+20_000 {
		t.Errorf("the files take %d bytes, Stats says %d", size, st.Bytes)
	}
}

func TestPinnedEntriesStay(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{MaxBytes: 10_000})
	for i := range 40 {
		s.Pin("build", action(i))
		put(t, s, action(i), 1000)
	}
	for i := range 40 {
		if _, why := s.Get(action(i)); why != Found {
			t.Fatalf("entry %d of the running build: %q", i, why)
		}
	}
	s.Unpin("build")
	s.background.Wait()
	if st := s.Stats(); st.Bytes > 10_000 || st.Entries == 0 {
		t.Errorf("after the build: %+v", st)
	}
}

func TestStatisticsSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 3 {
		s := open(t, dir, Options{})
		put(t, s, action(i), 100)
		s.Hit(2.5)
		s.Miss("input")
		s.Miss(string(New))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	st := open(t, dir, Options{MaxBytes: 5}).Stats()
	want := Stats{
		Bytes: st.Bytes, MaxBytes: 5, Entries: 3, Hits: 3, Misses: 6, Stored: 3, SavedSeconds: 7.5, Oldest: st.Oldest,
		MissReasons: map[string]int64{"input": 3, "new": 3},
	}
	if !reflect.DeepEqual(st, want) {
		t.Errorf("got  %+v\nwant %+v", st, want)
	}
}

func TestReasonsSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newClock()
	s := open(t, dir, Options{TTL: time.Minute, Now: c.Now})
	put(t, s, action(1), 100)
	c.add(time.Hour)
	mustMiss(t, s, action(1), Expired)
	s.Close()
	again := open(t, dir, Options{})
	again.Stats() // loaded
	mustMiss(t, again, action(1), Expired)
	put(t, again, action(1), 100)
	mustGet(t, again, action(1), 100)
}

func TestClearAndRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for i := range 5 {
		put(t, s, action(i), 100+i)
	}
	if err := s.AddInputSet(action(100), InputSet{Action: action(1)}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Clear()
	if err != nil || r.Entries != 5 || r.Bytes < 500 || r.Token == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	mustMiss(t, s, action(1), Cleared)
	if st := s.Stats(); st.Bytes != 0 || st.Entries != 0 || s.InputSets(action(100)) != nil {
		t.Errorf("after clear: %+v", st)
	}
	put(t, s, action(7), 700) // stored since, stays
	other := open(t, dir, Options{})
	back, err := other.Restore(r.Token)
	if err != nil || back.Entries != 6 {
		t.Fatalf("restore by another process: %+v, %v", back, err)
	}
	for _, st := range []*Store{s, other} {
		for i := range 5 {
			mustGet(t, st, action(i), 100+i)
		}
		mustGet(t, st, action(7), 700)
		if len(st.InputSets(action(100))) != 1 {
			t.Error("the input sets did not come back")
		}
	}
	for _, token := range []string{r.Token, "", "../x", "nonsense"} {
		if _, err := s.Restore(token); err == nil {
			t.Errorf("restored %q", token)
		}
	}
}

func TestRestoreOfTheLastClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, action(1), 100)
	if _, err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	put(t, s, action(2), 200)
	second, err := s.Clear()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Second) // the second of the two, whatever the disk's clock
	if err := os.Chtimes(filepath.Join(dir, trashPrefix+second.Token), now, now); err != nil {
		t.Fatal(err)
	}
	back, err := open(t, dir, Options{}).Restore("")
	if err != nil || back.Token != second.Token {
		t.Fatalf("%+v, %v, want %s", back, err, second.Token)
	}
	mustGet(t, s, action(2), 200)
}

// Two processes that store in one folder tell the same numbers.
func TestStatsKnowWhatOthersStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := open(t, dir, Options{}), open(t, dir, Options{})
	for _, s := range []*Store{a, b} {
		s.Stats() // has read the folder
		s.mu.Lock()
		s.flusher = time.NewTimer(time.Hour) // no flush at the same moment as one of the test's: a count could be lost
		s.mu.Unlock()
	}
	put(t, a, action(1), 100)
	put(t, b, action(2), 200)
	a.flush()
	b.flush()
	put(t, a, action(3), 300)
	a.flush()
	for _, s := range []*Store{a, b} {
		if st := s.Stats(); st.Entries != 3 || st.Stored != 3 {
			t.Errorf("%d entries, %d stored, want 3", st.Entries, st.Stored)
		}
	}
	if _, err := a.Clear(); err != nil {
		t.Fatal(err)
	}
	put(t, a, action(4), 100)
	a.flush()
	if st := b.Stats(); st.Entries != 1 {
		t.Errorf("after a clear by the other one: %d entries", st.Entries)
	}
}

func TestClearIsForGoodAfterAWhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, action(1), 100)
	r, err := s.Clear()
	if err != nil {
		t.Fatal(err)
	}
	trash := filepath.Join(dir, trashPrefix+r.Token)
	old := time.Now().Add(-UndoTime - time.Second)
	if err := os.Chtimes(trash, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restore(r.Token); err == nil {
		t.Error("restored too late")
	}
	s.Close()
	open(t, dir, Options{}).Stats() // loading takes what a dead process left
	if _, err := os.Stat(trash); !os.IsNotExist(err) {
		t.Errorf("the trash is still there: %v", err)
	}
}

// rm -rf while the store is open: nothing is lost but what was stored.
func TestFolderVanishes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	s := open(t, dir, Options{})
	put(t, s, action(1), 100)
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	mustMiss(t, s, action(1), Cleared)
	if st := s.Stats(); st.Bytes != 0 || st.Entries != 0 {
		t.Errorf("%+v", st)
	}
	put(t, s, action(1), 100)
	mustGet(t, s, action(1), 100)
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[Digest]int{}
	for i, k := range []*Key{
		NewKey("compile"), NewKey("link"), NewKey("compile").Field("a"), NewKey("compile").Field("a", ""),
		NewKey("compile").Field("a", "", ""), NewKey("compile").Field("a", "b"), NewKey("compile").Field("ab"),
		NewKey("compile").Field("a", "b", "c"), NewKey("compile").Field("a", "bc"), NewKey("compile").Field("a", "b").Field("c"),
		NewKey("compile").Digest("a", action(1)), NewKey("compile").Field("", "a"),
	} {
		if other, ok := seen[k.Sum()]; ok {
			t.Errorf("keys %d and %d are equal", i, other)
		}
		seen[k.Sum()] = i
	}
}
