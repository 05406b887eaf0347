package daemons

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	s.mustStart()
	err := filepath.WalkDir(s.Paths.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range ipc.DaemonNames() {
		ep, err := s.Endpoint(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(ep.Secret) != 32 || seen[string(ep.Secret)] {
			t.Errorf("%s has no secret of its own", name)
		}
		seen[string(ep.Secret)] = true
		to, err := os.Readlink(filepath.Join(s.Paths.Home, "daemon_logs", name+".log"))
		if err != nil || to != filepath.Join(s.Paths.Set, name+".log") {
			t.Errorf("link to the log of %s: %q, %v", name, to, err)
		}
	}
}

// A daemon that kept any descriptor of its caller would keep `out=$(replibuild
// start)` from returning.
func TestDaemonHoldsNothingOfItsCaller(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd := exec.CommandContext(s.context(), s.Exe, asStart, s.Paths.Root, s.Paths.Home, strconv.Itoa(s.basePort))
	cmd.Env = append(testEnv(), "CXX=/strange", "SECRET_OF_THE_SHELL=1", "CPATH=/strange")
	cmd.Dir = t.TempDir()
	cmd.ExtraFiles = []*os.File{writer, writer, writer}
	if out, err := cmd.CombinedOutput(); err != nil { // returns at the end of the pipe
		t.Fatalf("start: %v\n%s", err, out)
	}
	writer.Close()
	if _, err := io.ReadAll(reader); err != nil {
		t.Fatal(err)
	}
	client := ipc.NewSetupClient(Dialer(s.Paths, ipc.NameSetup))
	defer client.Close()
	var p portrait
	if err := client.Stats(s.context(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Cwd != "/" || p.Session != p.PID {
		t.Errorf("cwd %s, session %d of PID %d", p.Cwd, p.Session, p.PID)
	}
	for _, kv := range p.Env {
		if strings.Contains(kv, "strange") || strings.Contains(kv, "SECRET") {
			t.Errorf("the daemon has %s in its environment", kv)
		}
	}
	for fd, to := range p.Files {
		switch {
		case to == "/dev/null", strings.HasPrefix(to, s.Paths.Home), strings.HasPrefix(to, s.Paths.Root),
			strings.HasPrefix(to, "socket:"), strings.HasPrefix(to, "anon_inode:"), strings.HasPrefix(to, "/proc/"),
			strings.HasPrefix(to, "/sys/fs/cgroup/"), to == "": // the Go runtime's own, and the list being read
		default:
			t.Errorf("descriptor %s leads to %s", fd, to)
		}
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

// `rm -rf` of all that is ours is a documented remedy.
func TestDeletedFilesComeBack(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	for _, dir := range []string{s.Paths.Home, s.Paths.StateDir()} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Until(t, "all files", func() bool {
		for _, name := range ipc.DaemonNames() {
			_, noLog := os.Stat(s.Paths.LogFile(name))
			if _, err := ReadEndpoint(s.Paths.EndpointFile(name)); err != nil || noLog != nil || !s.Alive(name) {
				return false
			}
		}
		return true
	})
	after := s.waitState(ipc.StateRunning)
	for name, d := range after {
		if d.PID != before[name].PID {
			t.Errorf("%s was replaced", name)
		}
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

func TestDaemonsLeaveAProjectThatIsGone(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	s.mustStart()
	if err := os.RemoveAll(s.Paths.Root); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the daemons to leave", func() bool { return len(processesOf(s.Paths.Root)) == 0 })
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

func TestRunningRequestsMayFinish(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	s.mustStart()
	client := ipc.NewSetupClient(Dialer(s.Paths, ipc.NameSetup))
	defer client.Close()
	answered := make(chan error, 1)
	go func() {
		r, err := client.Validate(s.context(), ipc.ValidateRequest{})
		if err == nil && !slices.Equal(r.Files, []string{"done"}) {
			err = fmt.Errorf("answer %+v", r)
		}
		answered <- err
	}()
	testkit.Until(t, "the request to begin", func() bool {
		_, err := os.Stat(filepath.Join(s.Paths.Root, "begun"))
		return err == nil
	})
	stopped := make(chan error, 1)
	go func() {
		_, err := s.Stop(s.context(), ipc.NameSetup)
		stopped <- err
	}()
	testkit.Until(t, "setup to leave", func() bool { return readHolder(s.Paths.LockFile(ipc.NameSetup)).Stopping })
	write(t, filepath.Join(s.Paths.Root, "go"), "")
	if err := <-answered; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
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

func TestIdleSetLeavesTogether(t *testing.T) {
	t.Parallel()
	s := newSet(t, "[daemons]\nidle_timeout = 1\n")
	s.mustStart()
	// A dashboard at the orchestrator, and the orchestrator's own stream at discovery.
	ctx, hangUp := context.WithCancel(s.context())
	defer hangUp()
	var streams sync.WaitGroup
	for _, name := range []string{ipc.NameOrchestrator, ipc.NameDiscovery} {
		client := ipc.NewDiscoveryClient(Dialer(s.Paths, name))
		streams.Go(func() {
			defer client.Close()
			client.Subscribe(ctx, ipc.SubscribeRequest{}, func(ipc.Event) {})
		})
	}
	testkit.Until(t, "three times idle_timeout", func() bool {
		now := s.now()
		for _, d := range now {
			if d.State != ipc.StateRunning {
				t.Fatalf("%s is %s while a dashboard looks on", d.Name, d.State)
			}
		}
		return now[ipc.NameSetup].Uptime > 3
	})
	hangUp()
	streams.Wait()
	s.waitState(ipc.StateStopped)
	testkit.Until(t, "all processes to leave", func() bool { return len(processesOf(s.Paths.Root)) == 0 })
}

// Another user learns nothing: not the endpoint, and no answer on the port.
func TestOtherUserGetsNothing(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	s := newSet(t, "")
	s.mustStart()
	for _, name := range ipc.DaemonNames() {
		ep, err := s.Endpoint(name)
		if err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf(`cat %s 2>/dev/null; exec 3<>/dev/tcp/127.0.0.1/%d && printf '{"action":"ping"}{"action":"shutdown"}' >&3 && cat <&3`,
			s.Paths.EndpointFile(name), ep.Port)
		ask := func(uid uint32) string {
			cmd := exec.CommandContext(s.context(), "bash", "-c", script)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			cmd.Dir = "/"
			out, _ := cmd.Output() // a reset connection is an answer, too
			return string(out)
		}
		if out := ask(1234); out != "" {
			t.Errorf("%s told another user %q", name, out)
		}
	}
	s.waitState(ipc.StateRunning)
}

func TestProtocolsOfOtherVersions(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	rewrite := func(name string, protocol int) {
		path := s.Paths.EndpointFile(name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		was := fmt.Sprintf(`"protocol": %d`, ipc.Protocol)
		// In place: the daemon puts back a file that is another one.
		err = os.WriteFile(path, []byte(strings.Replace(string(text), was, fmt.Sprintf(`"protocol": %d`, protocol), 1)), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	rewrite(ipc.NameSetup, ipc.Protocol-1)
	if d := s.now()[ipc.NameSetup]; d.State != ipc.StateRunning || d.LastError != fmt.Sprintf("it speaks protocol %d, this program %d", ipc.Protocol-1, ipc.Protocol) {
		t.Errorf("beside an older daemon: %+v", d)
	}
	if _, err := s.Start(s.context()); err != nil {
		t.Fatal(err)
	}
	if now := s.now(); now[ipc.NameSetup].PID == before[ipc.NameSetup].PID {
		t.Error("a daemon of an older protocol was not replaced")
	}
	rewrite(ipc.NameSetup, ipc.Protocol+1)
	if _, err := s.Start(s.context()); err == nil || !strings.Contains(err.Error(), "newer replibuild") {
		t.Errorf("start beside a newer daemon: %v", err)
	}
}
