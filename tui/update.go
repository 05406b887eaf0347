package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// Update implements [tea.Model]: it takes a message in, brings the lists up to date
// and sees to it that the next tick comes when something shown will have changed.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.handle(msg)
	m.refresh()
	return m, m.wake(tea.Batch(cmd, m.pursue(msg)))
}

func (m *Model) handle(msg tea.Msg) effect {
	switch msg := msg.(type) {
	case tea.KeyMsg:
		return m.typed(msg)
	case tea.MouseMsg:
		return m.click(msg)
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
		m.arrange.Wants = [paneEnd]int{}
	case eventsMsg, statusMsg:
		if m.frozen {
			m.hold(msg)
			return nil
		}
		return m.take(msg)
	case logMsg:
		for _, l := range msg {
			m.log.Ring.Add(l)
		}
		m.streamMore()
	case linkMsg:
		return m.linked(msg.live)
	case tickMsg:
		m.tick(msg)
	case scanMsg:
		return m.scan()
	default:
		return m.answer(msg)
	}
	return nil
}

// take applies what came from the set.
func (m *Model) take(msg tea.Msg) effect {
	switch msg := msg.(type) {
	case eventsMsg:
		before := m.changes
		m.state.SetNow(m.cfg.now())
		for _, e := range msg {
			m.apply(e)
			if _, finished := e.Body.(ipc.BuildFinished); finished {
				m.asked, m.resting = "", "" // there may be more facts now
			}
		}
		m.streamMore()
		if m.auto && m.changes != before {
			return m.cfg.timer(quietTime, quietMsg{m.changes})
		}
	case statusMsg:
		m.state.SetNow(m.cfg.now())
		m.state.SetStatus(msg.set, msg.at)
		if m.state.Link == state.LinkDown && m.cfg.Project != nil { // other processes may build
			return m.askHistory("")
		}
	}
	return nil
}

// maxHeld bounds what is kept while the view is frozen.
const maxHeld = 20_000

func (m *Model) hold(msg tea.Msg) {
	m.held = append(m.held, msg)
	if len(m.held) > maxHeld {
		m.thaw()
		m.say(toast{text: "too much happened: the view goes on"})
	}
}

func (m *Model) thaw() {
	m.frozen = false
	held := m.held
	m.held = nil
	for _, msg := range held {
		m.take(msg)
	}
}

func (m *Model) linked(live bool) effect {
	if !live {
		m.state.SetNow(m.cfg.now())
		m.state.SetLink(state.LinkDown)
		return nil
	}
	m.state.SetLink(state.LinkLive)
	m.asked, m.resting = "", ""
	return m.refreshAll()
}

// answer takes the answer to something that was asked.
func (m *Model) answer(msg tea.Msg) effect {
	switch msg := msg.(type) {
	case doneMsg:
		return m.done(msg)
	case buildMsg:
		m.buildAnswered(msg)
	case cancelMsg:
		m.cancelAnswered(msg)
	case cacheMsg:
		m.cacheAnswered(msg)
	case clearedMsg:
		return m.cleared(msg)
	case restoredMsg:
		return m.restored(msg)
	case historyMsg:
		m.historyAnswered(msg)
	case planMsg:
		m.state.SetPlan(msg.plan)
	case factsMsg:
		m.state.SetFacts(msg.facts.Explain.Records)
		m.detail.SetFacts(msg.unit, msg.facts)
	case queueMsg:
		if msg.err == nil {
			m.state.SetQueue(msg.reply)
		}
	case quietMsg:
		if m.auto && msg.changes == m.changes {
			return m.submit(ipc.BuildRequest{Trigger: ipc.TriggerWatch})
		}
	case editedMsg:
		m.edited(msg.err)
	case restedMsg:
		return m.rested(msg.unit)
	case noticeMsg:
		m.say(msg.toast)
	case backdropMsg:
		m.backdrop(msg.answer)
	case resumedMsg:
		m.resumed()
	case panicMsg:
		m.failure = ipc.Errorf(ipc.CodeInternal, "the dashboard failed: %v", msg.value)
		return tea.Quit
	}
	return nil
}

// refresh brings lists and the detail up to date with the state.
func (m *Model) refresh() {
	m.daemons.Refresh(&m.ctx)
	m.builds.Refresh(&m.ctx)
	m.files.Refresh(&m.ctx)
	subject, unit := m.selection()
	m.detail.Show(subject, unit)
	m.wants()
}

// wants notes how many rows panes can use in the wide layout. They only grow, so that
// going down a list or the end of a build does not move the panes.
func (m *Model) wants() {
	if modeOf(m.w, m.h) != ModeWide {
		return
	}
	for p, rows := range map[PaneID]int{
		PaneFiles: m.files.Len() + 3, PaneBuild: m.builds.Want(), PaneCache: m.cache.Want(&m.ctx),
		PaneDetail: m.detail.Want(&m.ctx, m.w-wideLeft(m.w, m.arrange)), PaneLog: m.log.Ring.Len() + 2,
	} {
		m.arrange.Wants[p] = max(m.arrange.Wants[p], min(rows, m.h))
	}
}

