package tui

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openPTY opens a terminal that answers no question: master reads what is written.
func openPTY(t testing.TB, cols, rows uint16) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: cols, Row: rows}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}

// sampleProject is a small project of two C++ files, with a home of its own.
func sampleProject(t testing.TB) (dir, home string) {
	t.Helper()
	dir, home = t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"replibuild.toml": "[project]\nname = \"hello\"\n",
		"src/main.cpp":    "#include \"greet.h\"\nint main() { return greet() - 3; }\n",
		"src/greet.cpp":   "#include \"greet.h\"\nint greet() { return 3; }\n",
		"include/greet.h": "int greet();\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, home
}

// withoutCI is the environment of a person's shell: termenv asks nothing where CI is
// set.
func withoutCI(home string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); key != "CI" && key != "NO_COLOR" && key != "TMUX" && key != "COLORFGBG" && key != "TERM" {
			env = append(env, kv)
		}
	}
	return append(env, "TERM=xterm-256color", "REPLIBUILD_HOME="+home)
}

// The trap that tui/quiet is there for: in a terminal that never answers a program
// that links Bubble Tea waits 5 s for it, and writes two questions.
func TestSilentTerminal(t *testing.T) {
	t.Parallel()
	bin := program(t)
	dir, home := sampleProject(t)
	for _, args := range [][]string{{"version"}, {"status"}, {"compile", "--no-daemon"}} {
		master, slave := openPTY(t, 80, 24)
		cmd := exec.Command(bin, append(args, "--project", dir)...)
		cmd.Dir, cmd.Env = dir, withoutCI(home)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		slave.Close()
		out, first := readAll(master, began)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		for _, question := range []string{"\x1b]11;", "\x1b]10;", "\x1b[6n", "\x1b[c", "\x1b[>", "\x1b[?"} {
			if bytes.Contains(out, []byte(question)) {
				t.Errorf("%v asked the terminal: %q", args, out)
			}
		}
		if args[0] != "compile" && bytes.ContainsRune(out, 0x1b) {
			t.Errorf("%v wrote an escape sequence: %q", args, out)
		}
		t.Logf("%v: first byte after %v", args, first)
		if first > 4*time.Second { // the wait is 5 s; a busy machine needs some of the rest
			t.Errorf("%v: the first byte came after %v", args, first)
		}
	}
}

// readAll reads until the other end is closed; first is when the first byte came.
func readAll(f *os.File, began time.Time) (out []byte, first time.Duration) {
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		if n > 0 && first == 0 {
			first = time.Since(began)
		}
		out = append(out, buf[:n]...)
		if err != nil { // EIO: no process has it open any more
			return out, first
		}
	}
}

// Without a terminal: exit code 2 and where to look instead.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	bin := program(t)
	dir, home := sampleProject(t)
	cmd := exec.Command(bin, "tui", "--project", dir)
	cmd.Env = withoutCI(home)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "status --watch") {
		t.Errorf("%v: %s", err, out)
	}
}

// The terminal is given back after SIGTERM, SIGHUP and q; and the first frame comes
// before any daemon was asked.
func TestTerminalIsRestored(t *testing.T) {
	t.Parallel()
	bin := program(t)
	dir, home := sampleProject(t)
	for name, end := range map[string]func(*os.Process, *os.File){
		"SIGTERM": func(p *os.Process, _ *os.File) { p.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(p *os.Process, _ *os.File) { p.Signal(syscall.SIGHUP) },
		"q":       func(_ *os.Process, master *os.File) { master.WriteString("q") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "SIGHUP" && signal.Ignored(syscall.SIGHUP) {
				t.Skip("the caller of this test ignores SIGHUP (nohup), and so does the program")
			}
			master, slave := openPTY(t, 100, 30)
			before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(bin, "tui", "--project", dir)
			cmd.Env = withoutCI(home)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() }) // if the test fails before its end
			seen := readUntil(t, master, "Daemons")
			if !strings.Contains(seen, "\x1b[?1049h") {
				t.Errorf("it did not enter the other screen: %q", seen)
			}
			end(cmd.Process, master)
			rest := readUntil(t, master, "\x1b[?1049l")
			for _, off := range []string{"\x1b[?1002l", "\x1b[?2004l", "\x1b[?25h", "\x1b[?7h"} {
				if !strings.Contains(rest, off) {
					t.Errorf("%q is missing at the end: %q", off, rest[max(0, len(rest)-200):])
				}
			}
			cmd.Wait()
			now, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil || *now != *before {
				t.Errorf("the terminal's modes are not what they were: %v %+v %+v", err, now, before)
			}
		})
	}
}

// readUntil reads until text has come.
func readUntil(t testing.TB, f *os.File, text string) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 4096)
	f.SetReadDeadline(time.Now().Add(30 * time.Second))
	for !bytes.Contains(all, []byte(text)) {
		n, err := f.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			t.Fatalf("%q did not come: %v: %q", text, err, all)
		}
	}
	return string(all)
}
