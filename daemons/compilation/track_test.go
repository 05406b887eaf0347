package compilation

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
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
			tables := newTables()
			view := newView(root, tables, newDigests(0, time.Now))
			if _, err := view.digestOf("a.h"); err != nil {
				t.Fatal(err)
			}
			b := newTrackBuilder(view)
			set := inputSet{files: []cache.Input{{Path: "a.h", Digest: tt.read}}}
			b.add("u", &record{Action: tt.action, Set: tables.pack(set)})
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
