package tui

import (
	"encoding/json"
	"os"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/tui/internal/panes"
)

// remembered is the state file: what the user chose the last time.
type remembered struct {
	Sort string `json:"sort"`
	Up   bool   `json:"up"`
}

// recall reads the state file. One that is missing or damaged means the defaults.
func (m *Model) recall() {
	text, err := os.ReadFile(m.cfg.Memory)
	var r remembered
	if err != nil || json.Unmarshal(text, &r) != nil {
		return
	}
	if by, known := panes.SortNamed(r.Sort); known {
		m.files.Sort, m.files.Up = by, r.Up
	}
}

// remember writes the state file. Failing loses a preference, so nothing is said.
func (m *Model) remember() effect {
	path, now := m.cfg.Memory, remembered{m.files.Sort.String(), m.files.Up}
	if path == "" {
		return nil
	}
	return func() tea.Msg {
		text, err := json.Marshal(now)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			_ = os.WriteFile(path, append(text, '\n'), 0o600)
		}
		return nil
	}
}
