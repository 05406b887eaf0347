package daemons

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

func TestStartStatusStop(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	first := s.mustStart()
	for i, name := range ipc.DaemonNames() {
		d := first[name]
		if d.PID == 0 || d.Port != s.basePort+i || d.Restarts != 0 {
			t.Errorf("%s: %+v, want port %d and no restarts", name, d, s.basePort+i)
		}
	}
	again, err := s.Start(s.context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range again {
		if d.PID != first[d.Name].PID {
			t.Errorf("a second start replaced %s", d.Name)
		}
	}
	stopped, err := s.Stop(s.context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range stopped {
		names = append(names, d.Name)
		if !isGone(d.PID) {
			t.Errorf("%s (PID %d) is there after stop", d.Name, d.PID)
		}
		if _, err := os.Stat(s.Paths.EndpointFile(d.Name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("endpoint of %s after stop: %v", d.Name, err)
		}
	}
	if !slices.Equal(names, ipc.DaemonNames()) {
		t.Errorf("stopped %v", names)
	}
	s.waitState(ipc.StateStopped)
	if more, err := s.Stop(s.context()); err != nil || len(more) > 0 {
		t.Errorf("second stop: %v, %v", more, err)
	}
}

func TestConcurrentStartsGiveOneSet(t *testing.T) {
	t.Parallel()
	const starts = 32
	s := newSet(t, "")
	outputs := make([]string, starts)
	var wg sync.WaitGroup
	for i := range outputs {
		wg.Go(func() {
			cmd := exec.CommandContext(s.context(), s.Exe, asStart, s.Paths.Root, s.Paths.Home, strconv.Itoa(s.basePort))
			cmd.Env = testEnv()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("start %d: %v\n%s", i, err, out)
			}
			outputs[i] = string(out)
		})
	}
	wg.Wait()
	for i, out := range outputs {
		if out != outputs[0] {
			t.Errorf("start %d saw %q, another one %q", i, out, outputs[0])
		}
	}
	if pids := processesOf(s.Paths.Root); len(pids) != 4 {
		t.Errorf("%d daemons run: %v", len(pids), pids)
	}
}

func TestSets(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	if sets, err := Sets(s.Paths.Home); err != nil || len(sets) != 0 {
		t.Errorf("before any start: %v %v", sets, err)
	}
	killed := s.mustStart()[ipc.NameSetup].PID
	write(t, filepath.Join(s.Paths.pidBase(), "other-12345678", "setup.json"), "no endpoint")
	s.kill(killed, syscall.SIGKILL)
	s.waitState(ipc.StateCrashed, ipc.NameSetup)
	if sets, err := Sets(s.Paths.Home); err != nil || !slices.Equal(sets, []Paths{s.Paths}) {
		t.Errorf("running: %v %v", sets, err)
	}
	if _, err := s.Stop(s.context()); err != nil {
		t.Fatal(err)
	}
	if sets, err := Sets(s.Paths.Home); err != nil || len(sets) != 0 {
		t.Errorf("after the stop: %v %v", sets, err)
	}
}

// A start right after everything was deleted cannot know of the old daemons; one set
// remains all the same.
func TestStartAfterDeletionLeavesOneSet(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	s.mustStart()
	for _, dir := range []string{s.Paths.Home, s.Paths.StateDir()} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Start(s.context()); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "one set", func() bool { return len(processesOf(s.Paths.Root)) == 4 })
	s.waitState(ipc.StateRunning)
}

func TestRestartKeepsPorts(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	if _, err := s.Restart(s.context(), ipc.NameSetup); err != nil {
		t.Fatal(err)
	}
	one := s.now()
	if _, err := s.Restart(s.context()); err != nil {
		t.Fatal(err)
	}
	all := s.now()
	for _, name := range ipc.DaemonNames() {
		if before[name].Port != one[name].Port || one[name].Port != all[name].Port {
			t.Errorf("%s had the ports %d, %d, %d", name, before[name].Port, one[name].Port, all[name].Port)
		}
		if (before[name].PID == one[name].PID) != (name != ipc.NameSetup) || all[name].PID == one[name].PID {
			t.Errorf("%s had the PIDs %d, %d, %d", name, before[name].PID, one[name].PID, all[name].PID)
		}
	}
}

func TestDisabledDaemon(t *testing.T) {
	t.Parallel()
	s := newSet(t, "[daemons]\nenable_setup = false\n")
	now := s.mustStart()
	if d := now[ipc.NameSetup]; d.State != ipc.StateDisabled || d.PID != 0 {
		t.Errorf("setup: %+v", d)
	}
	if _, err := s.Start(s.context(), ipc.NameSetup); ipc.CodeOf(err) != ipc.CodeUnavailable {
		t.Errorf("start of a disabled daemon: %v", err)
	}
	if ok, _, err := s.Ensure(s.context()); !ok || err != nil {
		t.Errorf("ensure: %v, %v", ok, err)
	}
	if len(processesOf(s.Paths.Root)) != 3 {
		t.Error("not three daemons")
	}
	if _, err := s.Start(s.context(), "nonsense"); ipc.CodeOf(err) != ipc.CodeNotFound {
		t.Errorf("start of nonsense: %v", err)
	}
}
