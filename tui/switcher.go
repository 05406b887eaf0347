package tui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// switcher lists the projects whose daemons run.
type switcher struct {
	list  widgets.List
	roots []string
}

// switchSet shows the projects to switch to.
func (m *Model) switchSet() effect {
	roots, err := m.cfg.Sets()
	if err != nil {
		m.say(problem("switch", err))
		return nil
	}
	s := &switcher{roots: roots}
	for i, root := range roots {
		if root == m.state.Root {
			s.list.Cursor = i
		}
	}
	m.overlay = s
	return nil
}

func (s *switcher) key(m *Model, k tea.KeyMsg) (effect, bool) {
	switch k.String() {
	case "esc", "q", "ctrl+c", "@":
		return nil, false
	case "up", "k", "shift+tab":
		s.list.Move(-1, len(s.roots))
	case "down", "j", "tab":
		s.list.Move(1, len(s.roots))
	case "enter":
		if s.list.Cursor >= len(s.roots) {
			return nil, false
		}
		if root := s.roots[s.list.Cursor]; root != m.state.Root {
			m.next = root
			return tea.Quit, false
		}
		return nil, false
	}
	return nil, true
}

func (s *switcher) draw(m *Model, w, h int) []string {
	bw, room := min(w-4, 76), max(1, min(14, h-4))
	s.list.Fit(len(s.roots), room)
	var body []string
	for i := s.list.Offset; i < min(len(s.roots), s.list.Offset+room); i++ {
		row := m.ctx.P.Row(bw-2, i == s.list.Cursor, true)
		mark := "  "
		if s.roots[i] == m.state.Root {
			mark = m.ctx.P.Mark + " "
		}
		body = append(body, row.Put(paint.Good, mark).Put(paint.Text, m.ctx.P.Tail(s.roots[i], bw-6)).String())
	}
	if len(s.roots) == 0 {
		body = append(body, m.ctx.P.Line(bw-2).Skip(1).Put(paint.Dim, "no project has daemons that run").String())
	}
	f := widgets.Frame{Title: "Projects", Focused: true, Corner: fmt.Sprint(len(s.roots)),
		Notes: []widgets.Note{{Role: paint.Text, Text: "enter switches, esc closes"}}}
	return fitHeight(widgets.Box(m.ctx.P, f, bw, len(body)+2, body), h)
}
