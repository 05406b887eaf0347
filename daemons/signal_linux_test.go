package daemons

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// The endpoint and the lock file name a PID that an innocent process has by now.
func TestReusedPIDIsLeftAlone(t *testing.T) {
	t.Parallel()
	innocent := exec.Command("sleep", "1000")
	if err := innocent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		innocent.Process.Kill()
		innocent.Wait()
	}()
	s := newSet(t, "")
	if err := s.Paths.Initialize(); err != nil {
		t.Fatal(err)
	}
	stale := ownIdentity()
	stale.PID = innocent.Process.Pid
	stale.StartTicks = startTicks(stale.PID) - 1
	for _, name := range ipc.DaemonNames() {
		err := writeEndpoint(s.Paths.EndpointFile(name), ipc.Endpoint{
			Daemon: name, PID: stale.PID, StartTicks: stale.StartTicks, BootID: stale.BootID, MachineID: stale.MachineID,
			Protocol: ipc.Protocol, Port: s.basePort, Secret: make([]byte, 32),
		})
		if err != nil {
			t.Fatal(err)
		}
		l, err := tryLock(s.Paths.LockFile(name))
		if err != nil {
			t.Fatal(err)
		}
		l.write(holder{Process: stale, Since: time.Now().Add(-time.Hour)})
		l.release()
	}
	for _, d := range s.now() {
		if d.State != ipc.StateCrashed {
			t.Errorf("%s is %s", d.Name, d.State)
		}
	}
	s.mustStart()
	if _, err := s.Stop(s.context()); err != nil {
		t.Error(err)
	}
	if isGone(innocent.Process.Pid) {
		t.Error("the innocent process is dead")
	}
}

func TestSignalsReachTheVeryProcessOnly(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	right := ownIdentity()
	right.PID, right.StartTicks = cmd.Process.Pid, startTicks(cmd.Process.Pid)
	wrongTicks, wrongBoot, wrongMachine := right, right, right
	wrongTicks.StartTicks++
	wrongBoot.BootID = "another"
	wrongMachine.MachineID = "another"
	for _, id := range []identity{wrongTicks, wrongBoot, wrongMachine, {}, {PID: 1, StartTicks: startTicks(1), BootID: bootID(), MachineID: machineID()}} {
		if err := sendSignal(id, syscall.SIGKILL); !errors.Is(err, errGone) {
			t.Errorf("%+v: %v", id, err)
		}
	}
	if !isRunning(right) {
		t.Fatal("the process is dead")
	}
	if err := sendSignal(right, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	cmd.Wait()
	if err := sendSignal(right, syscall.SIGKILL); !errors.Is(err, errGone) {
		t.Errorf("signal to a dead process: %v", err)
	}
}

func TestSignalsThatEndCleanly(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		s := newSet(t, "")
		for _, d := range s.mustStart() {
			s.kill(d.PID, signal)
		}
		s.waitState(ipc.StateStopped)
		for _, name := range ipc.DaemonNames() {
			testkit.Until(t, "the end of "+name, func() bool { return !s.Alive(name) })
			lines := lastLines(s.Paths, name, 1)
			if len(lines) != 1 || parseLogLine(name, lines[0]).Message != endedMessage {
				t.Errorf("%v: %s ended with %q", signal, name, lines)
			}
		}
	}
}
