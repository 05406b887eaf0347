package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// Film plays a replay without a terminal and returns the screen, with its attributes,
// at its beginning and after every step.
func Film(c Config, w, h int, step time.Duration) ([]string, error) {
	now := time.Now()
	c.now = func() time.Time { return now }
	m, err := New(c)
	if err != nil {
		return nil, err
	}
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	frames := []string{m.View()}
	for !m.player.ended() {
		now = now.Add(step)
		m.play(step)
		m.refresh()
		frames = append(frames, m.View())
	}
	return frames, nil
}
