package tui

import (
	tea "github.com/charmbracelet/bubbletea"
)

// suspend stops the process as a shell's Ctrl-Z does, with the terminal given back.
func (m *Model) suspend() effect {
	if m.screen == nil {
		return nil
	}
	m.screen.Leave()
	m.terminal.restore()
	if err := suspendProcess(); err != nil {
		m.say(toast{text: "suspend: " + err.Error(), bad: true})
	}
	m.resumed()
	return nil
}

// resumed takes the terminal again, whatever the shell did to it meanwhile.
func (m *Model) resumed() {
	if m.screen == nil || m.streaming {
		return
	}
	if err := m.terminal.raw(); err != nil {
		m.say(toast{text: "the terminal: " + err.Error(), bad: true})
	}
	m.screen.Leave()
	m.screen.Enter(m.mouse)
	if w, h, err := m.terminal.size(); err == nil {
		m.w, m.h = w, h
	}
}

func (m *Model) redraw() effect {
	if m.screen != nil {
		m.screen.Reset()
	}
	m.asked, m.resting = "", ""
	return tea.Batch(m.refreshAll(), m.askQueue())
}
