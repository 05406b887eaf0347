package daemons

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestKilledDaemonIsCrashedAndComesBack(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	s.kill(before[ipc.NameCompilation].PID, syscall.SIGKILL)
	s.waitState(ipc.StateCrashed, ipc.NameCompilation)
	ok, _, err := s.Ensure(s.context())
	if !ok || err != nil {
		t.Fatalf("ensure: %v, %v", ok, err)
	}
	after := s.now()
	for name, d := range after {
		same := d.PID == before[name].PID
		if same != (name != ipc.NameCompilation) || d.Port != before[name].Port {
			t.Errorf("%s: before %+v, after %+v", name, before[name], d)
		}
	}
	if n := after[ipc.NameCompilation].Restarts; n != 1 {
		t.Errorf("%d restarts, want 1", n)
	}
}

// Restarts by hand count, and what crashed is told until the daemon is stopped.
func TestRestartsCountAndCrashesAreNamed(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	killed := s.mustStart()[ipc.NameCompilation].PID
	s.kill(killed, syscall.SIGKILL)
	want := fmt.Sprintf("PID %d was killed by signal 9, after ", killed)
	if d := s.waitState(ipc.StateCrashed, ipc.NameCompilation)[ipc.NameCompilation]; !strings.HasPrefix(d.LastError, want) {
		t.Errorf("crashed: %q, want %q…", d.LastError, want)
	}
	for n := 1; n <= 2; n++ {
		if _, err := s.Restart(s.context(), ipc.NameCompilation); err != nil {
			t.Fatal(err)
		}
		now := s.now()
		if d := now[ipc.NameCompilation]; d.Restarts != n || !strings.HasPrefix(d.LastCrash, want) {
			t.Errorf("restart %d: %+v, want %q…", n, d, want)
		}
		if d := now[ipc.NameSetup]; d.Restarts != 0 || d.LastCrash != "" {
			t.Errorf("setup: %+v", d)
		}
	}
	if _, err := s.Stop(s.context()); err != nil {
		t.Fatal(err)
	}
	if d := s.mustStart()[ipc.NameCompilation]; d.Restarts != 0 || d.LastCrash != "" {
		t.Errorf("after a stop: %+v", d)
	}
}

func TestStoppedProcessIsUnresponsiveAndReplaced(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	hung := before[ipc.NameSetup].PID
	s.kill(hung, syscall.SIGSTOP)
	s.waitState(ipc.StateUnresponsive, ipc.NameSetup)
	ok, _, err := s.Ensure(s.context())
	if !ok || err != nil {
		t.Fatalf("ensure: %v, %v", ok, err)
	}
	if !isGone(hung) {
		t.Errorf("the hung process %d is still there", hung)
	}
	if now := s.now(); now[ipc.NameSetup].PID == hung || now[ipc.NameDiscovery].PID != before[ipc.NameDiscovery].PID {
		t.Errorf("before %+v, now %+v", before, now)
	}
}

func TestServiceThatCannotStart(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	write(t, filepath.Join(s.Paths.Root, "fail-setup"), "")
	set, err := s.Start(s.context())
	var e *ipc.Error
	if !errors.As(err, &e) || e.Code != ipc.CodeConfig || e.Hint != "do this" || !strings.Contains(err.Error(), "does not want to") {
		t.Errorf("start: %v", err)
	}
	for _, d := range set {
		if (d.State == ipc.StateRunning) != (d.Name != ipc.NameSetup) {
			t.Errorf("%s is %s", d.Name, d.State)
		}
	}
}

func TestCrashLoopIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	armed := filepath.Join(s.Paths.Root, "panic-setup")
	write(t, armed, "")
	for i := range crashLimit + 3 {
		ok, set, err := s.Ensure(s.context())
		if ok || err == nil {
			t.Fatalf("ensure %d: %v, %v", i, ok, err)
		}
		if d := set[1]; d.State != ipc.StateCrashed || !strings.Contains(d.LastError, "armed by the test") {
			t.Errorf("ensure %d: %+v", i, d)
		}
		if loop := strings.Contains(err.Error(), "not started again"); loop != (i >= crashLimit) {
			t.Errorf("ensure %d: %v", i, err)
		}
	}
	if n := len(s.Paths.readRestarts(ipc.NameSetup).Crashes); n != crashLimit {
		t.Errorf("%d crashes counted, want %d", n, crashLimit)
	}
	if err := os.Remove(armed); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Restart(s.context(), ipc.NameSetup); err != nil {
		t.Fatal(err)
	}
	s.waitState(ipc.StateRunning)
}
