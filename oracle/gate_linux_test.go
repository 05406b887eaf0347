package oracle

import (
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

// gate is a point in a compile at which the test can hold it: after the compiler has
// read everything, before the assembler starts. The project's assembler is a program
// of the test that asks at a socket whether it may go on. The socket has no file, so
// that the handshake itself is no input.
type gate struct {
	world    *world
	listener net.Listener
	served   sync.WaitGroup
	mu       sync.Mutex
	held     []*heldCompile
}

// heldCompile is an assembler that waits.
type heldCompile struct {
	conn net.Conn
	pid  int
}

const asksAtGate = `#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int c, char **v) {
	struct sockaddr_un at = {AF_UNIX, "@BASE"};
	at.sun_path[0] = 0;
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!connect(s, (void *)&at, offsetof(struct sockaddr_un, sun_path) + strlen("@BASE"))) read(s, &c, 1);
	close(s);
	v[0] = "as";
	execv("/usr/bin/as", v);
	return 1;
}
`

// gateFlags have the compiler use the project's assembler.
func gateFlags(compiler string) []string {
	flags := []string{"-B../gate/"}
	if strings.Contains(compiler, "clang") {
		flags = append(flags, "-fno-integrated-as")
	}
	return flags
}

// makeGate gives the project its assembler.
func (w *world) makeGate() {
	if w.settings.gated {
		return
	}
	w.settings.gated = true
	w.must(os.MkdirAll(w.abs("gate"), 0o755))
	w.compileHelper(asksAtGate, w.abs("gate/as"))
}

// open begins to hold the first compile that comes to the gate, and calls do while it
// waits. If keep is set, the first is not let go at the end of do. What open returns
// ends it and says whether a compile came.
func (w *world) openGate(keep bool, do func()) (end func() bool) {
	l, err := net.Listen("unix", "@"+w.base)
	w.must(err)
	g := &gate{world: w, listener: l}
	w.gate = g
	came := false
	g.served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if came {
				_ = conn.Close()
				continue
			}
			came = true
			held := &heldCompile{conn: conn, pid: peer(conn)}
			g.mu.Lock()
			g.held = append(g.held, held)
			g.mu.Unlock()
			g.served.Go(func() {
				do()
				if !keep {
					held.release()
				}
			})
		}
	})
	return func() bool {
		_ = l.Close()
		g.served.Wait()
		return came
	}
}

// release lets a compile go on.
func (h *heldCompile) release() { _ = h.conn.Close() }

// lives reports whether the process still waits.
func (h *heldCompile) lives() bool {
	_ = h.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, err := h.conn.Read(make([]byte, 1)) // ends at once if the process has ended
	return os.IsTimeout(err)
}

// awaitEnd lets a process go on and waits for its end.
func (w *world) awaitEnd(h *heldCompile) {
	h.release()
	end := time.Now().Add(patience)
	for h.pid > 0 && syscall.Kill(h.pid, 0) == nil && !isZombie(h.pid) {
		if time.Now().After(end) {
			w.t.Fatalf("process %d does not end", h.pid)
		}
		time.Sleep(time.Millisecond)
	}
}

func isZombie(pid int) bool {
	text, err := os.ReadFile(path.Join("/proc", itoa(pid), "stat"))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}

// peer is the process at the other end.
func peer(conn net.Conn) (pid int) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}
