package orchestrator

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// local is a backend without a daemon.
func local[T any](name string, service T) Backend[T] {
	return Backend[T]{Name: name, Local: func() (T, func() error, error) {
		return service, func() error { return nil }, nil
	}}
}

// config joins the world's services in one process.
func (w *world) config() Config {
	return Config{
		Root: "/demo", Hub: ipc.NewHub(), QueueSize: 3, Jobs: 2, InProcess: true,
		Discovery:   local(ipc.NameDiscovery, ipc.Discovery(w.discovery)),
		Setup:       local(ipc.NameSetup, ipc.Setup(w.setup)),
		Compilation: local(ipc.NameCompilation, ipc.Compilation(w.compilation)),
	}
}

func (w *world) service(t testing.TB, change ...func(*Config)) *Service {
	t.Helper()
	// The world has no folder: compile_commands.json goes to a real one.
	if w.root == "" {
		w.root = t.TempDir()
	}
	w.plan.Root = w.root
	cfg := w.config()
	cfg.Root = w.root
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// outcome is a build with its events.
type outcome struct {
	ipc.BuildReply
	err    error
	events []ipc.Event
}

func build1(t testing.TB, s *Service, req ipc.BuildRequest) outcome {
	t.Helper()
	var o outcome
	o.BuildReply, o.err = s.Build(context.Background(), req, func(e ipc.Event) { o.events = append(o.events, e) })
	if !req.Detach {
		waitOver(s, o.Build)
	}
	return o
}

// waitOver waits until a build has also written down what it learned, so that a test
// may look at the world without its lock.
func waitOver(s *Service, build string) {
	for build != "" {
		r := s.queue.reply().Running
		if r == nil || r.Build != build {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// built builds everything and expects success.
func built(t testing.TB, s *Service) outcome {
	t.Helper()
	o := build1(t, s, ipc.BuildRequest{})
	if o.err != nil || !o.Success {
		t.Fatalf("build: %+v, %v", o.BuildReply, o.err)
	}
	return o
}

// bodies are the events of one kind.
func bodies[T ipc.EventBody](o outcome) (found []T) {
	for _, e := range o.events {
		if b, ok := e.Body.(T); ok {
			found = append(found, b)
		}
	}
	return found
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// waitIdle waits until no build runs, not even to write down what it learned.
func waitIdle(s *Service) {
	for r := s.queue.reply().Running; r != nil; r = s.queue.reply().Running {
		waitOver(s, r.Build)
	}
}
