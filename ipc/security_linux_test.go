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

// envStranger makes the test binary a peer that writes each of its arguments to a
// connection of its own and prints what comes back, a quoted line each: the tests run
// it as another user.
const envStranger = "REPLIBUILD_TEST_STRANGER"

func TestMain(m *testing.M) {
	address := os.Getenv(envStranger)
	if address == "" {
		os.Exit(m.Run())
	}
	for _, text := range os.Args[1:] {
		c, err := net.Dial("tcp", address)
		if err != nil {
			fmt.Println("dial:", err)
			os.Exit(1)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, text)
		answer, _ := io.ReadAll(c)
		fmt.Printf("%q\n", answer)
		c.Close()
	}
}

// stranger runs a peer as uid and returns what each text was answered.
func stranger(t *testing.T, uid uint32, port int, texts ...string) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
	cmd := exec.Command("/proc/self/exe", texts...)
	cmd.Dir = "/"
	cmd.Env = []string{fmt.Sprintf("%s=127.0.0.1:%d", envStranger, port)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != len(texts) {
		t.Fatalf("as uid %d: %v: %s", uid, err, out)
	}
	return lines
}

func TestOtherUserGetsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, CompilationHandlers(fakeCompilation{}))
	requests := []string{
		`{"action":"ping"}`, `{"action":"shutdown"}`, `{"action":"compile","file":"a.c"}`, `{"action":"nonsense"}`,
		`{"bad"}`, `{}`, `{"a":` + strings.Repeat(" ", maxStranger) + `1}`, `{"action":"prove","proof":"AAAA"}{"action":"ping"}`,
	}
	for _, uid := range []uint32{1234, overflowUID} {
		for i, answer := range stranger(t, uid, s.ep.Port, requests...) {
			isProof := strings.Contains(requests[i], "prove") // that is open to all
			if isProof && strings.Count(answer, `\n`) != 1 || !isProof && answer != `""` {
				t.Errorf("uid %d: %s: answered %s", uid, requests[i], answer)
			}
		}
	}
	if n := s.Requests(); n != 0 {
		t.Errorf("%d requests were taken", n)
	}
	out := stranger(t, uint32(os.Geteuid()), s.ep.Port, `{"action":"ping"}{"action":"ping"}{"action":"shutdown"}`)
	if strings.Count(out[0], `\n`) != 3 {
		t.Errorf("our own user: %s", out[0])
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
