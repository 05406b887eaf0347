package compilation

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSavingRestsAsLongAsItTook: a state that takes a second to write is not written all the time
// while a long build changes it, and what is changed last is written.
func TestSavingRestsAsLongAsItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, written, saves := 0, 0, 0
		v := newSaver(func() error {
			saves++
			written = changes
			time.Sleep(time.Second)
			return nil
		})
		for range 600 { // ten minutes
			changes++
			v.changed()
			time.Sleep(time.Second)
		}
		if saves > 30 {
			t.Errorf("the state is written %d times in ten minutes", saves)
		}
		if err := v.close(); err != nil || written != changes {
			t.Errorf("%d of %d changes are written: %v", written, changes, err)
		}
	})
}
