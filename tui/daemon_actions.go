package tui

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// build brings all targets up to date.
func (m *Model) build() effect {
	return m.buildWith(ipc.BuildRequest{Trigger: ipc.TriggerDashboard})
}

// buildSelected builds what the cursor is on, with force whatever the cache has.
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

// quiet is how long no file may change before an automatic build starts.
const quiet = 20 * time.Millisecond

// buildWith starts a build; where there is no orchestrator, or one of another version,
// the daemons first.
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
	req.Env, req.Caller, req.Detach = ipc.CallerEnv(m.cfg.Env), m.cfg.Caller, true
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

// clearCache asks for the numbers first, then whether that is to go.
func (m *Model) clearCache() effect { return m.askCache(true) }

func (m *Model) cacheAnswered(msg cacheMsg) {
	if msg.err != nil {
		if msg.ask {
			m.say(problem("cache", msg.err))
		}
		return
	}
	m.state.SetCache(msg.stats)
	if !msg.ask {
		return
	}
	if msg.stats.Entries == 0 {
		m.say(toast{text: clearedWords(0, 0), idle: true})
		return
	}
	p := m.cfg.Project
	m.overlay = &question{
		title: "Clear the cache?",
		text: []string{
			"This removes " + clearedWords(msg.stats.Bytes, msg.stats.Entries) + ".",
			"The next build compiles what is not up to date. u undoes it for 10 seconds.",
		},
		yes: "clear it",
		do: func(*Model) effect {
			return ask(askLimit, func(ctx context.Context) tea.Msg {
				reply, err := p.ClearCache(ctx)
				return clearedMsg{reply, err}
			})
		},
	}
}

func (m *Model) cleared(msg clearedMsg) effect {
	if msg.err != nil {
		m.say(problem("clear cache", msg.err))
		return nil
	}
	m.toast = toast{}
	m.undo = &undo{
		token: msg.reply.Token, what: "cleared " + clearedWords(msg.reply.Bytes, msg.reply.Entries),
		until: m.cfg.now().Add(time.Duration(msg.reply.UndoSeconds * float64(time.Second))),
	}
	return m.askCache(false)
}

func (m *Model) undoClear() effect {
	p, token := m.cfg.Project, ""
	if m.undo != nil {
		token = m.undo.token
	}
	m.undo = nil
	return ask(askLimit, func(ctx context.Context) tea.Msg {
		reply, err := p.RestoreCache(ctx, token)
		return restoredMsg{reply, err}
	})
}

func (m *Model) restored(msg restoredMsg) effect {
	if msg.err != nil {
		m.say(problem("undo", msg.err))
		return nil
	}
	m.say(toast{text: "restored " + clearedWords(msg.reply.Bytes, msg.reply.Entries)})
	return m.askCache(false)
}

// one is the selected daemon's name.
func (m *Model) one() string { return m.daemons.Selected(&m.ctx).Name }

func (m *Model) startOne() effect {
	return m.tell("starting", []string{m.one()}, m.cfg.Project.Start, nil)
}

func (m *Model) stopOne() effect {
	return m.tell("stopping", []string{m.one()}, m.cfg.Project.Stop, nil)
}

// restartOne restarts the selected daemon. If another one has crashed it asks which.
func (m *Model) restartOne() effect {
	selected := m.one()
	crashed := m.namesOf(func(d *state.Daemon) bool { return d.State == ipc.StateCrashed })
	if len(crashed) == 0 || slices.Contains(crashed, selected) {
		return m.restartNamed(selected)
	}
	m.overlay = &question{
		title: "Restart " + crashed[0] + "?", text: []string{crashed[0] + " crashed, but the cursor is on " + selected + "."},
		yes: "restart " + crashed[0], do: func(m *Model) effect { return m.restartNamed(crashed[0]) },
		other: "restart " + selected, doOther: func(m *Model) effect { return m.restartNamed(selected) },
	}
	return nil
}

func (m *Model) restartNamed(name string) effect {
	return m.tell("restarting", []string{name}, m.cfg.Project.Restart, nil)
}

func (m *Model) startAll() effect {
	return m.tell("starting", m.namesOf(func(d *state.Daemon) bool { return !d.Up() && d.State != ipc.StateDisabled }),
		m.cfg.Project.Start, nil)
}

// lives says of a daemon that there is something to stop.
func lives(d *state.Daemon) bool {
	return d.Up() || d.State == ipc.StateUnresponsive || d.State == ipc.StateStarting
}

