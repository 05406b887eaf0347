package compilation

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RepliBuild/replibuild/cache"
)

// A copy is waited for by lookups of the same key, by a flush, and by a caller that comes
// when too many copies wait.
func TestStoring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newWriteback()
		goOn := make(chan struct{})
		var copied, waited atomic.Int32
		key := func(i int) cache.Digest { return cache.HashBytes([]byte{byte(i)}) }
		slow := func() {
			<-goOn
			copied.Add(1)
		}
		for i := range maxWriteback {
			s.later(key(i), slow)
		}
		s.later(key(maxWriteback), func() { waited.Add(1) })
		s.await(t.Context(), key(maxWriteback))
		for _, wait := range []func(){func() { s.await(t.Context(), key(1)) }, func() { s.later(key(1), slow) }, func() { s.drain(t.Context()) }} {
			go func() {
				wait()
				waited.Add(1)
			}()
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.drain(short) // returns, nothing is copied
		synctest.Wait()
		if n := waited.Load(); n != 1 {
			t.Errorf("before anything is copied %d of 4 go on, not only the one too many, with its own copy", n)
		}
		for range maxWriteback + 1 {
			goOn <- struct{}{}
			synctest.Wait()
		}
		s.drain(t.Context())
		if copied.Load() != maxWriteback+1 || waited.Load() != 4 || len(s.copies) != 0 {
			t.Errorf("%d copied, %d went on, left %v", copied.Load(), waited.Load(), s.copies)
		}
	})
}
