package ipc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// envStranger makes the test binary a peer that writes its arguments to a port and
// prints what comes back: the tests run it as another user.
const envStranger = "REPLIBUILD_TEST_STRANGER"

func TestMain(m *testing.M) {
	if address := os.Getenv(envStranger); address != "" {
		c, err := net.Dial("tcp", address)
		if err != nil {
			fmt.Println("dial:", err)
			os.Exit(1)
		}
		c.SetDeadline(time.Now().Add(8 * time.Second))
		io.WriteString(c, os.Args[1])
		io.Copy(os.Stdout, c)
		return
	}
	os.Exit(m.Run())
}

// stranger runs a peer as uid and returns what it was answered.
func stranger(t *testing.T, uid uint32, port int, text string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
	cmd := exec.Command("/proc/self/exe", text)
	cmd.Dir = "/"
	cmd.Env = []string{fmt.Sprintf("%s=127.0.0.1:%d", envStranger, port)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "reset") {
		t.Fatalf("as uid %d: %v: %s", uid, err, out)
	}
	return string(out)
}

func TestOtherUserGetsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, CompilationHandlers(fakeCompilation{}))
	for _, uid := range []uint32{1234, overflowUID} {
		for _, request := range []string{
			`{"action":"ping"}`, `{"action":"shutdown"}`, `{"action":"compile","file":"a.c"}`, `{"action":"nonsense"}`,
			`{"action":"prove","proof":"AAAA"}{"action":"ping"}`, `{"bad"}`, `{}`, `{"a":` + strings.Repeat(" ", maxStranger) + `1}`,
		} {
			want := ""
			if strings.Contains(request, "prove") {
				want = "hello comes first" // the proof itself is open to all
			}
			if out := stranger(t, uid, s.ep.Port, request); !strings.Contains(out, want) || want == "" && out != "" {
				t.Errorf("uid %d: %s: answered %q", uid, request, out)
			}
		}
	}
	if n := s.Requests(); n != 0 {
		t.Errorf("%d requests were taken", n)
	}
	if out := stranger(t, 0, s.ep.Port, `{"action":"ping"}{"action":"ping"}{"action":"shutdown"}`); strings.Count(out, "\n") != 3 {
		t.Errorf("our own user: %q", out)
	}
}

// TestPeerCheck looks at sockets in all states: only a live one of our own user
// counts, and in particular not a closed one, which reads as uid 0.
func TestPeerCheck(t *testing.T) {
	t.Parallel()
	check, err := newPeerCheck()
	if err != nil {
		t.Fatal(err)
	}
	defer check.close()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // a machine without ::1
			continue
		}
		defer l.Close()
		dial := l.Addr().String()
		if address == ":0" {
			dial = fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port)
		}
		near, err := net.Dial("tcp", dial)
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer far.Close()
		if !check.sameUser(far) {
			t.Errorf("%s: our own open socket is refused", address)
		}
		near.Close()
		if bufio.NewReader(far).ReadByte(); check.sameUser(far) {
			t.Errorf("%s: a closed peer is taken", address)
		}
	}
}

// TestPeerCheckMapped: an IPv6 socket that connects to ::ffff:127.0.0.1.
func TestPeerCheckMapped(t *testing.T) {
	t.Parallel()
	check, err := newPeerCheck()
	if err != nil {
		t.Fatal(err)
	}
	defer check.close()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port}
	copy(to.Addr[10:], []byte{0xff, 0xff, 127, 0, 0, 1})
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if !check.sameUser(far) {
		t.Error("our own v4-mapped socket is refused")
	}
}

func BenchmarkPeerCheck(b *testing.B) {
	check, err := newPeerCheck()
	if err != nil {
		b.Fatal(err)
	}
	defer check.close()
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	near, _ := net.Dial("tcp", l.Addr().String())
	defer near.Close()
	far, _ := l.Accept()
	defer far.Close()
	for b.Loop() {
		if !check.sameUser(far) {
			b.Fatal("refused")
		}
	}
}
