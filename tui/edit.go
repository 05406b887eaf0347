package tui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// nextFailure puts the cursor on the next file that failed.
func (m *Model) nextFailure(step int) effect {
	if m.files.Scope == panes.ScopeDirty {
		m.files.Scope = panes.ScopeBuild
		m.files.Changed()
		m.refresh()
	}
	m.setFocus(PaneFiles)
	if !m.files.NextStatus(ipc.StatusFailed, step) {
		m.say(toast{text: "no file failed", idle: true})
	}
	return nil
}

// firstError shows the first file that failed and what the compiler says of it.
func (m *Model) firstError() effect {
	m.files.Scope, m.files.Filter = panes.ScopeBuild, ""
	m.files.Changed()
	m.refresh()
	m.setFocus(PaneFiles)
	id := m.state.FirstFailure()
	if id == "" || !m.files.Select(id) {
		m.say(toast{text: "no file failed", idle: true})
		return nil
	}
	return m.setFocus(PaneDetail)
}

// location is a position in a file.
type location struct {
	file         string
	line, column int
}

// placeOf is where to look at a unit: its first error, else its beginning.
func (m *Model) placeOf(u *state.Unit) location {
	if d, found := words.FirstError(u.Diagnostics); found && d.File != "" {
		return location{d.File, d.Line, d.Column}
	}
	return location{u.Name, 1, 0}
}

// editor is the command line of the user's editor.
func (m *Model) editor() []string {
	for _, key := range []string{"VISUAL", "EDITOR"} {
		if words := strings.Fields(m.cfg.env(key)); len(words) > 0 {
			return words
		}
	}
	return nil
}

// editorCommand is how an editor opens a file at a line. Editors that are not known get
// +LINE, which vi, emacs, nano and most others understand.
func editorCommand(editor []string, p location) []string {
	at := p.file
	switch name := strings.TrimSuffix(filepath.Base(editor[0]), ".exe"); name {
	case "code", "codium", "cursor":
		return append(append([]string(nil), editor...), "--wait", "--goto", fmt.Sprintf("%s:%d:%d", at, p.line, max(1, p.column)))
	case "hx", "helix", "subl", "zed":
		return append(append([]string(nil), editor...), fmt.Sprintf("%s:%d:%d", at, p.line, max(1, p.column)))
	}
	return append(append([]string(nil), editor...), fmt.Sprintf("+%d", p.line), at)
}

// edit opens the selected file in the editor, which has the terminal until it ends.
func (m *Model) edit() effect {
	p := m.placeOf(m.detail.Unit)
	if !filepath.IsAbs(p.file) {
		p.file = filepath.Join(m.state.Root, p.file)
	}
	args := editorCommand(m.editor(), p)
	if m.screen != nil {
		m.away = true
		m.screen.Leave()
		m.terminal.restore()
	}
	gate, env, root := m.gate, m.cfg.Env, m.state.Root
	return func() tea.Msg {
		open := gate.shut()
		defer open()
		cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
		cmd.Dir, cmd.Env = root, env
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return editedMsg{cmd.Run()}
	}
}

// edited takes the terminal back.
func (m *Model) edited(err error) {
	m.away = false
	if m.screen != nil {
		m.resumed()
	}
	if err != nil {
		m.say(problem("edit", err))
	}
}

func (m *Model) whyEdit() string {
	u := m.detail.Unit
	switch {
	case m.player != nil:
		return inReplay
	case u == nil || u.Kind != state.KindUnit:
		return "no source file is selected"
	case len(m.editor()) == 0:
		return "neither VISUAL nor EDITOR is set"
	}
	return ""
}
