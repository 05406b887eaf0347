package tui

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// palette lists all commands by name, those that fit what is typed first.
type palette struct {
	input textinput.Model
	list  widgets.List
	all   []command
}

// command is an entry of the palette.
type command struct {
	name, keys, long string
	why              func(*Model) string
	do               func(*Model) effect
}

func newPalette(m *Model) *palette {
	p := &palette{input: newInput("")}
	for _, b := range paletteOrder(m.keys.All) {
		p.all = append(p.all, command{
			name: strings.ReplaceAll(string(b.Action), "_", " "), keys: strings.Join(b.Keys, " "), long: b.Long,
			why: func(m *Model) string { return m.whyNot(b) }, do: b.do,
		})
	}
	for _, name := range ipc.DaemonNames() {
		p.all = append(p.all,
			command{name: "logs " + name, long: "the log of the " + name + " daemon", do: func(m *Model) effect { return m.logsOf(name) }},
			command{name: "restart " + name, long: "restart the " + name + " daemon", why: (*Model).whyLive, do: func(m *Model) effect { return m.restartNamed(name) }},
		)
	}
	for _, name := range paint.ThemeNames() {
		p.all = append(p.all, command{name: "theme " + name, long: "the " + name + " theme", do: func(m *Model) effect {
			m.setTheme(paint.Themes()[name])
			return nil
		}})
	}
	return p
}

// paletteOrder is the key table as the palette lists it: what is done most often
// first, and without what only moves the cursor.
func paletteOrder(all []Binding) []Binding {
	place := func(b Binding) int {
		switch {
		case b.Action == "build":
			return 0
		case b.Action == "restart":
			return 1
		case b.Group == groupBuild:
			return 2
		case b.Group == groupSet:
			return 3
		}
		return 4
	}
	list := slices.DeleteFunc(slices.Clone(all), func(b Binding) bool { return b.Group == groupMove })
	slices.SortStableFunc(list, func(a, b Binding) int { return cmp.Compare(place(a), place(b)) })
	return list
}

// found are the commands that fit, the best first.
func (p *palette) found() []command {
	typed := strings.ToLower(strings.TrimSpace(p.input.Value()))
	type scored struct {
		command
		score int
	}
	var fits []scored
	for _, c := range p.all {
		if s := fitScore(c.name, typed); s >= 0 {
			fits = append(fits, scored{c, s})
		} else if strings.Contains(c.long, typed) {
			fits = append(fits, scored{c, 1000})
		}
	}
	sort.SliceStable(fits, func(i, j int) bool { return fits[i].score < fits[j].score })
	out := make([]command, len(fits))
	for i, f := range fits {
		out[i] = f.command
	}
	return out
}

// fitScore is how well typed abbreviates name: 0 = it is its beginning, negative = not
// at all.
func fitScore(name, typed string) int {
	if i := strings.Index(name, typed); i >= 0 {
		return i
	}
	score, at := 50, 0
	for _, r := range typed {
		i := strings.IndexRune(name[at:], r)
		if i < 0 {
			return -1
		}
		score += i
		at += i + 1
	}
	return score
}

func (p *palette) key(m *Model, k tea.KeyMsg) (effect, bool) {
	found := p.found()
	switch k.String() {
	case "esc", "ctrl+c":
		return nil, false
	case "up", "ctrl+p", "shift+tab":
		p.list.Move(-1, len(found))
		return nil, true
	case "down", "ctrl+n", "tab":
		p.list.Move(1, len(found))
		return nil, true
	case "enter":
		if p.list.Cursor >= len(found) {
			return nil, true
		}
		c := found[p.list.Cursor]
		if c.why != nil {
			if why := c.why(m); why != "" {
				m.say(toast{text: c.name + ": " + why, idle: true})
				return nil, false
			}
		}
		m.overlay = nil // the command may open another
		return c.do(m), m.overlay != nil
	}
	p.input, _ = p.input.Update(k)
	p.list = widgets.List{}
	return nil, true
}

func (p *palette) draw(m *Model, w, h int) []string {
	bw := min(w-4, 76)
	room := min(14, h-5)
	found := p.found()
	p.list.Fit(len(found), room)
	l := m.ctx.P.Line(bw-2).Skip(1).Put(paint.Key, ": ")
	putInput(l, p.input, cursorSign(m.ctx.P))
	body := []string{l.String()}
	for i := p.list.Offset; i < min(len(found), p.list.Offset+room); i++ {
		c := found[i]
		role := paint.Text
		if c.why != nil && c.why(m) != "" {
			role = paint.Dim
		}
		row := m.ctx.P.Row(bw-2, i == p.list.Cursor, true).Cell(role, c.name, 20).Skip(1)
		row.Cell(paint.Key, c.keys, 10).Skip(1).Put(paint.Dim, c.long)
		body = append(body, row.String())
	}
	if len(found) == 0 {
		body = append(body, m.ctx.P.Line(bw-2).Skip(1).Put(paint.Dim, "no command is called that").String())
	}
	f := widgets.Frame{Title: "Commands", Focused: true, Corner: fmt.Sprintf("%d", len(found))}
	return widgets.Box(m.ctx.P, f, bw, min(room+3, h), body) // of one height, so that it stays in place
}
