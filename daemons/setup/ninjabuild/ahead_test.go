package ninjabuild

import (
	"context"
	"testing"
)

// stopper interrupts the build when it is asked for results.
type stopper struct {
	Shell
	stop context.CancelFunc
}

func (s stopper) Restore(ctx context.Context, commands []Command, done func(i int, r Result, known bool)) {
	s.stop()
	<-ctx.Done()
	for i := range commands {
		done(i, Result{}, i == 0)
	}
}

// TestInterruptAhead: an interrupt ends a build whose edges are only asked about. What was not
// run is run by the next build, and the log still knows what was not touched.
func TestInterruptAhead(t *testing.T) {
	t.Parallel()
	dir := folder(t, "build.ninja", "rule cat\n  command = cat $in >$out\nbuild a: cat source\nbuild b: cat source\nbuild c: cat source\n", "source", "text")
	if got := ours(t, dir); got.code != 0 {
		t.Fatal(got)
	}
	before := read(t, dir, ".ninja_log")
	tick(t, dir)
	write(t, dir, "source", "text 2")
	ctx, cancel := context.WithCancel(context.Background())
	got := oursIn(ctx, Caller{Dir: dir, Args: []string{"-j4"}, Env: testEnv(), Runner: stopper{stop: cancel}})
	if want := "ninja: build stopped: interrupted by user.\n"; got.code != exitInterrupted || got.stdout != want {
		t.Fatalf("%+v, want code %d and %q", got, exitInterrupted, want)
	}
	if after := read(t, dir, ".ninja_log"); len(after) <= len(before) {
		t.Errorf("the log lost entries:\n%s\nbefore:\n%s", after, before)
	}
	if got := ours(t, dir, "-j1"); got.code != 0 || read(t, dir, "a")+read(t, dir, "b")+read(t, dir, "c") != "text 2text 2text 2" {
		t.Errorf("after the interrupt: %+v", got)
	}
	if got := ours(t, dir); got.stdout != "ninja: no work to do.\n" {
		t.Errorf("the last build: %+v", got)
	}
}
