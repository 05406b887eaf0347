package tui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
)

// typed handles keys that came together: Bubble Tea makes one message of runes that
// were read at once, which a slow machine or a script brings about.
func (m *Model) typed(k tea.KeyMsg) effect {
	if k.Alt && !k.Paste && !m.streaming { // escape and a key that were read at once: no key of ours is with alt
		k.Alt = false
		esc := m.key(tea.KeyMsg{Type: tea.KeyEsc})
		m.refresh()
		return tea.Batch(esc, m.typed(k))
	}
	if k.Type != tea.KeyRunes || k.Paste || len(k.Runes) < 2 {
		return m.key(k)
	}
	var all []tea.Cmd
	for _, r := range k.Runes {
		all = append(all, m.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}))
		m.refresh() // the next key may be about what this one chose
	}
	return tea.Batch(all...)
}

// key handles a key: what is on top gets it first.
func (m *Model) key(k tea.KeyMsg) effect {
	switch {
	case m.streaming:
		return m.endStream()
	case m.overlay != nil:
		cmd, keep := m.overlay.key(m, k)
		if !keep {
			m.overlay = nil
		}
		return cmd
	case m.typing != nil:
		cmd, keep := m.typing.key(m, k)
		if !keep {
			m.typing = nil
		}
		return cmd
	}
	if k.Paste {
		return nil // text that is pasted by mistake must not run commands
	}
	b, found := m.keys.Find(k.String(), m.arrange.Focus)
	if !found {
		return nil
	}
	return m.perform(b)
}

// perform runs the action of a binding, or says why it cannot.
func (m *Model) perform(b Binding) effect {
	if why := m.whyNot(b); why != "" {
		m.say(toast{text: strings.ReplaceAll(string(b.Action), "_", " ") + ": " + why, idle: true})
		return nil
	}
	m.toast = toast{}
	return b.do(m)
}

// click handles the mouse: rows, tabs, footer keys, the wheel.
func (m *Model) click(msg tea.MouseMsg) effect {
	if m.streaming || msg.Action != tea.MouseActionPress {
		return nil
	}
	if m.overlay != nil {
		if q, asks := m.overlay.(*question); asks && msg.Button == tea.MouseButtonLeft {
			return q.click(m, msg.X, msg.Y)
		}
		return nil
	}
	for _, item := range m.footer {
		if msg.Button == tea.MouseButtonLeft && msg.Y == item.y && msg.X >= item.from && msg.X < item.from+item.w {
			return m.perform(m.keys.Named(item.action))
		}
	}
	for _, p := range m.placed {
		if !p.contains(msg.X, msg.Y) {
			continue
		}
		pane := m.pane(p.Pane)
		switch msg.Button {
		case tea.MouseButtonWheelUp:
			pane.Move(&m.ctx, -3)
		case tea.MouseButtonWheelDown:
			pane.Move(&m.ctx, 3)
		case tea.MouseButtonLeft:
			m.setFocus(p.Pane)
			if p.Pane == PaneFiles && msg.Y == p.Y+1 && m.files.ClickHead(msg.X-p.X) {
				return m.remember()
			}
			pane.Click(&m.ctx, msg.Y-p.Y)
		}
	}
	return nil
}

func (m *Model) focused() panes.Pane { return m.pane(m.arrange.Focus) }

func (m *Model) move(n int) effect {
	m.focused().Move(&m.ctx, n)
	return nil
}

// pageSize is the number of rows of the focused pane.
func (m *Model) pageSize() int {
	for _, p := range m.placed {
		if p.Pane == m.arrange.Focus {
			return max(1, p.H-3)
		}
	}
	return 10
}

func (m *Model) setFocus(p PaneID) effect {
	m.arrange.Focus = p
	switch p {
	case PaneCache, PaneLog, PaneDetail:
		m.arrange.Slot = p
	}
	switch p {
	case PaneDaemons, PaneBuild, PaneFiles:
		m.about = p
	}
	return nil
}

func (m *Model) cyclePane(step int) effect {
	n := int(paneEnd) - 1
	return m.setFocus(PaneID((int(m.arrange.Focus)-1+step+n)%n + 1))
}

func (m *Model) tab(step int) effect {
	switch m.arrange.Focus {
	case PaneFiles:
		m.files.NextScope(step)
	case PaneLog:
		m.log.NextSource(step)
	default:
		m.cyclePane(step)
	}
	return nil
}

// open shows more of the selected thing.
func (m *Model) open() effect {
	if m.arrange.Focus == PaneBuild {
		unit, build := m.builds.Selected()
		if unit == nil && build != "" {
			return m.openBuild(build)
		}
	}
	if m.arrange.Focus == PaneDetail {
		return m.zoom()
	}
	return m.setFocus(PaneDetail)
}

// openBuild lists the files of a build.
func (m *Model) openBuild(build string) effect {
	m.files.Scope, m.files.Build = panes.ScopeBuild, build
	if m.state.Current != nil && m.state.Current.ID == build {
		m.files.Build = ""
	}
	m.files.Changed()
	m.setFocus(PaneFiles)
	if m.cfg.Project == nil {
		return nil
	}
	return m.askHistory(build)
}

// back undoes one thing of the view: zoom, a filter, an old build.
func (m *Model) back() effect {
	switch f := m.log.Ring.Filter(); {
	case m.toast.text != "":
		m.toast = toast{}
	case m.arrange.Focus == PaneLog && f.Text != "":
		m.log.SetText("")
	case m.arrange.Focus != PaneLog && m.files.Filter != "":
		m.files.Filter = ""
		m.files.Changed()
	case m.arrange.Zoom:
		m.arrange.Zoom = false
	case m.files.Build != "":
		m.files.Build = ""
		m.files.Changed()
	case m.arrange.Focus == PaneDetail:
		m.setFocus(m.about)
	}
	return nil
}

