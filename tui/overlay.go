package tui

import tea "github.com/charmbracelet/bubbletea"

// overlay is what lies over the panes and gets the keys: a question, the help, the
// palette.
type overlay interface {
	// key handles a key; keep false closes the overlay.
	key(m *Model, k tea.KeyMsg) (cmd effect, keep bool)
	// draw paints it for a screen of w×h.
	draw(m *Model, w, h int) []string
}

func fitHeight(lines []string, h int) []string { return lines[:min(len(lines), h)] }
