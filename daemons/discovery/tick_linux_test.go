package discovery

import (
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestSyncWaitsForTheTick: what a Sync reports can be hashed and trusted at once.
func TestSyncWaitsForTheTick(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.sync()
	tr.write("inc/a.h", "x")
	tr.sync()
	age := time.Now().UnixNano() - ipc.StatSignature(tr.abs("inc/a.h")).Ctime
	if age < int64(tr.service.tick) {
		t.Errorf("Sync returned %v after the change, want %v at least", time.Duration(age), tr.service.tick)
	}
}

// TestEachSyncWaitsForTheTick: the wait of one Sync does not let another one return within
// the tick.
func TestEachSyncWaitsForTheTick(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.sync()
	const tick = time.Second // so long that both Syncs begin within it on a busy machine
	tr.service.acquire()
	tr.service.tick = tick
	tr.service.unlock()
	tr.write("inc/a.h", "x")
	ages := make(chan time.Duration)
	for range 2 {
		go func() {
			tr.sync()
			ages <- tr.age("inc/a.h")
		}()
	}
	for range 2 {
		if age := <-ages; age < tick {
			t.Errorf("a Sync returned %v after the change", age)
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
	if wait := s.untilTick(); wait <= 0 || wait > s.tick {
		t.Errorf("the first Sync waits %v, want a tick of %v at most", wait, s.tick)
	}
	if s.newest > time.Now().UnixNano() {
		t.Error("the next Sync would wait as long")
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
				age := time.Now().UnixNano() - ipc.LinkSignature(tr.abs(link)).Ctime
				if age < int64(tr.service.tick) {
					t.Errorf("%s: Sync returned %v after the change, want %v at least", link, time.Duration(age), tr.service.tick)
				}
			}
		})
	}
}