// selection is what the detail is about: the row under the cursor of the pane that
// had the focus last.
func (m *Model) selection() (panes.Subject, *state.Unit) {
	switch m.about {
	case PaneDaemons:
		return panes.Subject{Daemon: m.daemons.Selected(&m.ctx).Name}, nil
	case PaneBuild:
		unit, build := m.builds.Selected()
		if unit != nil {
			return panes.Subject{Unit: unit.ID}, unit
		}
		if build != "" {
			return panes.Subject{Build: build}, nil
		}
	}
	u, c := m.files.Selected(), m.state.Current
	switch {
	case c != nil && (u == nil || m.files.AtTop() && c.Finished && !c.OK && len(c.Units) == 0): // it failed before it came to a file
		return panes.Subject{Build: c.ID}, nil
	case u != nil:
		return panes.Subject{Unit: u.ID}, u
	}
	return panes.Subject{}, nil
}

// restTime is how long the selection must rest before facts are asked for: going
// down a list asks nothing.
const restTime = 150 * time.Millisecond

// pursue asks for facts about the selected unit, once it has rested, and for the
// rest of a log that is being filtered.
func (m *Model) pursue(msg tea.Msg) effect {
	if _, scanning := msg.(scanMsg); !scanning && m.log.Ring.Scan(0) {
		return func() tea.Msg { return scanMsg{} }
	}
	if build := m.detail.Subject.Build; build != "" && build != m.resting && m.cfg.Project != nil && m.state.Knows(build) {
		m.resting = build
		return m.askHistory(build)
	}
	unit := m.detail.Subject.Unit
	if unit == "" || unit == m.resting || m.cfg.Project == nil {
		return nil
	}
	m.resting = unit
	return m.cfg.timer(restTime, restedMsg{unit})
}

func (m *Model) rested(unit string) effect {
	if unit != m.detail.Subject.Unit || unit == m.asked || m.detail.Unit == nil || m.detail.Unit.Kind == state.KindStep {
		return nil
	}
	m.asked = unit
	return m.askFacts(unit, subjectOf(m.detail.Unit))
}

// subjectOf is how an explain request names a unit.
func subjectOf(u *state.Unit) string {
	if u.Kind == state.KindLink {
		return u.Target
	}
	return u.Name
}

// scanSlice is how many log lines are looked at for a new filter between two keys:
// some 3 ms.
const scanSlice = 20_000

func (m *Model) scan() effect {
	if m.log.Ring.Scan(scanSlice) {
		return func() tea.Msg { return scanMsg{} }
	}
	return nil
}

// tick moves the clock on.
func (m *Model) tick(msg tickMsg) {
	if !msg.at.Equal(m.tickAt) {
		return // another one was wanted sooner
	}
	m.tickAt = time.Time{}
	now := m.cfg.now()
	if m.toast.over(now) {
		m.toast = toast{}
	}
	if m.undo != nil && now.After(m.undo.until) {
		m.undo = nil
	}
	switch {
	case m.frozen:
	case m.player != nil:
		m.play(now.Sub(m.played))
	default:
		m.state.SetNow(now)
	}
	m.played = now
}

// wake adds the next tick to cmd, unless a tick that soon is on its way.
func (m *Model) wake(cmd effect) effect {
	in := m.changesIn()
	if in <= 0 {
		return cmd
	}
	at := m.cfg.now().Add(in)
	if !m.tickAt.IsZero() && !m.tickAt.After(at.Add(5*time.Millisecond)) {
		return cmd
	}
	m.tickAt = at
	return tea.Batch(cmd, m.cfg.timer(in, tickMsg{at}))
}

// changesIn is when something shown changes by itself; 0 = never. On an idle screen
// that is the next full minute of a daemon's uptime.
func (m *Model) changesIn() time.Duration {
	now := m.cfg.now()
	in := time.Duration(0)
	sooner := func(d time.Duration) {
		if d > 0 && (in == 0 || d < in) {
			in = d
		}
	}
	if m.undo != nil {
		sooner(next(m.undo.until.Sub(now), time.Second))
	}
	if m.toast.text != "" {
		sooner(max(m.toast.until.Sub(now), time.Millisecond))
	}
	if m.player != nil {
		if !m.player.held && !m.frozen && !m.player.ended() {
			sooner(33 * time.Millisecond)
		}
		return in
	}
	if m.frozen {
		return in
	}
	if m.state.Lost.IsZero() && (m.state.Running() || len(m.state.Queue.Waiting) > 0) {
		sooner(100 * time.Millisecond)
	}
	for i := range m.state.Daemons {
		d := &m.state.Daemons[i]
		if !d.Up() {
			continue
		}
		age := now.Sub(d.Since)
		if age < time.Minute {
			sooner(time.Second - age%time.Second + time.Millisecond)
		} else {
			sooner(time.Minute - age%time.Minute + time.Millisecond)
		}
	}
	if c := m.state.Current; c != nil && c.Finished {
		sooner(time.Minute - now.Sub(c.Ended)%time.Minute + time.Millisecond)
	}
	return in
}

// next is the time until left, which goes down, is a multiple of step.
func next(left, step time.Duration) time.Duration {
	return max(left%step+time.Millisecond, time.Millisecond)
}
