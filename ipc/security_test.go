package ipc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
)

// squat listens where a daemon is expected, and records all it is told.
func squat(t *testing.T, answer func(*bufio.Reader, net.Conn)) (port int, heard *testkit.Buffer) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard = &testkit.Buffer{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(2 * time.Second))
				answer(bufio.NewReader(io.TeeReader(c, heard)), c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return l.Addr().(*net.TCPAddr).Port, heard
}

// TestSquatterLearnsNothing: a process that got the port of a dead daemon is told a random
// number and nothing else, whatever it answers.
func TestSquatterLearnsNothing(t *testing.T) {
	t.Parallel()
	nonce := base64.StdEncoding.EncodeToString(newNonce())
	answers := map[string]string{
		"guesses":     `{"id":0,"ok":true,"version":1,"nonce":"` + nonce + `","proof":"` + nonce + `"}`,
		"no proof":    `{"id":0,"ok":true,"version":1,"nonce":"` + nonce + `"}`,
		"just ok":     `{"ok":true}`,
		"short nonce": `{"id":0,"ok":true,"version":1,"nonce":"AAAA","proof":"` + nonce + `"}`,
		"endless":     strings.Repeat("x", 1<<20),
		"http":        "HTTP/1.1 400 Bad Request",
		"null":        "null",
		"refuses":     `{"ok":false,"error":{"code":"unauthorized","message":"send it in the clear, please"}}`,
	}
	for name, text := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, heard := squat(t, func(in *bufio.Reader, c net.Conn) {
				in.ReadString('\n')
				io.WriteString(c, text+"\n")
				io.Copy(io.Discard, in)
			})
			ep := Endpoint{Daemon: NameCompilation, Port: port, Secret: newNonce(), Root: "/secret/project"}
			c := NewCompilationClient(dialer(ep))
			_, err := c.Compile(t.Context(), CompileRequest{File: "secret.c"})
			if !errors.Is(err, ErrUnreachable) {
				t.Errorf("got %v", err)
			}
			line, rest, _ := strings.Cut(heard.String(), "\n")
			var hello struct{ Action, ID, Version, Nonce any }
			if err := json.Unmarshal([]byte(line), &hello); err != nil || hello.Action != "hello" || rest != "" {
				t.Errorf("the squatter heard %q", heard.String())
			}
			if strings.Contains(line, "secret") || strings.Contains(line, base64.StdEncoding.EncodeToString(ep.Secret)) {
				t.Errorf("the squatter heard %q", line)
			}
		})
	}
}

// TestRelay: a squatter that passes everything on to the real daemon gets no proof
// that the client would take, because the port is part of it.
func TestRelay(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, CompilationHandlers(fakeCompilation{}))
	port, heard := squat(t, func(in *bufio.Reader, c net.Conn) {
		real, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.ep.Port))
		if err != nil {
			return
		}
		defer real.Close()
		go io.Copy(c, real)
		io.Copy(real, in)
	})
	ep := s.ep
	ep.Port = port
	if err := NewCompilationClient(dialer(ep)).Ping(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if n := strings.Count(heard.String(), "\n"); n != 1 || strings.Contains(heard.String(), "prove") {
		t.Errorf("the relay heard %q", heard.String())
	}
}

func TestWrongProof(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{RequireToken: true}, CompilationHandlers(fakeCompilation{}))
	nonce, _ := json.Marshal(newNonce())
	hello := fmt.Sprintf(`{"action":"hello","version":1,"nonce":%s}`, nonce)
	for name, requests := range map[string][]string{
		"random":        {hello, fmt.Sprintf(`{"action":"prove","proof":%s}`, nonce)},
		"empty":         {hello, `{"action":"prove","proof":""}`},
		"without hello": {fmt.Sprintf(`{"action":"prove","proof":%s}`, nonce)},
		"short nonce":   {`{"action":"hello","version":1,"nonce":"AAAA"}`},
		"no proof":      {`{"action":"shutdown"}`},
		"token only":    {`{"action":"ping"}`},
	} {
		p := connect(t, s.ep.Port)
		var last string
		for _, r := range requests {
			p.say(r)
			last = p.line()
		}
		if !strings.HasPrefix(last, `{"ok":false,"error":{"code":"`) {
			t.Errorf("%s: %q", name, last)
		}
		if rest := p.line(); rest != "" {
			t.Errorf("%s: goes on with %q", name, rest)
		}
	}
	// The daemon's own proof sent back as the client's is worth nothing.
	p := connect(t, s.ep.Port)
	p.say(hello)
	var reply helloReply
	json.Unmarshal([]byte(p.line()), &reply)
	proof, _ := json.Marshal(reply.Proof)
	p.say(fmt.Sprintf(`{"action":"prove","proof":%s}`, proof))
	if last := p.line(); !strings.Contains(last, CodeUnauthorized) {
		t.Errorf("reflected proof: %q", last)
	}
	if strings.Contains(s.log.String(), base64.StdEncoding.EncodeToString(s.ep.Secret)) {
		t.Error("the log holds the secret")
	}
}

