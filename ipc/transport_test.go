package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClientAndServiceAreInterchangeable(t *testing.T) {
	t.Parallel()
	want := RunReply{Counts{Cached: 1, Compiled: 2}}
	progress := []RunProgress{
		{Started: []string{"a:x.c"}},
		{Finished: []ActionResult{{ID: "a:x.c", Status: StatusCompiled}}, Track: Track{Files: []FileSig{{Path: "x.c"}}}},
	}
	var service Compilation = fakeCompilation{
		run: func(_ context.Context, r RunRequest, fn func(RunProgress)) (RunReply, error) {
			for _, p := range progress {
				p.Started = append(p.Started, r.Actions[0].Source)
				fn(p)
			}
			return want, nil
		},
		compile: func(_ context.Context, r CompileRequest) (CompileReply, error) {
			switch r.File {
			case "bad.c":
				return CompileReply{File: r.File, Status: StatusFailed, Diagnostics: "error: no"}, nil
			case "none.c":
				return CompileReply{}, Errorf(CodeUnknownFile, "%s is not in the plan", r.File).WithHint("look again")
			case "odd.c":
				return CompileReply{}, fmt.Errorf("read %s: %w", r.File, errors.New("disk on fire"))
			}
			return CompileReply{File: r.File, Status: StatusCached, Object: strings.Join(r.Flags, " ")}, nil
		},
	}
	s := serve(t, ServerConfig{}, CompilationHandlers(service))
	for name, c := range map[string]Compilation{"service": service, "client": compilationClient(t, s.ep)} {
		var got []RunProgress
		reply, err := c.Run(t.Context(), RunRequest{Actions: []RunAction{{Action: Action{Source: "x.c"}}}},
			func(p RunProgress) { got = append(got, p) })
		if err != nil || reply != want || len(got) != 2 || !reflect.DeepEqual(got[1].Track, progress[1].Track) || got[0].Started[1] != "x.c" {
			t.Errorf("%s: run: %v, %v, %v", name, reply, err, got)
		}
		ok, err := c.Compile(t.Context(), CompileRequest{File: "a.c", Flags: []string{"-O2", "<&>"}})
		if err != nil || ok.Object != "-O2 <&>" {
			t.Errorf("%s: compile: %v, %v", name, ok, err)
		}
		bad, err := c.Compile(t.Context(), CompileRequest{File: "bad.c"})
		if err != nil || bad.Status != StatusFailed || bad.Diagnostics != "error: no" {
			t.Errorf("%s: a rejected file: %v, %v", name, bad, err)
		}
		_, err = c.Compile(t.Context(), CompileRequest{File: "none.c"})
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnknownFile || e.Message != "none.c is not in the plan" || e.Hint != "look again" {
			t.Errorf("%s: error: %v", name, err)
		}
		if _, err = c.Compile(t.Context(), CompileRequest{File: "odd.c"}); CodeOf(err) != CodeInternal ||
			err.Error() != "read odd.c: disk on fire" || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: plain error: %v", name, err)
		}
	}
}

