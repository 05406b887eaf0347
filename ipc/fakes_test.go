package ipc

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
)

// fakeCompilation answers what its fields say; methods without one panic.
type fakeCompilation struct {
	Compilation
	compile func(context.Context, CompileRequest) (CompileReply, error)
	run     func(context.Context, RunRequest, func(RunProgress)) (RunReply, error)
	stats   func(context.Context) (CacheStatsReply, error)
}

func (f fakeCompilation) Compile(ctx context.Context, r CompileRequest) (CompileReply, error) {
	return f.compile(ctx, r)
}

func (f fakeCompilation) Run(ctx context.Context, r RunRequest, fn func(RunProgress)) (RunReply, error) {
	return f.run(ctx, r, fn)
}

func (f fakeCompilation) CacheStats(ctx context.Context, _ CacheStatsRequest) (CacheStatsReply, error) {
	return f.stats(ctx)
}

// fakeDiscovery echoes sync and record.
type fakeDiscovery struct{ Discovery }

func (fakeDiscovery) Sync(_ context.Context, r SyncRequest) (SyncReply, error) {
	return SyncReply{Token: "t", Nodes: map[bool]int{true: 2, false: 1}[r.Full]}, nil
}

func (fakeDiscovery) Record(_ context.Context, r RecordRequest) (RecordReply, error) {
	return RecordReply{Token: r.Nodes[len(r.Nodes)-1].ID}, nil
}

// fakeOrchestrator ends every build badly.
type fakeOrchestrator struct{ Orchestrator }

func (fakeOrchestrator) Build(_ context.Context, r BuildRequest, fn func(Event)) (BuildReply, error) {
	fn(NewEvent("7", BuildStarted{Targets: r.Targets}))
	fn(NewEvent("7", BuildFinished{Counts: Counts{Failed: 1}}))
	return BuildReply{Build: "7", Counts: Counts{Failed: 1}}, nil
}

func (fakeOrchestrator) SetStatus(context.Context, SetStatusRequest) (SetStatus, error) {
	return SetStatus{Set: "s", Daemons: []DaemonStatus{{Name: NameSetup}}}, nil
}

func (fakeOrchestrator) Subscribe(ctx context.Context, _ SubscribeRequest, fn func(Event)) error {
	fn(NewEvent("", Snapshot{Status: SetStatus{Set: "s"}}))
	<-ctx.Done()
	return ctx.Err()
}

// harness is a running server.
type harness struct {
	*Server
	ep   Endpoint
	log  *testkit.Buffer
	done chan struct{} // closed when Serve has returned
	end  context.CancelFunc
}

// serve starts a server on a free port of 127.0.0.1; the test's end stops it.
func serve(t *testing.T, cfg ServerConfig, h Handlers) *harness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, cfg, h)
}

func serveOn(t *testing.T, l net.Listener, cfg ServerConfig, h Handlers) *harness {
	log := &testkit.Buffer{}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	cfg.Endpoint = Endpoint{
		Daemon: NameCompilation, Port: l.Addr().(*net.TCPAddr).Port, Secret: newNonce(), BuildID: "b1",
		Protocol: Protocol, Root: t.TempDir(),
	}
	if cfg.Self == nil {
		cfg.Self = func() DaemonStatus { return DaemonStatus{Name: cfg.Endpoint.Daemon, State: StateRunning} }
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &harness{Server: NewServer(cfg, h), ep: cfg.Endpoint, log: log, done: make(chan struct{}), end: cancel}
	go func() {
		defer close(s.done)
		if err := s.Serve(ctx, l); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-s.done })
	return s
}

// dialer returns a Dialer for an endpoint.
func dialer(ep Endpoint) Dialer {
	return func(ctx context.Context) (*Conn, error) { return Dial(ctx, ep) }
}

// compilationClient returns a client that the test's end closes.
func compilationClient(t *testing.T, ep Endpoint) *CompilationClient {
	c := NewCompilationClient(dialer(ep))
	t.Cleanup(func() { c.Close() })
	return c
}

// peer is a plain connection, as the spec's client has it.
type peer struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func connect(t *testing.T, port int) *peer {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute)) // a bound for a broken test only
	return &peer{t, c, bufio.NewReader(c)}
}

// say writes text; the server may have hung up already.
func (p *peer) say(text string) { p.Write([]byte(text)) }

// line reads one line; "" if the server hung up without one.
func (p *peer) line() string {
	p.t.Helper()
	text, err := p.in.ReadString('\n')
	if err != nil && text != "" {
		p.t.Errorf("half a line: %q: %v", text, err)
	}
	return text
}

// eventually waits for a state.
func eventually(t *testing.T, what string, state func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !state(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}

// projectWith makes a folder with empty files.
func projectWith(t *testing.T, files ...string) string {
	root := t.TempDir()
	for _, f := range files {
		path := filepath.Join(root, f)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