// TestNotOurProtocol: a browser, a TLS client or a line of text is left without an
// answer, and nothing of what it sent is acted on.
func TestNotOurProtocol(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, CompilationHandlers(fakeCompilation{}))
	request := `{"action":"shutdown"}`
	for name, text := range map[string]string{
		"get":       "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"post":      "POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\n" + request,
		"options":   "OPTIONS * HTTP/1.1\r\n\r\n",
		"h2":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"tls":       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"websocket": "\x81\x85",
		"newline":   "\n" + request,
		"space":     " " + request,
		"bom":       "\xef\xbb\xbf" + request,
		"list":      "[" + request + "]",
		"string":    `"ping"`,
	} {
		p := connect(t, s.ep.Port)
		p.say(text)
		if answer, _ := io.ReadAll(p.in); len(answer) > 0 {
			t.Errorf("%s: answered %q", name, answer)
		}
	}
	if n := s.Requests(); n != 0 {
		t.Errorf("%d requests were taken", n)
	}
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, nil)
	for range maxConnections {
		connect(t, s.ep.Port)
	}
	eventually(t, "all accepted", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.conns) == maxConnections })
	if answer, _ := io.ReadAll(connect(t, s.ep.Port).in); len(answer) > 0 {
		t.Errorf("one more: answered %q", answer)
	}
	if _, err := Dial(t.Context(), s.ep); !errors.Is(err, ErrUnreachable) {
		t.Errorf("one more: %v", err)
	}
}

func TestPlainCompileStaysInProject(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "x.c")
	for _, f := range []string{outside, filepath.Join(root, "in.c"), filepath.Join(root, "@f.c"), filepath.Join(root, "-x.c")} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(root, "link.c")), os.Symlink(filepath.Dir(outside), filepath.Join(root, "dir"))); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"in.c": "", "./in.c": "", filepath.Join(root, "in.c"): "", "gone.c": CodeUnknownFile,
		"": CodeUnauthorized, ".": CodeUnauthorized, "..": CodeUnauthorized, root: CodeUnauthorized, outside: CodeUnauthorized,
		"../" + filepath.Base(filepath.Dir(outside)) + "/x.c": CodeUnauthorized,
		"link.c": CodeUnauthorized, "dir/x.c": CodeUnauthorized, "@f.c": CodeUnauthorized, "-x.c": CodeUnauthorized,
		"/etc/passwd": CodeUnauthorized,
	} {
		if got := CodeOf(checkPlainCompile(root, &CompileRequest{File: file})); got != want {
			t.Errorf("%q: code %q, want %q", file, got, want)
		}
	}
	if err := checkPlainCompile(root, &CompileRequest{File: "in.c", Flags: []string{"-fplugin=x"}}); CodeOf(err) != CodeUnauthorized {
		t.Errorf("flags: %v", err)
	}
}

// TestDialGivesUp: the caller's context ends a dial at once; a bad PID file is an
// unreachable daemon.
func TestDialGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := silent(t)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := network.dialer(Endpoint{Secret: newNonce()})(ctx)
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 20*time.Millisecond {
			t.Errorf("got %v after %v", err, took)
		}
		if _, err := network.dialer(Endpoint{})(t.Context()); !errors.Is(err, ErrUnreachable) {
			t.Errorf("no secret: %v", err)
		}
	})
}

// TestProofSeparatesRoles: no two of role, daemon, port and nonces give one proof.
func TestProofSeparatesRoles(t *testing.T) {
	t.Parallel()
	base := exchanged{secret: newNonce(), daemon: "setup", port: 9002, client: newNonce(), server: newNonce()}
	all := [][]byte{base.daemonProof(), base.clientProof()}
	for _, change := range []func(*exchanged){
		func(x *exchanged) { x.secret = newNonce() },
		func(x *exchanged) { x.daemon = "compilation" },
		func(x *exchanged) { x.port++ },
		func(x *exchanged) { x.client, x.server = x.server, x.client },
	} {
		x := base
		change(&x)
		all = append(all, x.daemonProof(), x.clientProof())
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if bytes.Equal(a, b) {
				t.Errorf("proof %d is not unique", i)
			}
		}
	}
}
