package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
)

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
