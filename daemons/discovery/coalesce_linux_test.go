package discovery

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Events are taken together, not one by one.
func TestEventsGather(t *testing.T) {
	t.Parallel()
	const pause = 100 * time.Millisecond
	tr := newTree(t, func(c *Config) { c.gathering = pause })
	tr.write("a.cpp", "1")
	tr.record(nodeSpec{id: "a", inputs: []string{"a.cpp"}})
	tr.sync()
	stats := func() Stats {
		s, err := tr.service.Stats(context.Background())
		tr.must(err)
		return s.(Stats)
	}
	before, begin := stats(), time.Now()
	for i := range 500 {
		tr.write(fmt.Sprintf("%d.o", i), "") // the kernel joins events of one file
		stats()                              // lets the service have its turn, as a compiler would
	}
	now := stats()
	if most := 2 + uint64(time.Since(begin)/pause); now.Bursts-before.Bursts > most {
		t.Errorf("events were taken %d times, at most %d are needed", now.Bursts-before.Bursts, most)
	}
	tr.expect()
	if after := stats(); after.Events-before.Events < 500 {
		t.Errorf("%d events of 500 new files", after.Events-before.Events)
	}
}

// A Sync does not wait until events have gathered.
func TestSyncEndsGathering(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.gathering = time.Hour })
	tr.write("a.cpp", "1")
	tr.record(nodeSpec{id: "a", inputs: []string{"a.cpp"}})
	for i := range 20 {
		tr.sync() // its cookie is removed: an event that no Sync waits for
		tr.write("a.cpp", fmt.Sprint("text ", i))
		if r := tr.expect("a: changed a.cpp"); r.Mode != modeWatch {
			t.Fatalf("mode %q", r.Mode)
		}
		tr.record(nodeSpec{id: "a", inputs: []string{"a.cpp"}})
	}
}
