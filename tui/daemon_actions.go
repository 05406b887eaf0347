package tui

import (
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

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

// done takes the result of a start, stop or restart of daemons.
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
