//go:build unix

package tui

import (
	"os"
	"testing"
	"time"
)

// While the gate is shut nothing is read, however often it is shut, and what was typed
// meanwhile is read afterwards.
func TestGate(t *testing.T) {
	t.Parallel()
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	g := newGate()
	defer g.close()
	got := make(chan byte, 1000)
	go func() {
		defer close(got)
		var b [1]byte
		for {
			if n, err := g.reader(in).Read(b[:]); n == 0 || err != nil {
				return
			}
			got <- b[0]
		}
	}()
	const times = 200
	for i := range times {
		shut := make(chan func())
		go func() { shut <- g.shut() }()
		var open func()
		select {
		case open = <-shut:
		case <-time.After(time.Minute):
			t.Fatalf("the gate is not shut the %dth time: its reader waits for a key", i+1)
		}
		typed.Write([]byte{byte(i)})
		if len(got) > 0 {
			t.Fatal("a key was read while the gate was shut")
		}
		open()
		if b := <-got; b != byte(i) {
			t.Fatalf("read %d, want %d", b, i)
		}
	}
	typed.Close()
	if _, more := <-got; more {
		t.Error("more was read than typed")
	}
}
