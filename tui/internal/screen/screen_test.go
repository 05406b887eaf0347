package screen

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a terminal that keeps what was written.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
	n    int
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return r.text.Write(p)
}

func (r *recorder) writes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// take returns what was written since and forgets it.
func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.text.String()
	r.text.Reset()
	r.n = 0
	return s
}

func TestOnlyWhatChangedIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		s := New(out)
		defer s.Close()
		s.Show("one\ntwo", false)
		synctest.Wait()
		if got := out.take(); got != "" {
			t.Errorf("drawn before the terminal was entered: %q", got)
		}
		s.Enter(true)
		synctest.Wait()
		if got := out.take(); !strings.HasPrefix(got, enter+mouseOn) || !strings.Contains(got, "\x1b[1;1Hone\x1b[2;1Htwo") {
			t.Errorf("first frame: %q", got)
		}
		time.Sleep(period)
		s.Show("one\ntwO", false)
		synctest.Wait()
		if got := out.take(); got != begin+"\x1b[2;1HtwO"+end {
			t.Errorf("second frame: %q", got)
		}
		s.Show("one\ntwO", false)
		time.Sleep(time.Hour)
		if got := out.take(); got != "" {
			t.Errorf("written while nothing changed: %q", got)
		}
		s.Show("one", false)
		synctest.Wait()
		if got := out.take(); !strings.Contains(got, "\x1b[2J") {
			t.Errorf("another height: %q", got)
		}
	})
}

func TestFramesArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		s := New(out)
		defer s.Close()
		s.Enter(false)
		s.Show("0", false)
		synctest.Wait()
		out.take()
		time.Sleep(period)
		for i := range 1000 { // a second of changes
			s.Show(strings.Repeat("x", i), false)
			time.Sleep(time.Millisecond)
		}
		if n := out.writes(); n > 32 {
			t.Errorf("%d frames in a second", n)
		}
		time.Sleep(period)
		if !strings.Contains(out.take(), strings.Repeat("x", 999)) {
			t.Error("the last frame was not shown")
		}
	})
}

// The answer to a key does not wait for its turn.
func TestKeysAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		s := New(out)
		defer s.Close()
		s.Enter(false)
		s.Show("0", false)
		synctest.Wait()
		out.take()
		s.Show("1", false)
		synctest.Wait()
		if got := out.take(); got != "" {
			t.Errorf("an event did not wait: %q", got)
		}
		s.Show("2", true)
		synctest.Wait()
		if got := out.take(); !strings.Contains(got, "2") {
			t.Errorf("a key waits: %q", got)
		}
	})
}

func TestLeaveGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		s := New(out)
		s.Enter(true)
		s.Show("frame", false)
		synctest.Wait()
		out.take()
		s.Leave()
		s.Leave()
		s.Show("another", false)
		time.Sleep(time.Second)
		if got := out.take(); got != mouseOff+leave {
			t.Errorf("leaving wrote %q", got)
		}
		s.Enter(true)
		s.SetMouse(false)
		synctest.Wait()
		if got := out.take(); !strings.Contains(got, "another") || !strings.Contains(got, mouseOff) {
			t.Errorf("coming back: %q", got)
		}
		s.Close()
		s.Close()
		if got := out.take(); got != leave {
			t.Errorf("closing wrote %q", got)
		}
	})
}
