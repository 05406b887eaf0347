package tui

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// fakeSet is a project whose daemons are entries of a map.
type fakeSet struct {
	mu    sync.Mutex
	up    map[string]bool
	dead  map[string]bool // crashed
	asked []string
	bytes int64
	err   error
	hub   *ipc.Hub
}

func newFakeSet(up ...string) *fakeSet {
	f := &fakeSet{up: map[string]bool{}, dead: map[string]bool{}, bytes: 412 << 20, hub: ipc.NewHub()}
	for _, name := range up {
		f.up[name] = true
	}
	return f
}

func (f *fakeSet) note(what string, names ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range names {
		what += " " + n
	}
	f.asked = append(f.asked, what)
	return f.err
}

func (f *fakeSet) was(what string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.asked, what)
}

func (f *fakeSet) set(up bool, names ...string) []ipc.DaemonStatus {
	if len(names) == 0 {
		names = ipc.DaemonNames()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range names {
		f.up[n] = up
		delete(f.dead, n)
	}
	return f.statuses()
}

// kill makes a daemon crash.
func (f *fakeSet) kill(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up[name], f.dead[name] = false, true
}

func (f *fakeSet) statuses() []ipc.DaemonStatus {
	var all []ipc.DaemonStatus
	for i, n := range ipc.DaemonNames() {
		d := ipc.DaemonStatus{Name: n, State: ipc.StateStopped}
		switch {
		case f.up[n]:
			d = ipc.DaemonStatus{Name: n, State: ipc.StateRunning, PID: 100 + i, Port: 9001 + i, Uptime: 90, RSS: 18 << 20}
		case f.dead[n]:
			d = ipc.DaemonStatus{Name: n, State: ipc.StateCrashed, PID: 100 + i, LastError: "panic: oh no"}
		}
		all = append(all, d)
	}
	return all
}

func (f *fakeSet) alive(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up[name]
}

func (f *fakeSet) Status(context.Context) ipc.SetStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return ipc.SetStatus{Schema: 1, Project: "/home/ada/src/app", Set: "app-1", Daemons: f.statuses(), Cache: ipc.CacheSummary{Hits: 3, Misses: 1, Bytes: f.bytes}}
}

func (f *fakeSet) Start(_ context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	err := f.note("start", names...)
	return f.set(true, names...), err
}

func (f *fakeSet) Stop(_ context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	err := f.note("stop", names...)
	return f.set(false, names...), err
}

func (f *fakeSet) Restart(_ context.Context, names ...string) ([]ipc.DaemonStatus, error) {
	err := f.note("restart", names...)
	return f.set(true, names...), err
}

func (f *fakeSet) Plan(context.Context) (*ipc.Plan, error) { return samplePlan(), nil }

func (f *fakeSet) History(context.Context, ipc.HistoryRequest) (ipc.HistoryReply, error) {
	return ipc.HistoryReply{Builds: sampleSnapshot().Recent}, f.note("history")
}

func (f *fakeSet) Explain(_ context.Context, subject string) (ipc.ExplainReply, error) {
	return ipc.ExplainReply{Subject: subject, Dependents: []string{"link:app"}}, f.note("explain", subject)
}

func (f *fakeSet) Dependents(_ context.Context, path string) (ipc.DependentsReply, error) {
	return ipc.DependentsReply{Inputs: []string{"include/net/tls.h", "/usr/include/stdio.h"}}, nil
}

func (f *fakeSet) CacheStats(context.Context) (ipc.CacheStatsReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return ipc.CacheStatsReply{Bytes: f.bytes, MaxBytes: 1 << 30, Entries: 1203, Hits: 3, Misses: 1}, nil
}

func (f *fakeSet) ClearCache(context.Context) (ipc.CacheClearReply, error) {
	err := f.note("clear")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes = 0
	return ipc.CacheClearReply{Token: "t1", UndoSeconds: 10, Bytes: 412 << 20, Entries: 1203}, err
}

func (f *fakeSet) RestoreCache(_ context.Context, token string) (ipc.CacheRestoreReply, error) {
	err := f.note("restore", token)
	return ipc.CacheRestoreReply{Bytes: 412 << 20, Entries: 1203}, err
}

func (f *fakeSet) Logs(ctx context.Context, _ []string, _ int, _ bool, line func(daemons.LogLine)) error {
	line(daemons.LogLine{Daemon: "setup", Time: sampleNow, Level: "INFO", Message: "started", Attrs: " port=9002"})
	<-ctx.Done()
	return ctx.Err()
}

// fakeOrchestrator is the stream and the builds of a fakeSet.
type fakeOrchestrator struct {
	ipc.Orchestrator
	set *fakeSet
}

func (o fakeOrchestrator) Subscribe(ctx context.Context, r ipc.SubscribeRequest, fn func(ipc.Event)) error {
	if !o.set.alive(ipc.NameOrchestrator) {
		return ipc.ErrUnreachable
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for pause.For(ctx, 5*time.Millisecond) == nil && o.set.alive(ipc.NameOrchestrator) {
		}
		cancel()
	}()
	return o.set.hub.Subscribe(ctx, func() ipc.Event { return ipc.NewEvent("", sampleSnapshot()) }, nil, fn)
}

func (o fakeOrchestrator) Build(context.Context, ipc.BuildRequest, func(ipc.Event)) (ipc.BuildReply, error) {
	return ipc.BuildReply{Build: "b-12345678", Success: true}, o.set.note("build")
}

func (o fakeOrchestrator) Cancel(_ context.Context, r ipc.CancelRequest) (ipc.CancelReply, error) {
	return ipc.CancelReply{Cancelled: true}, o.set.note("cancel", r.Build)
}

// liveModel is the dashboard on a fake set, without its sources.
func liveModel(t *testing.T, f *fakeSet) *Model {
	t.Helper()
	m, err := New(Config{
		Root: "/home/ada/src/app", Set: "app-1", Project: f, Orchestrator: fakeOrchestrator{set: f}, Alive: f.alive,
		Env: testEnv(), Location: time.UTC, Saved: t.TempDir(), timer: noTimers, now: func() time.Time { return sampleNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.size(120, 36)
	m.update(statusMsg{f.Status(context.Background()), sampleNow})
	return m
}

// noTimers is a clock in which no timer ends.
func noTimers(time.Duration, tea.Msg) tea.Cmd { return nil }

// do runs what a handler wants done and gives the model what comes of it. The model must
// have no timers.
func (m *Model) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	answer := make(chan tea.Msg, 1)
	go func() { answer <- cmd() }()
	select {
	case msg := <-answer:
		if batch, ok := msg.(tea.BatchMsg); ok {
			for _, c := range batch {
				m.do(c)
			}
			return
		}
		switch msg.(type) {
		case nil, tickMsg, restedMsg, tea.QuitMsg:
			return
		}
		_, next := m.Update(msg)
		m.do(next)
	case <-time.After(time.Minute):
		panic("a command does not end")
	}
}
