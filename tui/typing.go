package tui

import (
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// typing is a line that is being typed: a filter.
type typing struct {
	prompt string
	input  textinput.Model
	change func(*Model, string)
	before string // what esc goes back to
}

func newInput(value string) textinput.Model {
	in := textinput.New()
	in.SetValue(value)
	in.CursorEnd()
	in.Focus()
	return in
}

func (t *typing) key(m *Model, k tea.KeyMsg) (effect, bool) {
	switch k.String() {
	case "enter":
		return nil, false
	case "esc", "ctrl+c":
		t.change(m, t.before)
		return nil, false
	case "up", "down", "pgup", "pgdown":
		b, _ := m.keys.Find(k.String(), m.arrange.Focus)
		return b.do(m), true
	}
	was := t.input.Value()
	t.input, _ = t.input.Update(k) // its command is the blink of a cursor that is not drawn
	if now := t.input.Value(); now != was {
		t.change(m, now)
	}
	return nil, true
}

// putInput paints what is being typed with its cursor.
func putInput(l *paint.Line, in textinput.Model, cursor string) {
	value := []rune(in.Value())
	at := min(in.Position(), len(value))
	l.Put(paint.Strong, string(value[:at])).Put(paint.Focus, cursor).Put(paint.Strong, string(value[at:]))
}

func cursorSign(p *paint.Painter) string {
	if p.ASCII {
		return "_"
	}
	return "▏"
}
