package tui

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/ipc"
)

// e2e is the real program in a tmux of its own, with real daemons.
type e2e struct {
	t         *testing.T
	bin       string
	dir, home string
	server    string
}

func startE2E(t *testing.T) *e2e {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc and tmux")
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed; `make deps-test` does that")
	}
	if _, err := exec.LookPath("g++"); err != nil {
		t.Skip("there is no C++ compiler")
	}
	e := &e2e{t: t, bin: program(t), server: fmt.Sprintf("replibuild-e2e-%d", os.Getpid())}
	e.dir, e.home = sampleProject(t)
	t.Cleanup(func() {
		exec.Command("tmux", "-L", e.server, "kill-server").Run()
		e.program("stop")
	})
	command := fmt.Sprintf("exec '%s' tui --project '%s'", e.bin, e.dir)
	e.tmux("-u", "-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "36", command, ";", "set", "-g", "remain-on-exit", "on")
	return e
}

func (e *e2e) tmux(args ...string) string {
	e.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-L", e.server}, args...)...)
	cmd.Env = append(withoutCI(e.home), "LANG=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (e *e2e) program(args ...string) string {
	e.t.Helper()
	cmd := exec.Command(e.bin, append(args, "--project", e.dir)...)
	cmd.Env = withoutCI(e.home)
	out, err := cmd.Output()
	if err != nil {
		e.t.Errorf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

func (e *e2e) keys(keys ...string) { e.tmux(append([]string{"send-keys"}, keys...)...) }

// await waits until all texts are on the screen at once.
func (e *e2e) await(texts ...string) string {
	e.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		screen := e.tmux("capture-pane", "-p")
		all := true
		for _, text := range texts {
			all = all && strings.Contains(screen, text)
		}
		if all {
			return screen
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("%q did not appear together:\n%s", texts, screen)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// kill ends a daemon as a crash does.
func (e *e2e) kill(daemon string) {
	e.t.Helper()
	root, err := daemons.FindRoot(e.dir)
	if err != nil {
		e.t.Fatal(err)
	}
	text, err := os.ReadFile(daemons.NewPaths(e.home, root).EndpointFile(daemon))
	if err != nil {
		e.t.Fatal(err)
	}
	var ep ipc.Endpoint
	if err := json.Unmarshal(text, &ep); err != nil {
		e.t.Fatal(err)
	}
	p, err := os.FindProcess(ep.PID)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *e2e) write(name, text string) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o644); err != nil {
		e.t.Fatal(err)
	}
}

// A working day: no daemons, start, build, crash and mend, clear and undo, a broken
// project, a small and a great terminal, quit with the daemons alive.
func TestWorkingDay(t *testing.T) {
	t.Parallel()
	e := startE2E(t)
	e.await("0/4 up", "stopped", "starts it")
	e.keys("S")
	e.await("4/4 up", "live")

	e.keys("b")
	e.await("✓ done", "src/main.cpp", "src/greet.cpp", "✓ compiled", "never compiled before")

	e.kill(ipc.NameSetup)
	e.await("3/4 up", "crashed")
	e.keys("1", "r") // the cursor went to the daemon that crashed
	e.await("4/4 up", "live")
	e.kill(ipc.NameOrchestrator)
	e.await("no orchestrator", "crashed")
	e.keys("G", "r")
	e.await("4/4 up", "live")
	e.write("src/greet.cpp", "#include \"greet.h\"\nint greet() { return 1 + 2; }\n")
	e.keys("4", "b")
	e.await("src/greet.cpp changed", "✓ compiled", "live")

	e.keys("c")
	e.await("Clear the cache?", "objects", "y clear it")
	e.keys("y")
	e.await("u undo (")
	e.keys("u")
	e.await("restored")

	e.write("replibuild.toml", "[project\nname = ")
	e.keys("Escape", "b")
	e.await("✗ failed", "replibuild.toml:1:9")
	e.write("replibuild.toml", "[project]\nname = \"hello\"\n")
	e.keys("b")
	e.await("✓ done")

	e.tmux("resize-window", "-x", "40", "-y", "10")
	e.await("4 Fil", "? help")
	e.tmux("resize-window", "-x", "30", "-y", "8")
	e.await("this terminal: 30x8", "needed: 40x10")
	e.tmux("resize-window", "-x", "250", "-y", "80")
	e.await("1 Daemons", "2 Build", "3 Cache", "4 Files", "5 Log", "6 Detail")

	e.keys("Escape", "q")
	e.await("4 daemons keep running")
	var set ipc.SetStatus
	if err := json.Unmarshal([]byte(e.program("status", "--json")), &set); err != nil {
		t.Fatal(err)
	}
	for _, d := range set.Daemons {
		if d.State != ipc.StateRunning {
			t.Errorf("after q the %s daemon is %s", d.Name, d.State)
		}
	}
}
