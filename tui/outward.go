package tui

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
)

// copy sends the row under the cursor to the terminal's clipboard.
func (m *Model) copy() effect {
	text := m.focused().Copy(&m.ctx)
	if text == "" {
		m.say(toast{text: "there is nothing to copy here", idle: true})
		return nil
	}
	if m.screen != nil {
		m.screen.Raw(clipboard(text, m.cfg.env("TMUX") != ""))
	}
	m.say(toast{text: "copied: " + text})
	return nil
}

// clipboard is OSC 52. tmux takes it from programs where set-clipboard is on, and
// hands it through where allow-passthrough is: both are tried.
func clipboard(text string, tmux bool) string {
	osc := "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text)) + "\a"
	if tmux {
		osc += "\x1bPtmux;" + strings.ReplaceAll(osc, "\x1b", "\x1b\x1b") + "\x1b\\"
	}
	return osc
}

// saveLog writes the lines that the filter leaves.
func (m *Model) saveLog() effect {
	path, err := m.newFile("log", "txt")
	if err != nil {
		m.say(problem("save", err))
		return nil
	}
	var b strings.Builder
	n := 0
	m.log.Ring.Each(func(l *logring.Line) {
		b.WriteString(panes.PlainLine(l, m.cfg.Location))
		b.WriteByte('\n')
		n++
	})
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		m.say(toast{text: "save: " + err.Error(), bad: true})
		return nil
	}
	m.say(toast{text: fmt.Sprintf("saved %d lines to %s", n, path)})
	return nil
}

// saveEvents writes what happened, for --replay.
func (m *Model) saveEvents() effect {
	path, err := m.newFile("events", "jsonl")
	if err != nil {
		m.say(problem("save", err))
		return nil
	}
	n, err := m.recording.save(path, m.state, m.log.Ring)
	if err != nil {
		m.say(toast{text: "save: " + err.Error(), bad: true})
		return nil
	}
	m.say(toast{text: fmt.Sprintf("saved %d lines to %s; `replibuild tui --replay` plays them", n, path)})
	return nil
}

// newFile is a name that nothing has, in a folder outside of the sources.
func (m *Model) newFile(what, ext string) (string, error) {
	if err := os.MkdirAll(m.cfg.Saved, 0o700); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%s-%s.%s", filepath.Base(m.state.Root), what, m.cfg.now().Format("20060102-150405"), ext)
	return filepath.Join(m.cfg.Saved, name), nil
}

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
