package tui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// build brings all targets up to date.
func (m *Model) build() effect {
	return m.buildWith(ipc.BuildRequest{Trigger: ipc.TriggerDashboard})
}

// buildSelected builds what the cursor is on; force ignores the cache.
func (m *Model) buildSelected(force bool) effect {
	req := ipc.BuildRequest{Trigger: ipc.TriggerDashboard, NoCache: force}
	switch u := m.detail.Unit; {
	case u == nil:
		m.say(toast{text: "select a file or a target first", idle: true})
		return nil
	case u.Kind == state.KindUnit:
		req.Files = []string{u.Name}
	case u.Kind == state.KindLink:
		req.Targets = []string{u.Target}
	default:
		m.say(toast{text: "a step is run by the build of what needs it", idle: true})
		return nil
	}
	return m.buildWith(req)
}

// toggleAuto builds after changes, while the dashboard runs.
func (m *Model) toggleAuto() effect {
	m.auto = !m.auto
	if !m.auto {
		m.say(toast{text: "builds start by key only"})
		return nil
	}
	m.say(toast{text: "builds start after each change, while the dashboard runs"})
	return m.buildWith(ipc.BuildRequest{Trigger: ipc.TriggerWatch})
}

// buildWith starts a build. Without an orchestrator, or with one of another version, it
// starts the daemons first.
func (m *Model) buildWith(req ipc.BuildRequest) effect {
	up := m.state.Daemon(ipc.NameOrchestrator).Up()
	if m.state.Link == state.LinkLive || up && m.state.Link != state.LinkDown {
		return m.submit(req)
	}
	m.say(toast{text: "starting the daemons, then building"})
	names := m.namesOf(func(d *state.Daemon) bool {
		return d.State != ipc.StateDisabled && (!d.Up() || d.Name == ipc.NameOrchestrator)
	})
	return m.tell("starting", names, m.cfg.Project.Start, func(m *Model) effect { return m.submit(req) })
}

// submit asks for a build and does not wait for its end: the stream tells.
func (m *Model) submit(req ipc.BuildRequest) effect {
	o := m.cfg.Orchestrator
	req.Env, req.Caller, req.Detach = m.cfg.Env, m.cfg.Caller, true
	return ask(askLimit, func(ctx context.Context) tea.Msg {
		reply, err := o.Build(ctx, req, func(ipc.Event) {})
		return buildMsg{reply, err}
	})
}

func (m *Model) buildAnswered(msg buildMsg) {
	switch {
	case msg.err != nil:
		m.say(problem("build", msg.err))
	case msg.reply.Joined:
		m.say(toast{text: "joined the build that runs already"})
	default:
		m.say(toast{text: "asked for build " + state.Short(msg.reply.Build)})
	}
}

// cancelBuild cancels the waiting build under the cursor, else the one that runs.
func (m *Model) cancelBuild() effect {
	id, what := "", ""
	if _, build := m.builds.Selected(); m.arrange.Focus == PaneBuild && m.waits(build) {
		id, what = build, "It waits in the queue."
	} else if c := m.state.Current; m.state.Running() {
		done, of := c.Progress()
		id, what = c.ID, words.Of(done, of, "unit")+" done; what is done stays done."
	} else if q := m.state.Queue.Waiting; len(q) > 0 {
		id, what = q[0].Build, "It waits in the queue."
	}
	o := m.cfg.Orchestrator
	m.overlay = &question{
		title: "Cancel build " + state.Short(id) + "?", text: []string{what}, yes: "cancel it",
		do: func(*Model) effect {
			return ask(askLimit, func(ctx context.Context) tea.Msg {
				reply, err := o.Cancel(ctx, ipc.CancelRequest{Build: id})
				return cancelMsg{reply, err}
			})
		},
	}
	return nil
}

func (m *Model) waits(build string) bool {
	for _, w := range m.state.Queue.Waiting {
		if w.Build == build && build != "" {
			return true
		}
	}
	return false
}

func (m *Model) cancelAnswered(msg cancelMsg) {
	switch {
	case msg.err != nil:
		m.say(problem("cancel", msg.err))
	case !msg.reply.Cancelled:
		m.say(toast{text: "there was nothing to cancel any more", idle: true})
	default:
		m.say(toast{text: "cancelled"})
	}
}