func (m *Model) stopAll() effect {
	return m.confirmAll("Stop all daemons?", "stop them", func(m *Model) effect {
		return m.tell("stopping", m.namesOf(lives), m.cfg.Project.Stop, nil)
	})
}

func (m *Model) restartAll() effect {
	return m.confirmAll("Restart all daemons?", "restart them", func(m *Model) effect {
		return m.tell("restarting", m.namesOf(func(d *state.Daemon) bool { return d.State != ipc.StateDisabled }), m.cfg.Project.Restart, nil)
	})
}

func (m *Model) quitStop() effect {
	return m.confirmAll("Stop all daemons and quit?", "stop and quit", func(m *Model) effect {
		return m.tell("stopping", m.namesOf(lives), m.cfg.Project.Stop, func(m *Model) effect {
			m.parting = "All daemons are stopped"
			return tea.Quit
		})
	})
}

func (m *Model) confirmAll(title, yes string, do func(*Model) effect) effect {
	up, _ := m.state.Up()
	is := "are"
	if up == 1 {
		is = "is"
	}
	text := []string{fmt.Sprintf("%s of this project %s up.", widgets.Plural(int64(up), "daemon"), is)}
	if c := m.state.Current; m.state.Running() {
		done, of := c.Progress()
		text = append(text, "A build runs: "+words.Of(done, of, "unit")+" done. The others are not compiled.")
	}
	m.overlay = &question{title: title, text: text, yes: yes, do: do}
	return nil
}

func (m *Model) namesOf(fits func(*state.Daemon) bool) []string {
	var names []string
	for i := range m.state.Daemons {
		if fits(&m.state.Daemons[i]) {
			names = append(names, m.state.Daemons[i].Name)
		}
	}
	return names
}

// done takes the answer to something that daemons were told to do.
func (m *Model) done(msg doneMsg) effect {
	m.state.SetDoing("", msg.names...)
	for _, d := range msg.daemons {
		if msg.what == "stopping" {
			d = ipc.DaemonStatus{Name: d.Name, State: ipc.StateStopped}
		}
		m.state.SetDaemon(d, m.cfg.now())
	}
	if msg.err != nil {
		m.say(problem(msg.what, msg.err))
		return nil
	}
	m.say(toast{text: doneText(msg)})
	if msg.then != nil {
		return msg.then(m)
	}
	return nil
}

// doneText says what was done to daemons: "restarted compilation (PID 4711)".
func doneText(msg doneMsg) string {
	did := map[string]string{"starting": "started", "stopping": "stopped", "restarting": "restarted"}[msg.what]
	if len(msg.names) != 1 {
		return did + " " + widgets.Plural(int64(len(msg.names)), "daemon")
	}
	text := did + " " + msg.names[0]
	for _, d := range msg.daemons {
		if d.Name == msg.names[0] && d.PID != 0 && msg.what != "stopping" {
			text += fmt.Sprintf(" (PID %d)", d.PID)
		}
	}
	return text
}

func (m *Model) whyStart() string {
	d := m.daemons.Selected(&m.ctx)
	switch {
	case m.player != nil:
		return inReplay
	case d.State == ipc.StateDisabled:
		return d.Name + " is disabled in daemon_config.toml"
	case d.Up():
		return d.Name + " runs already"
	case d.Doing != "":
		return d.Name + " is " + d.Doing
	}
	return ""
}

func (m *Model) whyStop() string {
	d := m.daemons.Selected(&m.ctx)
	switch {
	case m.player != nil:
		return inReplay
	case d.Doing != "":
		return d.Name + " is " + d.Doing
	case !lives(d):
		return d.Name + " does not run"
	}
	return ""
}

func (m *Model) whyRestart() string {
	d := m.daemons.Selected(&m.ctx)
	switch {
	case m.player != nil:
		return inReplay
	case d.State == ipc.StateDisabled:
		return d.Name + " is disabled in daemon_config.toml"
	case d.Doing != "":
		return d.Name + " is " + d.Doing
	}
	return ""
}

func (m *Model) whyStartAll() string {
	if why := m.whyLive(); why != "" {
		return why
	}
	if up, of := m.state.Up(); up == of && of > 0 {
		return "all daemons run"
	}
	return ""
}

func (m *Model) whyStopAll() string {
	if why := m.whyLive(); why != "" {
		return why
	}
	if len(m.namesOf(lives)) == 0 {
		return "no daemon runs"
	}
	return ""
}
