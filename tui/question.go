package tui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// question asks before something that is hard to take back.
type question struct {
	title string
	text  []string
	yes   string // what y does
	do    func(*Model) effect
	other string // what o does, "" for nothing

	doOther func(*Model) effect
}

// answers are the keys of a question with what they do.
func (q *question) answers() []string {
	if q.other != "" {
		return []string{"y " + q.yes, "o " + q.other, "n cancel"}
	}
	return []string{"y " + q.yes, "n cancel"}
}

// click answers a question whose key was clicked.
func (q *question) click(m *Model, x, y int) effect {
	lines := q.draw(m, m.w, m.h)
	if len(lines) < 2 {
		return nil
	}
	left, row := max(0, (m.w-ansi.StringWidth(lines[0]))/2), max(0, (m.h-len(lines))/2)+len(lines)-2
	text := ansi.Strip(lines[len(lines)-2])
	for _, answer := range q.answers() {
		at := strings.Index(text, answer)
		if from := left + ansi.StringWidth(text[:max(0, at)]); at >= 0 && y == row && x >= from && x < from+ansi.StringWidth(answer) {
			return m.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(answer[:1])})
		}
	}
	return nil
}

func (q *question) key(m *Model, k tea.KeyMsg) (effect, bool) {
	switch k.String() {
	case "y", "Y":
		return q.do(m), false
	case "o":
		if q.other != "" {
			return q.doOther(m), false
		}
	case "n", "N", "esc", "q", "ctrl+c", "enter":
		return nil, false
	}
	return nil, true
}

func (q *question) draw(m *Model, w, h int) []string {
	var keys []widgets.Note
	for _, answer := range q.answers() {
		keys = append(keys, widgets.Note{Role: paint.Key, Text: answer[:1]}, widgets.Note{Role: paint.Text, Text: answer[1:] + "    "})
	}
	return fitHeight(widgets.Dialog(m.ctx.P, q.title, q.text, keys, min(64, w-4)), h)
}
