package tui

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// clearCache asks for the numbers first, then whether that is to go.
func (m *Model) clearCache() effect { return m.askCache(true) }

func (m *Model) cacheAnswered(msg cacheMsg) {
	if msg.err != nil {
		if msg.ask {
			m.say(problem("cache", msg.err))
		}
		return
	}
	m.state.SetCache(msg.stats)
	if !msg.ask {
		return
	}
	if msg.stats.Entries == 0 {
		m.say(toast{text: clearedWords(0, 0), idle: true})
		return
	}
	p := m.cfg.Project
	m.overlay = &question{
		title: "Clear the cache?",
		text: []string{
			"This removes " + clearedWords(msg.stats.Bytes, msg.stats.Entries) + ".",
			"The next build compiles what is not up to date. u undoes it for 10 seconds.",
		},
		yes: "clear it",
		do: func(*Model) effect {
			return ask(askLimit, func(ctx context.Context) tea.Msg {
				reply, err := p.ClearCache(ctx)
				return clearedMsg{reply, err}
			})
		},
	}
}

func (m *Model) cleared(msg clearedMsg) effect {
	if msg.err != nil {
		m.say(problem("clear cache", msg.err))
		return nil
	}
	m.toast = toast{}
	m.undo = &undo{
		token: msg.reply.Token, what: "cleared " + clearedWords(msg.reply.Bytes, msg.reply.Entries),
		until: m.cfg.now().Add(time.Duration(msg.reply.UndoSeconds * float64(time.Second))),
	}
	return m.askCache(false)
}

func (m *Model) undoClear() effect {
	p, token := m.cfg.Project, ""
	if m.undo != nil {
		token = m.undo.token
	}
	m.undo = nil
	return ask(askLimit, func(ctx context.Context) tea.Msg {
		reply, err := p.RestoreCache(ctx, token)
		return restoredMsg{reply, err}
	})
}

func (m *Model) restored(msg restoredMsg) effect {
	if msg.err != nil {
		m.say(problem("undo", msg.err))
		return nil
	}
	m.say(toast{text: "restored " + clearedWords(msg.reply.Bytes, msg.reply.Entries)})
	return m.askCache(false)
}

// clearedWords is what clearing takes away or took away.
func clearedWords(bytes, entries int64) string {
	if entries == 0 {
		return words.Cleared(widgets.Bytes(bytes), 0)
	}
	return fmt.Sprintf("%s, %s", widgets.Bytes(bytes), widgets.Plural(entries, "object"))
}
