package discovery

import (
	"strconv"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// TestSyncWaitsForTheTick: what a Sync reports can be hashed and trusted at once. The clock that
// stamps files may stand still for longer than its resolution says.
func TestSyncWaitsForTheTick(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.sync()
	for i := range 50 {
		tr.write("inc/a.h", strconv.Itoa(i))
		tr.sync()
		now, changed := stamps.Now(), ipc.StatSignature(tr.abs("inc/a.h")).Ctime
		if now <= changed {
			t.Fatalf("Sync %d returned while a change was stamped %v after the last one", i, time.Duration(now-changed))
		}
	}
}

// TestEachSyncWaitsForTheTick: the wait of one Sync does not let another one return within
// the tick.
func TestEachSyncWaitsForTheTick(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.sync()
	tr.write("inc/a.h", "x")
	changed := ipc.StatSignature(tr.abs("inc/a.h")).Ctime
	late := make(chan bool)
	for range 2 {
		go func() {
			tr.sync()
			late <- stamps.Now() > changed
		}()
	}
	for range 2 {
		if !<-late {
			t.Error("a Sync returned within the tick of the change")
		}
	}
}

// TestClockSetBack: a change whose time is in the future counts as made now.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.Watch = false })
	s := tr.service
	s.acquire()
	defer s.unlock()
	s.newest = time.Now().Add(time.Hour).UnixNano()
	if last := s.lastChange(); last > time.Now().UnixNano() || last != s.newest {
		t.Errorf("the last change was made at %v", time.Unix(0, last))
	}
}

// TestSyncWaitsForTheTickOfLinks: a link that was turned leads to old files, and only the
// link itself has the time of that.
func TestSyncWaitsForTheTickOfLinks(t *testing.T) {
	t.Parallel()
	for _, verify := range []string{"watch", "stat"} {
		t.Run(verify, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, func(c *Config) { c.Verify = verify })
			tr.write("v1/a.h", "1")
			tr.write("v2/a.h", "other")
			tr.symlink("v1", "folder")
			tr.symlink("v1/a.h", "a.h")
			tr.record(nodeSpec{id: "n", inputs: []string{"folder/a.h"}}, nodeSpec{id: "m", inputs: []string{"a.h"}})
			tr.awaitTick("v2/a.h")
			tr.expect()
			for link, target := range map[string]string{"folder": "v2", "a.h": "v2/a.h"} {
				tr.symlink(target, link)
				tr.sync()
				if stamps.Now() <= ipc.LinkSignature(tr.abs(link)).Ctime {
					t.Errorf("%s: Sync returned within the tick of the change", link)
				}
			}
		})
	}
}
