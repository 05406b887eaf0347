package compilation

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSavingRestsAsLongAsItTook: a state that takes a second to write is not written all the time
// while a long build changes it, and what is changed last is written.
func TestSavingRestsAsLongAsItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes, written, saves atomic.Int64
		v := newSaver(func() error {
			saves.Add(1)
			written.Store(changes.Load())
			time.Sleep(time.Second)
			return nil
		})
		for range 600 { // ten minutes, in which two seconds between two of them would be 200 times
			changes.Add(1)
			v.changed()
			time.Sleep(time.Second)
		}
		if n := saves.Load(); n > 40 {
			t.Errorf("the state is written %d times in ten minutes", n)
		}
		time.Sleep(time.Minute) // close would wait for a writing, and the time in here stands still for locks
		if err := v.close(); err != nil || written.Load() != changes.Load() {
			t.Errorf("%d of %d changes are written: %v", written.Load(), changes.Load(), err)
		}
	})
}
