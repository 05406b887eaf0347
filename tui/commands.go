package tui

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// effect is what a handler wants done outside of the model.
type effect = tea.Cmd

// Deadlines of what is asked. Starting and stopping a set takes as long as its
// slowest daemon.
const (
	askLimit = 10 * time.Second
	setLimit = 60 * time.Second
	explain  = 6 * time.Second
)

// quietTime is how long no file may change before an automatic build starts.
const quietTime = 20 * time.Millisecond

// Answers to what was asked.
type (
	doneMsg struct { // a start, stop or restart of daemons
		what    string
		names   []string
		daemons []ipc.DaemonStatus
		err     error
		then    func(*Model) effect
	}
	buildMsg struct {
		reply ipc.BuildReply
		err   error
	}
	cancelMsg struct {
		reply ipc.CancelReply
		err   error
	}
	cacheMsg struct {
		stats ipc.CacheStatsReply
		err   error
		ask   bool // the dialog waits for it
	}
	clearedMsg struct {
		reply ipc.CacheClearReply
		err   error
	}
	restoredMsg struct {
		reply ipc.CacheRestoreReply
		err   error
	}
	historyMsg struct {
		reply ipc.HistoryReply
		open  string // build to be shown
		err   error
	}
	planMsg  struct{ plan *ipc.Plan }
	factsMsg struct {
		unit  string
		facts panes.Facts
	}
	queueMsg struct {
		reply ipc.QueueReply
		err   error
	}
	quietMsg    struct{ changes int } // no file changed for a moment
	editedMsg   struct{ err error }   // the editor has ended
	restedMsg   struct{ unit string } // the selection has rested a moment
	noticeMsg   struct{ toast toast }
	scanMsg     struct{}
	tickMsg     struct{ at time.Time }
	panicMsg    struct{ value any }
	backdropMsg struct{ answer string }
	resumedMsg  struct{}
)

// ask runs fn outside of the event loop, with a deadline.
func ask(limit time.Duration, fn func(context.Context) tea.Msg) effect {
	return func() (msg tea.Msg) {
		defer func() { // the terminal is restored before a panic is printed
			if r := recover(); r != nil {
				msg = panicMsg{r}
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		return fn(ctx)
	}
}

func after(d time.Duration, msg tea.Msg) effect {
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

// refreshAll asks for what the event stream does not carry.
func (m *Model) refreshAll() effect {
	if m.cfg.Project == nil {
		return nil
	}
	return tea.Batch(m.askCache(false), m.askPlan(), m.askHistory(""))
}

// askQueue asks what runs and waits.
func (m *Model) askQueue() effect {
	o := m.cfg.Orchestrator
	if o == nil || m.state.Link != state.LinkLive {
		return nil
	}
	return ask(askLimit, func(ctx context.Context) tea.Msg {
		reply, err := o.Queue(ctx, ipc.QueueRequest{})
		return queueMsg{reply, err}
	})
}

func (m *Model) askCache(dialog bool) effect {
	p := m.cfg.Project
	return ask(askLimit, func(ctx context.Context) tea.Msg {
		stats, err := p.CacheStats(ctx)
		return cacheMsg{stats, err, dialog}
	})
}

func (m *Model) askPlan() effect {
	p := m.cfg.Project
	return ask(setLimit, func(ctx context.Context) tea.Msg {
		plan, _ := p.Plan(ctx) // without one there is less to show; a build tells why
		return planMsg{plan}
	})
}

// askHistory asks for past builds, or for one with its units.
func (m *Model) askHistory(build string) effect {
	p := m.cfg.Project
	req := ipc.HistoryRequest{Limit: state.MaxHistory, Last: true}
	if build != "" {
		req = ipc.HistoryRequest{Build: build, Units: true}
	}
	return ask(askLimit, func(ctx context.Context) tea.Msg {
		reply, err := p.History(ctx, req)
		if err == nil && build == "" && len(reply.Builds) > 0 { // the last one with its units
			for _, b := range reply.Builds {
				if b.Compiled+b.Failed+b.Hits == 0 {
					continue
				}
				full, err := p.History(ctx, ipc.HistoryRequest{Build: b.Build, Units: true})
				if err == nil {
					reply.Builds = append(reply.Builds, full.Builds...)
				}
				break
			}
		}
		return historyMsg{reply, build, err}
	})
}

func (m *Model) askFacts(unit, subject string) effect {
	p := m.cfg.Project
	if p == nil {
		return nil
	}
	return ask(explain, func(ctx context.Context) tea.Msg {
		var f panes.Facts
		reply, err := p.Explain(ctx, subject)
		f.Explain = reply
		if err != nil {
			f.Err = err.Error()
		}
		if read, err := p.Dependents(ctx, unit); err == nil {
			f.Inputs = read.Inputs
		}
		return factsMsg{unit, f}
	})
}

// tell runs something on daemons and notes that it is being done.
func (m *Model) tell(doing string, names []string, fn func(context.Context, ...string) ([]ipc.DaemonStatus, error), then func(*Model) effect) effect {
	m.state.SetDoing(doing, names...)
	return ask(setLimit, func(ctx context.Context) tea.Msg {
		all, err := fn(ctx, names...)
		return doneMsg{what: doing, names: names, daemons: all, err: err, then: then}
	})
}

// problem is an error as a toast: what, and what to do next.
func problem(what string, err error) toast {
	text := what + ": " + err.Error()
	var e *ipc.Error
	if errors.As(err, &e) && e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return toast{text: text, bad: true}
}
