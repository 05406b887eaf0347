package compilation

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func testRunner(t *testing.T) *runner {
	t.Helper()
	r := newRunner(nil)
	t.Cleanup(r.close)
	return r
}

func sh(script string) task {
	return task{args: []string{"/bin/sh", "-c", script}, dir: "/", env: []string{"PATH=/usr/bin:/bin"}}
}

func TestRunnerOutcome(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	for _, tt := range []struct {
		script string
		output string
		exit   int
		killed bool
	}{
		{"echo out; echo err >&2; echo out", "out\nerr\nout\n", 0, false},
		{"exit 7", "", 7, false},
		{"kill -9 $$", "", 137, true},
		{"kill -11 $$", "", 139, false},
		{"echo $HOME; read line || echo no input", "\nno input\n", 0, false},
	} {
		o, err := r.run(t.Context(), sh(tt.script), nil)
		if err != nil || o.output != tt.output || o.exit != tt.exit || o.killed != tt.killed {
			t.Errorf("%s: %+v, %v", tt.script, o, err)
		}
	}
	if _, err := r.run(t.Context(), task{args: []string{"/nowhere/cc"}}, nil); err == nil {
		t.Error("no error for a program that is not there")
	}
}

func TestRunnerBoundsOutput(t *testing.T) {
	t.Parallel()
	o, err := testRunner(t).run(t.Context(), sh("head -c 6000000 /dev/zero"), nil)
	if err != nil || len(o.output) < maxOutput || len(o.output) > maxOutput+100 || !strings.Contains(o.output, "1805696 more bytes") {
		t.Errorf("%d bytes, %v", len(o.output), err)
	}
}

// A group of which one process ignores SIGTERM is gone 500 ms after the end of its
// context, and nobody of it is left after a normal end either.
func TestRunnerLeavesNothing(t *testing.T) {
	t.Parallel()
	if !groups {
		t.Skip("no process groups on this system")
	}
	r := testRunner(t)
	for _, tt := range []struct {
		name, script string
		timeout      time.Duration
		want         error
	}{
		{"cancelled", "(trap '' TERM; echo $$ > $PIDFILE; sleep 60) & sleep 60", 0, context.Canceled},
		{"timeout", "echo $$ > $PIDFILE; sleep 60 & sleep 60", 300 * time.Millisecond, errTimeout},
		{"left behind", "sleep 60 & echo $$ > $PIDFILE", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			job := sh(tt.script)
			file := filepath.Join(t.TempDir(), "pid")
			job.env = append(job.env, "PIDFILE="+file)
			job.timeout = tt.timeout
			var group int
			cancelled := make(chan time.Time, 1)
			o, err := r.run(ctx, job, func(pid int) {
				group = pid
				if tt.want != context.Canceled {
					return
				}
				go func() {
					waitFor(t, "the script's start", func() bool { b, _ := os.ReadFile(file); return len(b) > 0 })
					cancelled <- time.Now()
					cancel()
				}()
			})
			if err != nil || !errors.Is(o.stopped, tt.want) {
				t.Errorf("stopped by %v, %v", o.stopped, err)
			}
			if tt.want == context.Canceled {
				if d := time.Since(<-cancelled); d > 500*time.Millisecond {
					t.Errorf("took %v to stop", d)
				}
			}
			waitFor(t, "the end of the group", func() bool { return len(groupMembers(t, group)) == 0 })
		})
	}
}

// groupMembers lists the processes of a group that are not zombies.
func groupMembers(t *testing.T, group int) (alive []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
		if f := strings.Fields(rest); len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" {
			alive = append(alive, string(b))
		}
	}
	return alive
}

// patience is a bound for a broken test only: on a machine with as many tests as it can
// bear, a compiler takes 10 s to start.
const patience = time.Minute

// waitFor polls for a state.
func waitFor(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited %v for %s", patience, what)
			return
		}
	}
}

func TestSignalIsNotSentToReapedGroups(t *testing.T) {
	t.Parallel()
	c := &child{reaped: true} // a nil cmd would panic if it were used
	c.signal(syscall.SIGKILL)
}
