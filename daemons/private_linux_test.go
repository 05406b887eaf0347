package daemons

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

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
