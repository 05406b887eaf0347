package tui

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// update gives the model a message and drops what it wants done.
func (m *Model) update(msg tea.Msg) { m.Update(msg) }

func (m *Model) size(w, h int) { m.update(tea.WindowSizeMsg{Width: w, Height: h}) }

// keyOf is the message of a key by its name.
func keyOf(name string) tea.KeyMsg {
	named := map[string]tea.KeyType{
		"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
		"ctrl+c": tea.KeyCtrlC, "ctrl+u": tea.KeyCtrlU, "ctrl+d": tea.KeyCtrlD, "ctrl+l": tea.KeyCtrlL, "ctrl+b": tea.KeyCtrlB, "ctrl+s": tea.KeyCtrlS,
		"ctrl+z": tea.KeyCtrlZ, "backspace": tea.KeyBackspace,
	}
	if t, ok := named[name]; ok {
		return tea.KeyMsg{Type: t}
	}
	if name == "space" {
		return tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// press presses keys one after the other and returns what the last one wants done.
func (m *Model) press(keys ...string) (cmd tea.Cmd) {
	for _, k := range keys {
		_, cmd = m.Update(keyOf(k))
	}
	return cmd
}

// text is the frame without attributes.
func (m *Model) text() string { return ansi.Strip(m.View()) }

// wantText fails unless the frame shows all of the texts.
func (m *Model) wantText(t *testing.T, want ...string) {
	t.Helper()
	text := m.text()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("the screen does not show %q:\n%s", w, text)
		}
	}
}

func (m *Model) wantNoText(t *testing.T, not ...string) {
	t.Helper()
	text := m.text()
	for _, w := range not {
		if strings.Contains(text, w) {
			t.Errorf("the screen shows %q:\n%s", w, text)
		}
	}
}

// checkFrame fails unless the frame has h lines of w cells.
func checkFrame(t interface {
	Helper()
	Fatalf(string, ...any)
}, m *Model, w, h int) {
	t.Helper()
	lines := strings.Split(m.View(), "\n")
	if len(lines) != h {
		t.Fatalf("%dx%d: %d lines", w, h, len(lines))
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n != w {
			t.Fatalf("%dx%d: line %d has %d cells: %q", w, h, i, n, ansi.Strip(l))
		}
	}
}

// cleanForTest cleans a log line as the source does.
func cleanForTest(text string) string { return paint.Clean(text) }