// showLogs shows the log of the selected daemon when the daemons have the focus, else
// that of all.
func (m *Model) showLogs() effect {
	if m.arrange.Focus == PaneDaemons {
		return m.logsOf(m.daemons.Selected(&m.ctx).Name)
	}
	return m.setFocus(PaneLog)
}

func (m *Model) logsOf(daemon string) effect {
	m.log.SetSource(daemon)
	return m.setFocus(PaneLog)
}

func (m *Model) zoom() effect {
	m.arrange.Zoom = !m.arrange.Zoom
	return nil
}

// resize gives the focused pane more or less room.
func (m *Model) resize(n int) effect {
	a := &m.arrange
	switch {
	case a.Focus == PaneLog || modeOf(m.w, m.h) == ModeNormal && a.Focus == a.Slot:
		a.Taller = clamp(a.Taller+n, -30, 60)
	case a.Focus == PaneDaemons || a.Focus == PaneFiles:
		a.Wider = clamp(a.Wider+2*n, -80, 80)
	default:
		a.Wider = clamp(a.Wider-2*n, -80, 80)
	}
	return nil
}

func (m *Model) freeze() effect {
	switch {
	case m.player != nil:
		m.player.held = !m.player.held
		m.played = m.cfg.now()
	case m.frozen:
		m.thaw()
	default:
		m.frozen = true
	}
	return nil
}

func (m *Model) nextTheme() effect {
	names := paint.ThemeNames()
	for i, name := range names {
		if name == m.ctx.P.Theme.Name {
			m.setTheme(paint.Themes()[names[(i+1)%len(names)]])
			break
		}
	}
	m.say(toast{text: "the theme is " + m.ctx.P.Theme.Name})
	return nil
}

// backdrop is the terminal's answer to what its background is.
func (m *Model) backdrop(answer string) {
	dark, ok := isDark(answer)
	if ok && m.askTheme && dark != m.ctx.P.Theme.Dark {
		m.setTheme(paint.Light())
	}
	m.askTheme = false
}

func (m *Model) toggleMouse() effect {
	m.mouse = !m.mouse
	if m.screen != nil {
		m.screen.SetMouse(m.mouse)
	}
	if m.mouse {
		m.say(toast{text: "the mouse clicks rows, tabs and keys"})
	} else {
		m.say(toast{text: "the mouse is released: the terminal selects text"})
	}
	return nil
}

func (m *Model) filter() effect {
	t := &typing{prompt: "filter files:"}
	if m.arrange.Focus == PaneLog {
		t.prompt, t.before = "filter log:", m.log.Ring.Filter().Text
		t.change = func(m *Model, text string) { m.log.SetText(text) }
	} else {
		if m.arrange.Focus != PaneFiles {
			m.setFocus(PaneFiles)
		}
		t.before = m.files.Filter
		t.change = func(m *Model, text string) {
			m.files.Filter = text
			m.files.Changed()
		}
	}
	t.input = newInput(t.before)
	m.typing = t
	return nil
}

func (m *Model) sort(step int) effect {
	m.files.NextSort(step)
	return m.remember()
}

func (m *Model) reverse() effect {
	m.files.Up = !m.files.Up
	m.files.Changed()
	return m.remember()
}

func (m *Model) slowest() effect {
	m.files.Only = !m.files.Only
	if m.files.Only {
		m.files.Sort, m.files.Up = panes.SortTime, false
	}
	m.files.Changed()
	return nil
}

func (m *Model) follow() effect {
	m.log.Follow = !m.log.Follow
	m.log.Changed()
	if !m.log.Follow {
		m.log.Hold()
	}
	return nil
}

func (m *Model) wrap() effect {
	m.log.Wrap = !m.log.Wrap
	m.log.Changed()
	return nil
}

func (m *Model) times() effect {
	m.log.Times = !m.log.Times
	m.log.Changed()
	return nil
}

func (m *Model) level() effect {
	m.log.NextLevel()
	return nil
}

func (m *Model) jump(step int) effect {
	if !m.log.Jump(step) {
		m.say(toast{text: "no further line", idle: true})
	}
	return nil
}

func (m *Model) mark() effect {
	m.log.Mark()
	return nil
}

func (m *Model) help() effect {
	m.overlay = newHelpPage()
	return nil
}

func (m *Model) openPalette() effect {
	m.overlay = newPalette(m)
	return nil
}

func (m *Model) speed(by float64) effect {
	m.player.speed = max(minSpeed, min(m.player.speed*by, maxSpeed))
	return nil
}

func (m *Model) quit() effect {
	m.parting = m.leaveText()
	return tea.Quit
}

// explain asks anew why the selected unit was made, and shows it.
func (m *Model) explain() effect {
	unit := m.detail.Unit
	m.setFocus(PaneDetail)
	if unit == nil {
		return nil
	}
	m.asked, m.resting = unit.ID, unit.ID
	return m.askFacts(unit.ID, subjectOf(unit))
}

func (m *Model) historyAnswered(msg historyMsg) {
	if msg.err != nil {
		m.say(problem("history", msg.err))
		return
	}
	m.state.AddRecords(msg.reply.Builds)
	if msg.reply.Last != nil {
		m.state.SetLast(msg.reply.Last)
	}
	m.state.EndedElsewhere()
}
