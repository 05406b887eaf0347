package cache

import (
	"testing"
	"time"
)

// TestEvictUnused: what was used within the time stays, with the blobs that it shares.
func TestEvictUnused(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, t.TempDir(), Options{Now: c.Now})
	old, used := put(t, s, action(1), 300), put(t, s, action(2), 300)
	c.add(48 * time.Hour)
	if e, _ := s.Get(used.Action); e == nil {
		t.Fatal("the entry is gone")
	}
	put(t, s, action(3), 300)
	r := s.EvictUnused(24 * time.Hour)
	if r.Entries != 1 || r.Bytes < 300 {
		t.Errorf("removed %+v", r)
	}
	if _, why := s.Get(old.Action); why != Evicted {
		t.Errorf("the old entry: %q", why)
	}
	for _, d := range []Digest{used.Action, action(3)} {
		if e, why := s.Get(d); e == nil {
			t.Errorf("an entry that was used is gone: %q", why)
		}
	}
	if r := s.EvictUnused(24 * time.Hour); r.Entries != 0 {
		t.Errorf("removed %+v again", r)
	}
}