func TestCommonMethods(t *testing.T) {
	t.Parallel()
	stopped := make(chan struct{})
	s := serve(t, ServerConfig{
		Self:     func() DaemonStatus { return DaemonStatus{Name: "compilation", PID: 7} },
		Stats:    func(context.Context) (any, error) { return map[string]int{"slots": 3}, nil },
		Shutdown: func() { close(stopped) },
	}, nil)
	c := compilationClient(t, s.ep)
	if self, err := c.Self(t.Context()); err != nil || self.PID != 7 || self.Requests != 1 {
		t.Errorf("self: %v, %v", self, err)
	}
	var stats struct{ Slots int }
	if err := c.Stats(t.Context(), &stats); err != nil || stats.Slots != 3 {
		t.Errorf("stats: %v, %v", stats, err)
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-stopped
	if n := s.Requests(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// TestOrchestratorOverWire: events of its own, and a status and a subscription that
// come before those of all daemons.
func TestOrchestratorOverWire(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{Self: func() DaemonStatus { return DaemonStatus{PID: 9} }}, OrchestratorHandlers(fakeOrchestrator{}))
	c := NewOrchestratorClient(dialer(s.ep))
	defer c.Close()
	var events []Event
	reply, err := c.Build(t.Context(), BuildRequest{Targets: []string{"a"}}, func(e Event) { events = append(events, e) })
	if err != nil || reply.Build != "7" || reply.Success || reply.Failed != 1 || len(events) != 2 {
		t.Fatalf("build: %+v, %v, %v", reply, err, events)
	}
	if end, ok := events[1].Body.(BuildFinished); !ok || end.OK || end.Failed != 1 || events[1].Build != "7" {
		t.Errorf("last event: %+v", events[1])
	}
	if status, err := c.SetStatus(t.Context(), SetStatusRequest{}); err != nil || status.Set != "s" || len(status.Daemons) != 1 {
		t.Errorf("status: %+v, %v", status, err)
	}
	if self, err := c.Self(t.Context()); err != nil || self.PID != 9 {
		t.Errorf("self: %+v, %v", self, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Subscribe(ctx, SubscribeRequest{}, func(e Event) {
		if e.Body.(Snapshot).Status.Set == "s" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("subscribe: %v", err)
	}
}

// TestConnect: the connection is kept for the next request, and a daemon that is not there
// is unreachable.
func TestConnect(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, OrchestratorHandlers(fakeOrchestrator{}))
	dialed := 0
	c := NewOrchestratorClient(func(ctx context.Context) (*Conn, error) {
		dialed++
		return Dial(ctx, s.ep)
	})
	defer c.Close()
	for range 2 {
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.SetStatus(t.Context(), SetStatusRequest{}); err != nil || dialed != 1 {
		t.Errorf("%v, dialed %d times", err, dialed)
	}
	gone := NewOrchestratorClient(func(context.Context) (*Conn, error) { return nil, os.ErrNotExist })
	if err := gone.Connect(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, CompilationHandlers(fakeCompilation{
		compile: func(context.Context, CompileRequest) (CompileReply, error) { panic("ouch") },
	}))
	c := compilationClient(t, s.ep)
	_, err := c.Compile(t.Context(), CompileRequest{File: "a.c"})
	if CodeOf(err) != CodeInternal || !strings.Contains(err.Error(), "ouch") {
		t.Errorf("got %v", err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	if log := s.log.String(); !strings.Contains(log, "panic") || !strings.Contains(log, "transport_test.go") {
		t.Errorf("the log does not say where: %s", log)
	}
}

// TestCancelReachesHandler: by the client's context, and by a client that is killed. Both
// at once, and not at the next heartbeat.
func TestCancelReachesHandler(t *testing.T) {
	t.Parallel()
	var started chan struct{}
	var ended chan error
	service := CompilationHandlers(fakeCompilation{
		compile: func(ctx context.Context, _ CompileRequest) (CompileReply, error) {
			started <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return CompileReply{}, ctx.Err()
		},
	})
	inBubble(t, ServerConfig{}, service, func(t *testing.T, s *harness, network *pipes) {
		started, ended = make(chan struct{}), make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		client := bubbleClient(t, network, s.ep)
		result := make(chan error)
		go func() {
			_, err := client.Compile(ctx, CompileRequest{File: "a.c"})
			result <- err
		}()
		<-started
		if s.Idle() != 0 {
			t.Error("idle while a request runs")
		}
		begin := time.Now()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("handler's context: %v", err)
		}
		if err := <-result; !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
			t.Errorf("client: %v", err)
		}
		conn, err := network.dialer(s.ep)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.nc.Write([]byte(`{"action":"compile","file":"a.c"}`))
		<-started
		conn.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("killed client: %v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("both took %v", took)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if idle := s.Idle(); idle != time.Second {
			t.Errorf("idle for %v, want a second", idle)
		}
	})
}

// TestSlowRequest takes longer than the client's patience: heartbeats carry it.
func TestSlowRequest(t *testing.T) {
	t.Parallel()
	service := CompilationHandlers(fakeCompilation{
		stats: func(ctx context.Context) (CacheStatsReply, error) {
			select {
			case <-time.After(silence + heartbeatEvery):
			case <-ctx.Done():
			}
			return CacheStatsReply{Hits: 5}, ctx.Err()
		},
	})
	inBubble(t, ServerConfig{}, service, func(t *testing.T, s *harness, network *pipes) {
		got, err := bubbleClient(t, network, s.ep).CacheStats(t.Context(), CacheStatsRequest{})
		if err != nil || got.Hits != 5 {
			t.Errorf("proved: %v, %v", got, err)
		}
	})
	s := serve(t, ServerConfig{}, service)
	plain := connect(t, s.ep.Port)
	plain.say(`{"action":"cache_stats"}`)
	if line := plain.line(); !strings.HasPrefix(line, `{"ok":true,"dir":"",`) {
		t.Errorf("plain: first line %q", line)
	}
}

// TestPoolSurvivesRestart: a kept connection whose daemon was replaced costs a
// redial, not the request.
func TestPoolSurvivesRestart(t *testing.T) {
	t.Parallel()
	first := serve(t, ServerConfig{}, DiscoveryHandlers(fakeDiscovery{}))
	second := serve(t, ServerConfig{}, DiscoveryHandlers(fakeDiscovery{}))
	ep, dials := first.ep, 0
	c := NewDiscoveryClient(func(ctx context.Context) (*Conn, error) { dials++; return Dial(ctx, ep) })
	defer c.Close()
	for range 3 {
		if _, err := c.Sync(t.Context(), SyncRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if dials != 1 {
		t.Errorf("%d dials for three requests, want 1", dials)
	}
	first.end()
	<-first.done
	ep = second.ep
	if r, err := c.Sync(t.Context(), SyncRequest{Full: true}); err != nil || r.Nodes != 2 {
		t.Errorf("after restart: %v, %v", r, err)
	}
	second.end()
	<-second.done
	if _, err := c.Sync(t.Context(), SyncRequest{}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("after the end: %v", err)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	s := serve(t, ServerConfig{Drain: 5 * time.Second, Hub: NewHub()}, CompilationHandlers(fakeCompilation{
		compile: func(context.Context, CompileRequest) (CompileReply, error) {
			started <- struct{}{}
			<-release
			return CompileReply{Object: "o"}, nil
		},
	}))
	results := make(chan error, 2)
	go func() {
		r, err := compilationClient(t, s.ep).Compile(context.Background(), CompileRequest{File: "a.c"})
		if err == nil && r.Object != "o" {
			err = fmt.Errorf("got %+v", r)
		}
		results <- err
	}()
	<-started
	go func() {
		err := compilationClient(t, s.ep).Subscribe(context.Background(), SubscribeRequest{}, func(Event) {})
		if errors.Is(err, ErrUnreachable) {
			err = nil
		} else {
			err = fmt.Errorf("subscriber: %v", err)
		}
		results <- err
	}()
	eventually(t, "subscribed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.running == 2 })
	s.Close()
	if err := <-results; err != nil { // the stream ends at once
		t.Error(err)
	}
	if _, err := Dial(t.Context(), s.ep); !errors.Is(err, ErrUnreachable) {
		t.Errorf("dial while draining: %v", err)
	}
	close(release) // the request may finish
	if err := <-results; err != nil {
		t.Error(err)
	}
	<-s.done
}

// TestDrainCancels: what does not end in time is cancelled.
func TestDrainCancels(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	s := serve(t, ServerConfig{Drain: 10 * time.Millisecond}, CompilationHandlers(fakeCompilation{
		compile: func(ctx context.Context, _ CompileRequest) (CompileReply, error) {
			close(started)
			<-ctx.Done()
			return CompileReply{}, ctx.Err()
		},
	}))
	go func() { <-started; s.end() }()
	_, err := compilationClient(t, s.ep).Compile(t.Context(), CompileRequest{File: "a.c"})
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	<-s.done
}

// TestHungDaemon: stopped before it answers, and stopped while a request runs. The
// client waits 0.9 s for the first and 1.2 s for the second, never longer.
func TestHungDaemon(t *testing.T) {
	t.Parallel()
	inBubble(t, ServerConfig{}, nil, func(t *testing.T, s *harness, network *pipes) {
		stopping := func(ctx context.Context) (*Conn, error) {
			near, far := net.Pipe() // the far end reads, and never writes, after the proof
			t.Cleanup(func() { near.Close() })
			go swallow(far)
			conn, err := network.dialer(s.ep)(ctx)
			if err == nil {
				conn.nc.Close()
				conn.nc, conn.in.nc = near, near
			}
			return conn, err
		}
		for _, c := range []struct {
			name  string
			dial  Dialer
			waits time.Duration
		}{
			{"never answers", silent(t).dialer(s.ep), handshakeTry + handshakeRetry},
			{"stops", stopping, silence},
		} {
			begin := time.Now()
			err := NewSetupClient(c.dial).Ping(context.Background())
			if took := time.Since(begin); !errors.Is(err, ErrUnreachable) || took != c.waits {
				t.Errorf("%s: %v after %v, want %v", c.name, err, took, c.waits)
			}
		}
	})
}

func TestProtocolSkew(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, DiscoveryHandlers(fakeDiscovery{}))
	c := NewDiscoveryClient(func(ctx context.Context) (*Conn, error) {
		conn, err := Dial(ctx, s.ep)
		if err == nil {
			conn.protocol++
		}
		return conn, err
	})
	defer c.Close()
	if _, err := c.Sync(t.Context(), SyncRequest{}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("sync: %v", err)
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}
