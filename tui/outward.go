package tui

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
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

// eventLine is an event as a line of the log, if a person would want to read it.
func eventLine(e ipc.Event) (logring.Line, bool) {
	line := func(level logring.Level, format string, args ...any) (logring.Line, bool) {
		return logring.Line{Time: e.Time, Source: panes.SourceEvents, Level: level, Text: paint.Clean(fmt.Sprintf(format, args...))}, true
	}
	switch b := e.Body.(type) {
	case ipc.Notice:
		levels := map[string]logring.Level{"info": logring.Info, "warning": logring.Warn}
		level, known := levels[b.Level]
		if !known {
			level = logring.Error
		}
		return line(level, "%s %s", b.Message, b.Hint)
	case ipc.BuildStarted:
		return line(logring.Info, "build started by %s", b.Trigger)
	case ipc.BuildFinished:
		level, word := logring.Info, words.Build(b.OK, b.Cancelled)
		switch {
		case b.Cancelled:
			level = logring.Warn
		case !b.OK:
			level = logring.Error
		}
		counts := fmt.Sprintf("%d compiled, %d cached, %d failed, %d skipped", b.Compiled, b.Cached, b.Failed, b.Skipped)
		switch {
		case b.Detail != "" && b.Total() == 0:
			counts = b.Detail
		case b.Detail != "":
			counts = b.Detail + "; " + counts
		}
		return line(level, "build %s in %.1fs: %s", word, b.Seconds, counts)
	case ipc.UnitFinished:
		return unitLine(line, b)
	case ipc.LinkFinished:
		if b.Status == ipc.StatusFailed {
			return line(logring.Error, "link of %s failed: %s", b.Target, b.Reason.Text)
		}
		return line(logring.Info, "%s %s in %.1fs: %s", b.Output, linkWord(b.Status), b.Seconds, b.Reason.Text)
	case ipc.DaemonChanged:
		level := logring.Info
		if b.State == ipc.StateCrashed || b.State == ipc.StateUnresponsive {
			level = logring.Error
		}
		return line(level, "%s", daemonNews(b.DaemonStatus))
	}
	return logring.Line{}, false
}

// daemonNews says what became of a daemon.
func daemonNews(d ipc.DaemonStatus) string {
	verb, known := map[string]string{
		ipc.StateRunning: "runs", ipc.StateStopped: "stopped", ipc.StateStarting: "starts", ipc.StateCrashed: "crashed",
		ipc.StateUnresponsive: "does not answer; r restarts it", ipc.StateDisabled: "is disabled",
		ipc.StateElsewhere: "runs in another container or namespace",
	}[d.State]
	if !known {
		verb = "is " + d.State
	}
	text := "the " + d.Name + " daemon " + verb
	if d.LastError != "" && d.State != ipc.StateUnresponsive && d.State != ipc.StateElsewhere {
		text += ": " + d.LastError
	}
	return text
}

func unitLine(line func(logring.Level, string, ...any) (logring.Line, bool), b ipc.UnitFinished) (logring.Line, bool) {
	switch b.Status {
	case ipc.StatusFailed:
		return line(logring.Error, "%s failed: %s", b.File, b.Reason.Text)
	case ipc.StatusCompiled:
		return line(logring.Info, "%s compiled in %.1fs: %s", b.File, b.Seconds, b.Reason.Text)
	}
	return line(logring.Debug, "%s %s: %s", b.File, b.Status, b.Reason.Text)
}

func linkWord(status string) string {
	if status == ipc.StatusCompiled {
		return "linked"
	}
	return status
}
