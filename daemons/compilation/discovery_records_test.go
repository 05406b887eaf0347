package compilation

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// TestTrack: discovery learns that only the content of inputs matters where the cache
// has what was made of it, and nowhere else; and a record is not taken for the state of
// a file that another unit has seen to change since it was made.
func TestTrack(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.h"), []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	one, two := cache.HashBytes([]byte("one")), cache.HashBytes([]byte("two"))
	for name, tt := range map[string]struct {
		read      cache.Digest
		action    cache.Digest
		digest    string
		unsettled string
	}{
		"cached":            {read: one, action: two, digest: one.String()},
		"not cached":        {read: one},
		"changed meanwhile": {read: two, action: two, digest: two.String(), unsettled: "a.h changed meanwhile"},
		"neither":           {read: two, unsettled: "a.h changed meanwhile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables := snapshot.NewInterner()
			view := snapshot.New(root, nil, tables, snapshot.NewHashCache(time.Now))
			if _, err := view.DigestOf("a.h"); err != nil {
				t.Fatal(err)
			}
			b := newRecordBuilder(view)
			set := snapshot.InputSet{Files: []cache.Input{{Path: "a.h", Digest: tt.read}}}
			b.add("u", "", &record{Action: tt.action, Set: tables.Pack(set)})
			track := b.news()
			if got := track.Nodes[0].Unsettled; got != tt.unsettled {
				t.Errorf("unsettled %q, want %q", got, tt.unsettled)
			}
			if got := track.Files[0]; got.Digest != tt.digest || got.Path != "a.h" {
				t.Errorf("%+v, want the digest %q", got, tt.digest)
			}
		})
	}
}

// TestTrackSame: a record whose inputs, misses and listings discovery knows by their name
// is told without them, and any other in full.
func TestTrackSame(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.h"), []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	one, two := cache.HashBytes([]byte("one")), cache.HashBytes([]byte("two"))
	set := snapshot.InputSet{
		Files: []cache.Input{{Path: "a.h", Digest: one}}, Misses: []string{"b/a.h"},
		Listings: []cache.Listing{{Dir: "a", Digest: two.String()}},
	}
	ours := snapshot.NewInterner()
	say := func(tables *snapshot.Interner, known string, change func(*snapshot.InputSet, *record)) ipc.NodeRecord {
		set, rec := set, &record{Action: one, Outputs: []outputRecord{{Path: "u.o"}}}
		change(&set, rec)
		rec.Set = tables.Pack(set)
		view := snapshot.New(root, nil, tables, snapshot.NewHashCache(time.Now))
		if _, err := view.DigestOf("a.h"); err != nil {
			t.Fatal(err)
		}
		b := newRecordBuilder(view)
		b.add("u", known, rec)
		return b.news().Nodes[0]
	}
	as := func(*snapshot.InputSet, *record) {}
	first := say(ours, "", as)
	if first.Set == "" || first.Same || len(first.Inputs) == 0 || len(first.Misses) == 0 || len(first.Listings) == 0 {
		t.Fatalf("at first: %+v", first)
	}
	if n := say(ours, first.Set, as); !n.Same || n.Set != first.Set || n.Inputs != nil || n.Misses != nil || n.Listings != nil || len(n.Outputs) != 1 {
		t.Errorf("again: %+v", n)
	}
	for what, n := range map[string]ipc.NodeRecord{
		"other tables":   say(snapshot.NewInterner(), first.Set, as),
		"other content":  say(ours, first.Set, func(s *snapshot.InputSet, _ *record) { s.Files = []cache.Input{{Path: "a.h", Digest: two}} }),
		"other file":     say(ours, first.Set, func(s *snapshot.InputSet, _ *record) { s.Files = []cache.Input{{Path: "b.h", Digest: one}} }),
		"no miss":        say(ours, first.Set, func(s *snapshot.InputSet, _ *record) { s.Misses = nil }),
		"no listing":     say(ours, first.Set, func(s *snapshot.InputSet, _ *record) { s.Listings = nil }),
		"not cached":     say(ours, first.Set, func(_ *snapshot.InputSet, r *record) { r.Action = cache.Digest{} }),
		"not settled":    say(ours, first.Set, func(_ *snapshot.InputSet, r *record) { r.Unsettled = "why" }),
		"known by other": say(ours, "x", as),
	} {
		if n.Same || n.Set == first.Set && what != "known by other" {
			t.Errorf("%s: %+v", what, n)
		}
	}
}
