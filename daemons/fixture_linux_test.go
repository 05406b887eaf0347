package daemons

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/daemons/config"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// nextPort gives every test a range of ports of its own, below those that the system
// hands out by itself, and other ones than another run's.
var nextPort atomic.Int64

func ports() int { return 10_000 + (os.Getpid()*7+int(nextPort.Add(1)))%200*100 }

// set is a project with a launcher; whatever it started is stopped after the test.
type set struct {
	*Launcher
	t *testing.T
}

func newSet(t *testing.T, configText string) set {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return newSetIn(t, filepath.Join(dir, "home"), filepath.Join(dir, "project"), configText, ports())
}

func newSetIn(t *testing.T, home, root, configText string, base int) set {
	t.Helper()
	write(t, filepath.Join(root, projectFile), "[project]\nname = \"p\"\n")
	p := NewPaths(home, root)
	if configText != "" {
		write(t, p.ConfigFile(), configText)
	}
	s := set{Launcher: testLauncher(p, base), t: t}
	var err error
	if s.Config, err = config.Load(p.ConfigFile()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// end stops the set, and kills what a failed test may have left of it.
func (s set) end() {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if _, err := os.Stat(s.Paths.Root); err == nil {
		for _, pid := range processesOf(s.Paths.Root) {
			syscall.Kill(pid, syscall.SIGCONT)
		}
		if _, err := s.Stop(ctx); err != nil {
			s.t.Errorf("stop after the test: %v", err)
		}
	}
	for _, pid := range processesOf(s.Paths.Root) {
		if s.t.Failed() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		s.t.Logf("process %d outlived Stop", pid)
	}
	if s.t.Failed() {
		for _, name := range ipc.DaemonNames() {
			for _, line := range lastLines(s.Paths, name, 10) {
				s.t.Logf("%s: %s", name, line)
			}
		}
	}
}

func (s set) context() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), testkit.Patience)
	s.t.Cleanup(cancel)
	return ctx
}

// mustStart starts the set and returns it, all enabled ones running.
func (s set) mustStart() map[string]ipc.DaemonStatus {
	s.t.Helper()
	if _, err := s.Start(s.context()); err != nil {
		s.t.Fatalf("start: %v", err)
	}
	now := s.now()
	for name, d := range now {
		if d.State != ipc.StateRunning && s.Config.Enabled(name) {
			s.t.Fatalf("%s is %s after start: %s", name, d.State, d.LastError)
		}
	}
	return now
}

func (s set) now() map[string]ipc.DaemonStatus {
	all := make(map[string]ipc.DaemonStatus)
	for _, d := range s.Status(s.context()).Daemons {
		all[d.Name] = d
	}
	return all
}

// waitState waits until the named daemons (none = all) are in a state.
func (s set) waitState(state string, names ...string) map[string]ipc.DaemonStatus {
	s.t.Helper()
	if len(names) == 0 {
		names = ipc.DaemonNames()
	}
	var now map[string]ipc.DaemonStatus
	testkit.Until(s.t, "state "+state, func() bool {
		now = s.now()
		for _, name := range names {
			if now[name].State != state {
				return false
			}
		}
		return true
	})
	return now
}

func (s set) kill(pid int, sig syscall.Signal) {
	s.t.Helper()
	if pid <= 1 {
		s.t.Fatalf("will not signal PID %d", pid)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		s.t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func isGone(pid int) bool { return startTicks(pid) == 0 }
