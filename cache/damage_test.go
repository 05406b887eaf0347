package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// Every byte of entry and blob, flipped, and every length shorter is a miss, counted
// once; the files put back are a hit again.
func TestAnyDamageIsAMiss(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	scratch := t.TempDir()
	const size = 100
	e := put(t, s, action(1), size)
	paths := []string{s.file("entries", action(1)), s.file("blobs", e.Outputs[0].Blob)}
	var good [2][]byte
	for i, path := range paths {
		var err error
		if good[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	rewrite := func(which int, changed []byte) {
		for i, path := range paths {
			b := good[i]
			if i == which {
				b = changed
			}
			os.MkdirAll(filepath.Dir(path), 0o700)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	damages := 0
	demand := func(which int, changed []byte) {
		damages++
		rewrite(which, changed)
		if why, _ := get(s, scratch, action(1), size); why != Damaged {
			t.Fatalf("get after damage to %s: %q", paths[which], why)
		}
		if _, why := s.Get(action(1)); why != Damaged {
			t.Fatalf("second get: %q", why)
		}
	}
	for which, g := range good {
		for i := range g {
			flipped := bytes.Clone(g)
			flipped[i] ^= 1 << (i % 8)
			demand(which, flipped)
			demand(which, g[:i])
		}
		demand(which, append(bytes.Clone(g), 0))
		demand(which, make([]byte, len(g)))
	}
	if n := s.Stats().Damaged; n != int64(damages) {
		t.Errorf("%d damages were counted, want %d", n, damages)
	}
	rewrite(-1, nil)
	mustGet(t, s, action(1), size)
}

// A whole and valid entry under the key of another one is a miss, too.
func TestWrongEntryRenamedIntoPlace(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	put(t, s, action(1), 300)
	put(t, s, action(2), 300)
	if err := os.Rename(s.file("entries", action(2)), s.file("entries", action(1))); err != nil {
		t.Fatal(err)
	}
	mustMiss(t, s, action(1), Damaged)
}

func TestThingsThatAreNoFiles(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	for i, make := range []func(string) error{
		func(p string) error { return os.Mkdir(p, 0o700) },
		func(p string) error { return os.Symlink("/etc/passwd", p) },
		func(p string) error { return os.Symlink(p, p) },
	} {
		e := put(t, s, action(i), 300)
		blob := s.file("blobs", e.Outputs[0].Blob)
		os.Remove(blob)
		if err := make(blob); err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(e.Outputs[0], filepath.Join(t.TempDir(), "x")); err == nil {
			t.Errorf("thing %d was delivered", i)
		}
		mustMiss(t, s, action(i), Damaged)
		put(t, s, action(i), 300)
		entry := s.file("entries", action(i))
		os.Remove(entry)
		if err := make(entry); err != nil {
			t.Fatal(err)
		}
		mustMiss(t, s, action(i), Damaged)
		put(t, s, action(i), 300)
		mustGet(t, s, action(i), 300)
	}
}

func TestDamagedManifestIsForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	set := InputSet{Action: action(1), Inputs: []Input{{"a.h", action(2)}}, Misses: []Miss{{"inc", []string{"b.h"}}}}
	s := open(t, dir, Options{})
	if err := s.AddInputSet(action(0), set); err != nil {
		t.Fatal(err)
	}
	path := s.file("manifests", action(0))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		for _, b := range [][]byte{bad, good[:i]} {
			os.MkdirAll(filepath.Dir(path), 0o700)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s.manifests = recent[[]InputSet]{limit: maxManifestBytes} // as another process
			if sets := s.InputSets(action(0)); sets != nil {
				t.Fatalf("byte %d: %+v", i, sets)
			}
		}
	}
	if err := s.AddInputSet(action(0), set); err != nil {
		t.Fatal(err)
	}
	if sets := s.InputSets(action(0)); len(sets) != 1 {
		t.Errorf("%d sets after healing", len(sets))
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, t.TempDir(), Options{Now: c.Now})
	var blobs []string
	for i := range 5 {
		blobs = append(blobs, s.file("blobs", put(t, s, action(i), 300).Outputs[0].Blob))
	}
	flip := func(path string, at int) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip(blobs[0], 7)
	flip(s.file("entries", action(1)), 60)
	if err := os.Truncate(blobs[2], 10); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(blobs[3]); err != nil {
		t.Fatal(err)
	}
	found := map[Digest]string{}
	checked, err := s.Verify(t.Context(), 0, func(d Digest, problem string) { found[d] = problem })
	if err != nil || checked != 5 {
		t.Errorf("checked %d, %v", checked, err)
	}
	want := map[Digest]string{
		action(0): "object output is not what was stored",
		action(1): "the entry is not what was stored",
		action(2): "object output is not what was stored",
		action(3): "object output is gone",
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("found %v", found)
	}
	mustGet(t, s, action(4), 300)
	if st := s.Stats(); st.Entries != 1 || st.Damaged != 4 {
		t.Errorf("%+v", st)
	}
	if n, err := s.Verify(t.Context(), 1, func(Digest, string) { t.Error("damage") }); n != 1 || err != nil {
		t.Errorf("sample: %d, %v", n, err)
	}
}

func TestManifestRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.String()
	digest := rapid.Custom(func(t *rapid.T) Digest { return HashBytes([]byte(text.Draw(t, "d"))) })
	set := rapid.Custom(func(t *rapid.T) InputSet {
		s := InputSet{Action: digest.Draw(t, "action")}
		for range rapid.IntRange(0, 4).Draw(t, "inputs") {
			s.Inputs = append(s.Inputs, Input{text.Draw(t, "path"), digest.Draw(t, "digest")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "misses") {
			m := Miss{Dir: text.Draw(t, "dir")}
			for range rapid.IntRange(0, 3).Draw(t, "names") {
				m.Names = append(m.Names, text.Draw(t, "name"))
			}
			s.Misses = append(s.Misses, m)
		}
		for range rapid.IntRange(0, 2).Draw(t, "listings") {
			s.Listings = append(s.Listings, Listing{text.Draw(t, "dir"), text.Draw(t, "match"), text.Draw(t, "digest")})
		}
		return s
	})
	rapid.Check(t, func(rt *rapid.T) {
		sets := rapid.SliceOfN(set, 1, 4).Draw(rt, "sets")
		got, ok := decodeManifest(encodeManifest(sets))
		if !ok || !reflect.DeepEqual(got, sets) {
			rt.Fatalf("%v: got %+v, want %+v", ok, got, sets)
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add(encodeManifest(nil))
	f.Add(encodeManifest([]InputSet{{
		Action: action(1), Inputs: []Input{{"a", action(2)}}, Misses: []Miss{{"d", []string{"x", "a"}}}, Listings: []Listing{{"d", "*", "z"}},
	}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		sets, ok := decodeManifest(b)
		if !ok {
			return
		}
		again, ok := decodeManifest(encodeManifest(sets))
		if !ok || !reflect.DeepEqual(again, sets) {
			t.Errorf("%+v was read as %+v", sets, again)
		}
	})
}

func FuzzUnframe(f *testing.F) {
	f.Add(frame(entryMagic, []byte("{}")))
	f.Add([]byte(entryMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, err := unframe(entryMagic, b)
		if err == nil && !bytes.Equal(frame(entryMagic, payload), b) {
			t.Errorf("%q was accepted as a frame of %q", b, payload)
		}
	})
}
