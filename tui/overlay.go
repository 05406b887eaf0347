package tui

import (
	"fmt"
	"sort"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// overlay is what lies over the panes and gets the keys: a question, the help, the
// palette.
type overlay interface {
	// key handles a key; keep false closes the overlay.
	key(m *Model, k tea.KeyMsg) (cmd effect, keep bool)
	// draw paints it for a screen of w×h.
	draw(m *Model, w, h int) []string
}

// question asks before something that is hard to take back.
type question struct {
	title string
	text  []string
	yes   string // what y does
	do    func(*Model) effect
}

func (q *question) key(m *Model, k tea.KeyMsg) (effect, bool) {
	switch k.String() {
	case "y", "Y":
		return q.do(m), false
	case "n", "N", "esc", "q", "ctrl+c", "enter":
		return nil, false
	}
	return nil, true
}

func (q *question) draw(m *Model, w, h int) []string {
	keys := []widgets.Note{
		{Role: paint.Key, Text: "y"}, {Role: paint.Text, Text: " " + q.yes + "    "},
		{Role: paint.Key, Text: "n"}, {Role: paint.Text, Text: " leave it"},
	}
	return fitHeight(widgets.Dialog(m.ctx.P, q.title, q.text, keys, min(64, w-4)), h)
}

func fitHeight(lines []string, h int) []string { return lines[:min(len(lines), h)] }

// helpPage is the key table.
type helpPage struct{ offset int }

func (p *helpPage) key(m *Model, k tea.KeyMsg) (effect, bool) {
	switch b, _ := m.keys.Find(k.String(), 0); b.Action {
	case "up":
		p.offset--
	case "down":
		p.offset++
	case "half_up", "page_up":
		p.offset -= 10
	case "half_down", "page_down":
		p.offset += 10
	case "top":
		p.offset = 0
	case "bottom":
		p.offset = 1 << 20
	case "help", "quit", "back":
		return nil, false
	}
	return nil, true
}

func (p *helpPage) draw(m *Model, w, h int) []string {
	bw := min(w, 100)
	lines := helpLines(m, bw-4)
	room := h - 2
	p.offset = max(0, min(p.offset, len(lines)-room))
	shown := lines[p.offset:min(len(lines), p.offset+room)]
	f := widgets.Frame{Title: "Keys", Focused: true, Notes: []widgets.Note{{Role: paint.Text, Text: "? or esc closes"}}}
	if len(lines) > room {
		f.Corner = fmt.Sprintf("%d-%d/%d", p.offset+1, p.offset+len(shown), len(lines))
	}
	return widgets.Box(m.ctx.P, f, bw, len(shown)+2, shown)
}

// helpLines is the key table by groups.
func helpLines(m *Model, w int) []string {
	var lines []string
	for i, g := range groups {
		if i > 0 {
			lines = append(lines, m.ctx.P.Line(w+2).String())
		}
		lines = append(lines, m.ctx.P.Line(w+2).Skip(1).Put(paint.Focus, g).String())
		for _, b := range m.keys.All {
			if b.Group != g {
				continue
			}
			l := m.ctx.P.Line(w+2).Skip(1).Right(paint.Key, strings.Join(b.Keys, " "), 14).Skip(2)
			role := paint.Text
			long := b.Long
			if b.In != 0 {
				long += " (" + b.In.String() + " pane)"
			}
			if why := m.whyNot(b); why != "" {
				role = paint.Dim
				long += ": not now, " + why
			}
			lines = append(lines, l.Put(role, long).String())
		}
	}
	return lines
}

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
	for _, b := range m.keys.All {
		if b.Group == groupMove {
			continue
		}
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
	return widgets.Box(m.ctx.P, f, bw, min(len(body)+2, h), body)
}

func cursorSign(p *paint.Painter) string {
	if p.ASCII {
		return "_"
	}
	return "▏"
}
