package tui

import (
	"strings"

	"github.com/RepliBuild/replibuild/tui/internal/panes"
)

// stream leaves the full screen and writes log lines to the terminal's own
// scrollback, the last ones first and then as they come.
func (m *Model) stream() effect {
	if m.screen == nil {
		return nil
	}
	m.streaming = true
	m.screen.Leave()
	ring := m.log.Ring
	from := max(0, ring.Matches()-1000)
	m.streamed, _ = ring.Match(from)
	if ring.Matches() == 0 {
		m.streamed = ring.Next()
	}
	m.screen.Raw("-- logs of " + m.state.Set + ": any key goes back to the dashboard --\r\n")
	m.streamMore()
	return nil
}

// streamMore writes the lines that came since. The terminal is in raw mode, where a
// line end does not go to the first column.
func (m *Model) streamMore() {
	if !m.streaming {
		return
	}
	ring := m.log.Ring
	var b strings.Builder
	for i := ring.Find(m.streamed); i < ring.Matches(); i++ {
		n, l := ring.Match(i)
		if l == nil {
			break
		}
		b.WriteString(panes.PlainLine(l, m.cfg.Location))
		b.WriteString("\r\n")
		m.streamed = n + 1
	}
	m.screen.Raw(b.String())
}

func (m *Model) endStream() effect {
	m.streaming = false
	m.screen.Enter(m.mouse)
	return nil
}
