package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
)

func testRunner(t *testing.T) *Runner {
	t.Helper()
	r := NewRunner(nil)
	t.Cleanup(r.Close)
	return r
}

func sh(script string) Task {
	return Task{Args: []string{"/bin/sh", "-c", script}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}}
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
		o, err := r.Run(t.Context(), sh(tt.script), nil)
		if err != nil || o.Output != tt.output || o.Exit != tt.exit || o.Killed != tt.killed {
			t.Errorf("%s: %+v, %v", tt.script, o, err)
		}
	}
	if _, err := r.Run(t.Context(), Task{Args: []string{"/nowhere/cc"}}, nil); err == nil {
		t.Error("no error for a program that is not there")
	}
}

func TestRunnerBoundsOutput(t *testing.T) {
	t.Parallel()
	o, err := testRunner(t).Run(t.Context(), sh("head -c 6000000 /dev/zero"), nil)
	if err != nil || len(o.Output) < maxOutput || len(o.Output) > maxOutput+100 || !strings.Contains(o.Output, "1805696 more bytes") {
		t.Errorf("%d bytes, %v", len(o.Output), err)
	}
}

// A cancelled build is gone within half a second.
const _ = uint(500*time.Millisecond - termGrace - goneLimit)

// A group with a process that ignores SIGTERM ends with its context, long before the
// process would by itself.
// A normal end leaves no process of a group either.
func TestRunnerLeavesNothing(t *testing.T) {
	t.Parallel()
	if !HasGroups {
		t.Skip("no process groups on this system")
	}
	r := testRunner(t)
	for _, tt := range []struct {
		name, script string
		timeout      time.Duration
		want         error
	}{
		{"cancelled", "(trap '' TERM; echo $$ > $PIDFILE; sleep 3600) & sleep 3600", 0, context.Canceled},
		{"timeout", "echo $$ > $PIDFILE; sleep 3600 & sleep 3600", 300 * time.Millisecond, ErrTimeout},
		{"left behind", "sleep 3600 & echo $$ > $PIDFILE", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			job := sh(tt.script)
			file := filepath.Join(t.TempDir(), "pid")
			job.Env = append(job.Env, "PIDFILE="+file)
			job.Timeout = tt.timeout
			var group int
			o, err := r.Run(ctx, job, func(pid int) {
				group = pid
				if tt.want != context.Canceled {
					return
				}
				go func() {
					testkit.Until(t, "the script's start", func() bool { b, _ := os.ReadFile(file); return len(b) > 0 })
					cancel()
				}()
			})
			if err != nil || !errors.Is(o.Stopped, tt.want) {
				t.Errorf("stopped by %v, %v", o.Stopped, err)
			}
			testkit.Until(t, "the end of the group", func() bool { return len(testkit.GroupMembers(t, group)) == 0 })
		})
	}
}

func TestSignalIsNotSentToReapedGroups(t *testing.T) {
	t.Parallel()
	c := &child{reaped: true} // a nil cmd would panic if it were used
	c.signal(syscall.SIGKILL)
}
