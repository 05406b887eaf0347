package tui

import (
	"encoding/base64"
	"strings"
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
