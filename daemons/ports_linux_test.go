package daemons

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// occupy listens on a port of this machine until the test ends.
func occupy(t *testing.T, network, host string, port int) {
	t.Helper()
	l, err := net.Listen(network, net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

func TestExplicitPortThatIsTakenNamesItsHolder(t *testing.T) {
	t.Parallel()
	port := ports() + 50
	s := newSet(t, fmt.Sprintf("[daemons.setup]\nport = %d\n", port))
	occupy(t, "tcp4", "127.0.0.1", port)
	_, err := s.Start(s.context())
	if ipc.CodeOf(err) != ipc.CodePortInUse {
		t.Fatalf("start: %v", err)
	}
	self, err2 := os.ReadFile("/proc/self/comm")
	if err2 != nil {
		t.Fatal(err2)
	}
	for _, want := range []string{fmt.Sprint(port), "setup", strings.TrimSpace(string(self)), fmt.Sprintf("PID %d", os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
	if pids := processesOf(s.Paths.Root); len(pids) > 0 {
		t.Errorf("%v run although the set could not start", pids)
	}
}

func TestExplicitPortIsUsed(t *testing.T) {
	t.Parallel()
	port := ports() + 50
	s := newSet(t, fmt.Sprintf("[daemons.orchestrator]\nport = %d\n", port))
	now := s.mustStart()
	if now[ipc.NameOrchestrator].Port != port || now[ipc.NameDiscovery].Port != s.basePort {
		t.Errorf("%+v", now)
	}
}

func TestTakenDefaultMovesTheSetToTheNextBlock(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ network, host string }{{"tcp4", "127.0.0.1"}, {"tcp4", "0.0.0.0"}, {"tcp6", "::1"}} {
		s := newSet(t, "")
		occupy(t, at.network, at.host, s.basePort+2)
		for i, name := range ipc.DaemonNames() {
			if d := s.mustStart()[name]; d.Port != s.basePort+portStep+i {
				t.Errorf("%s taken: %s has port %d, want %d", at.host, name, d.Port, s.basePort+portStep+i)
			}
		}
	}
}

func TestSecondProjectHasPortsOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := ports()
	home := filepath.Join(dir, "home")
	a := newSetIn(t, home, filepath.Join(dir, "a", "same-name"), "", base)
	b := newSetIn(t, home, filepath.Join(dir, "b", "same-name"), "", base)
	first, second := a.mustStart(), b.mustStart()
	for i, name := range ipc.DaemonNames() {
		if first[name].Port != base+i || second[name].Port != base+portStep+i {
			t.Errorf("%s: ports %d and %d from %d on", name, first[name].Port, second[name].Port, base)
		}
		to, err := os.Readlink(filepath.Join(home, "daemon_logs", name+".log"))
		if err != nil || to != filepath.Join(b.Paths.Set, name+".log") {
			t.Errorf("daemon_logs/%s.log leads to %q, %v; want the set started last", name, to, err)
		}
	}
	if _, err := a.Stop(a.context()); err != nil {
		t.Fatal(err)
	}
	b.waitState(ipc.StateRunning)
}

func TestLostPortIsReplacedAndSaid(t *testing.T) {
	t.Parallel()
	s := newSet(t, "")
	before := s.mustStart()
	if _, err := s.Stop(s.context(), ipc.NameSetup); err != nil {
		t.Fatal(err)
	}
	occupy(t, "tcp4", "127.0.0.1", before[ipc.NameSetup].Port)
	now := s.mustStart()
	if now[ipc.NameSetup].Port == before[ipc.NameSetup].Port || now[ipc.NameDiscovery].PID != before[ipc.NameDiscovery].PID {
		t.Errorf("before %+v, now %+v", before, now)
	}
	log := strings.Join(lastLines(s.Paths, ipc.NameSetup, 50), "\n")
	if !strings.Contains(log, "the port is taken, using another") {
		t.Errorf("the log does not tell of the port:\n%s", log)
	}
}

func TestPortHolderOfAFreePort(t *testing.T) {
	t.Parallel()
	if by := PortOwner(ports() + 99); by != "" {
		t.Errorf("a free port is held by %s", by)
	}
}
