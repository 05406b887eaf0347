package tui

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// session is a model with its sources, driven as Run does but without a terminal.
type session struct {
	t        *testing.T
	m        *Model
	messages chan tea.Msg
}

func startSession(t *testing.T, f *fakeSet) *session {
	t.Helper()
	m := liveModel(t, f)
	m.cfg.now = time.Now
	s := &session{t: t, m: m, messages: make(chan tea.Msg)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	src := &source{project: f, events: fakeOrchestrator{set: f}, alive: f.alive, send: func(msg any) {
		select {
		case s.messages <- msg:
		case <-ctx.Done():
		}
	}}
	src.start(ctx)
	t.Cleanup(func() { cancel(); wg.Wait(); src.wg.Wait() })
	return s
}

// await handles messages until the condition holds.
func (s *session) await(what string, holds func(*Model) bool) {
	s.t.Helper()
	limit := time.After(30 * time.Second)
	for !holds(s.m) {
		select {
		case msg := <-s.messages:
			s.m.update(msg)
		case <-limit:
			s.t.Fatalf("%s did not come about:\n%s", what, s.m.text())
		}
	}
}

// The orchestrator is killed and comes back: the row says so, the stream goes on.
func TestOrchestratorKilledAndBack(t *testing.T) {
	t.Parallel()
	f := newFakeSet(ipc.DaemonNames()...)
	s := startSession(t, f)
	s.await("the stream", func(m *Model) bool { return m.state.Link == state.LinkLive })
	s.await("a log line", func(m *Model) bool { return m.log.Ring.Len() > 0 })
	f.kill(ipc.NameOrchestrator)
	s.await("the end of the stream", func(m *Model) bool { return m.state.Link == state.LinkDown })
	s.await("the crashed row", func(m *Model) bool { return m.state.Daemon(ipc.NameOrchestrator).State == ipc.StateCrashed })
	s.m.wantText(t, "no orchestrator", "panic: oh no")
	f.set(true, ipc.NameOrchestrator)
	s.await("the stream again", func(m *Model) bool { return m.state.Link == state.LinkLive })
	f.hub.Publish(ipc.NewEvent("b9", ipc.BuildStarted{Project: "app", Root: "/home/ada/src/app"}))
	s.await("an event of the new stream", func(m *Model) bool { return m.state.Current != nil && m.state.Current.ID == "b9" })
}

func TestWithoutDaemons(t *testing.T) {
	t.Parallel()
	f := newFakeSet()
	s := startSession(t, f)
	s.await("four stopped daemons", func(m *Model) bool {
		return m.state.Link == state.LinkDown && strings.Count(m.text(), "starts it") == 4
	})
	f.set(true)
	s.await("the stream", func(m *Model) bool { up, _ := m.state.Up(); return m.state.Link == state.LinkLive && up >= 3 })
}

// Events come in batches, in order, none lost.
func TestBatcher(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []int
	batches := 0
	all := make(chan struct{})
	b := newBatcher(t.Context(), func(items []int) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, items...)
		batches++
		if len(got) == 10_000 {
			close(all)
		}
	})
	for i := range 10_000 {
		b.add(i)
	}
	<-all
	for i, v := range got {
		if i != v {
			t.Fatalf("item %d is %d", i, v)
		}
	}
	if batches > 1000 {
		t.Errorf("%d batches", batches)
	}
}

// An idle screen needs no tick but the minute of the uptime.
func TestIdleWakesOnceAMinute(t *testing.T) {
	t.Parallel()
	m := liveModel(t, newFakeSet(ipc.DaemonNames()...))
	if in := m.changesIn(); in < 20*time.Second || in > time.Minute+time.Second {
		t.Errorf("the next tick comes in %v", in)
	}
	m.update(eventsMsg(sampleReplay().Events))
	if in := m.changesIn(); in != 100*time.Millisecond {
		t.Errorf("while a build runs the next tick comes in %v", in)
	}
}
