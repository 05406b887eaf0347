package tui

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// Project is what the dashboard asks about a project and its set; the root package's
// Project is one. Every call gets a context with a deadline.
type Project interface {
	Status(context.Context) ipc.SetStatus
	Start(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error)
	Stop(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error)
	Restart(ctx context.Context, names ...string) ([]ipc.DaemonStatus, error)
	Plan(context.Context) (*ipc.Plan, error)
	History(context.Context, ipc.HistoryRequest) (ipc.HistoryReply, error)
	Explain(ctx context.Context, subject string) (ipc.ExplainReply, error)
	Dependents(ctx context.Context, path string) (ipc.DependentsReply, error)
	CacheStats(context.Context) (ipc.CacheStatsReply, error)
	ClearCache(context.Context) (ipc.CacheClearReply, error)
	RestoreCache(ctx context.Context, token string) (ipc.CacheRestoreReply, error)
	Logs(ctx context.Context, names []string, n int, follow bool, line func(daemons.LogLine)) error
}

// Messages of the sources to the model.
type (
	eventsMsg []ipc.Event
	linkMsg   struct{ live bool }
	statusMsg struct {
		set ipc.SetStatus
		at  time.Time
	}
	logMsg []logring.Line
)

// How often the sources look by themselves.
const (
	batchEvery  = 33 * time.Millisecond  // events go to the model together
	lookEvery   = 500 * time.Millisecond // is each daemon's lock held? 40 µs, no socket
	lookSeldom  = 4                      // lookEvery times, while the orchestrator is heard: it looks too
	statusEvery = 5 * time.Second        // memory and uptime of daemons, and whether one hangs
	logBacklog  = 2000                   // lines of the past
	statusLimit = 2 * time.Second
)

// source follows a live project: three goroutines, for events, states and logs.
type source struct {
	project Project
	events  ipc.Orchestrator
	alive   func(daemon string) bool
	send    func(any)
	live    atomic.Bool // the stream runs
	wg      sync.WaitGroup
}

// start starts the goroutines; they end with ctx.
func (s *source) start(ctx context.Context) {
	for _, follow := range []func(context.Context){s.followEvents, s.followStates, s.followLogs} {
		s.wg.Go(func() {
			defer func() { // the terminal is restored before a panic is told
				if r := recover(); r != nil {
					s.send(panicMsg{r})
				}
			}()
			follow(ctx)
		})
	}
}

// followEvents subscribes, again and again: the orchestrator may be killed, restarted
// or not be there at all.
func (s *source) followEvents(ctx context.Context) {
	b := newBatcher(ctx, func(events []ipc.Event) { s.send(eventsMsg(events)) })
	for ctx.Err() == nil {
		live := false
		err := s.events.Subscribe(ctx, ipc.SubscribeRequest{}, func(e ipc.Event) {
			if !live {
				live = true
				s.live.Store(true)
				s.send(linkMsg{live: true})
			}
			b.add(e)
		})
		if ctx.Err() != nil {
			return
		}
		_ = err // whatever it was: the row of the orchestrator tells
		b.flush()
		s.live.Store(false)
		s.send(linkMsg{live: false})
		s.look(ctx)
		s.awaitOrchestrator(ctx)
	}
}

// awaitOrchestrator returns when it is worth to try again.
func (s *source) awaitOrchestrator(ctx context.Context) {
	for wait := 100 * time.Millisecond; pause.For(ctx, wait) == nil; wait = lookEvery {
		if s.alive(ipc.NameOrchestrator) {
			return
		}
	}
}

// followStates looks at the daemons' locks, and asks how they are when one changed
// and now and then.
func (s *source) followStates(ctx context.Context) {
	var before [4]bool
	var asked time.Time
	for first := true; first || s.pause(ctx); first = false {
		var now [4]bool
		for i, name := range ipc.DaemonNames() {
			now[i] = s.alive(name)
		}
		if now != before || time.Since(asked) >= statusEvery {
			s.look(ctx)
			before, asked = now, time.Now()
		}
	}
}

// pause waits until it is time to look again.
func (s *source) pause(ctx context.Context) bool {
	for range lookSeldom {
		if pause.For(ctx, lookEvery) != nil {
			return false
		}
		if !s.live.Load() {
			return true
		}
	}
	return true
}

func (s *source) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	set := s.project.Status(ctx)
	if ctx.Err() == nil {
		s.send(statusMsg{set, time.Now()})
	}
}

func (s *source) followLogs(ctx context.Context) {
	b := newBatcher(ctx, func(lines []logring.Line) { s.send(logMsg(lines)) })
	for n := logBacklog; ctx.Err() == nil; n = 0 {
		_ = s.project.Logs(ctx, nil, n, true, func(l daemons.LogLine) { b.add(logLine(l)) })
		if pause.For(ctx, time.Second) != nil {
			return
		}
	}
}

// logLine is a line of a daemon's log as the pane shows it.
func logLine(l daemons.LogLine) logring.Line {
	return logring.Line{
		Time: l.Time, Source: l.Daemon, Level: logring.LevelOf(l.Level), Text: paint.Clean(l.Message + l.Attrs),
	}
}

// batcher hands things over together: the first at once, then what came within
// batchEvery. add never waits.
type batcher[T any] struct {
	ctx  context.Context
	give func([]T)

	mu    sync.Mutex
	items []T
	due   bool
	last  time.Time

	giving sync.Mutex // keeps the order
}

func newBatcher[T any](ctx context.Context, give func([]T)) *batcher[T] {
	return &batcher[T]{ctx: ctx, give: give}
}

func (b *batcher[T]) add(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item)
	if b.due {
		return
	}
	b.due = true
	time.AfterFunc(max(0, batchEvery-time.Since(b.last)), b.flush)
}

func (b *batcher[T]) flush() {
	b.giving.Lock()
	defer b.giving.Unlock()
	b.mu.Lock()
	items := b.items
	b.items, b.due, b.last = nil, false, time.Now()
	b.mu.Unlock()
	if len(items) > 0 && b.ctx.Err() == nil {
		b.give(items)
	}
}
