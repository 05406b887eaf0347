package tui

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

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

func fitHeight(lines []string, h int) []string { return lines[:min(len(lines), h)] }

// helpPage is the key table.
type helpPage struct {
	offset int
	search textinput.Model
	typing bool // the search is being typed
}

func newHelpPage() *helpPage { return &helpPage{search: newInput("")} }

func (p *helpPage) key(m *Model, k tea.KeyMsg) (effect, bool) {
	switch key := k.String(); {
	case p.typing && key == "enter":
		p.typing = false
		return nil, true
	case key == "esc" && p.search.Value() != "", p.typing && key == "esc":
		p.typing = false
		p.search.SetValue("")
		return nil, true
	case p.typing:
		p.search, _ = p.search.Update(k)
		p.offset = 0
		return nil, true
	case key == "/":
		p.typing = true
		return nil, true
	}
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
	lines := helpLines(m, bw-4, strings.ToLower(p.search.Value()))
	room := h - 2
	p.offset = max(0, min(p.offset, len(lines)-room))
	shown := lines[p.offset:min(len(lines), p.offset+room)]
	f := widgets.Frame{Title: "Keys", Focused: true, Notes: []widgets.Note{{Role: paint.Text, Text: "? or esc closes"}, {Role: paint.Text, Text: "/ searches"}}}
	if p.typing || p.search.Value() != "" {
		f.Notes = []widgets.Note{{Role: paint.Match, Text: "/" + p.search.Value()}, {Role: paint.Text, Text: "esc clears"}}
	}
	if len(lines) > room {
		f.Corner = fmt.Sprintf("%d-%d/%d", p.offset+1, p.offset+len(shown), len(lines))
	}
	return widgets.Box(m.ctx.P, f, bw, len(shown)+2, shown)
}

// groupsFor are the groups of the help, the one of the focused pane first.
func groupsFor(focus PaneID) []string {
	first := map[PaneID]string{
		PaneDaemons: groupSet, PaneBuild: groupBuild, PaneCache: groupBuild, PaneFiles: groupFiles, PaneLog: groupLogs, PaneDetail: groupFiles,
	}[focus]
	return append([]string{first}, slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return g == first })...)
}

// helpLines is the key table by groups, as far as it has what is searched for.
func helpLines(m *Model, w int, search string) []string {
	var lines []string
	for _, g := range groupsFor(m.arrange.Focus) {
		var keys []string
		for _, b := range m.keys.All {
			if b.Group == g && strings.Contains(strings.ToLower(b.Long+" "+string(b.Action)), search) {
				keys = append(keys, helpOf(m, b, w)...)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if len(lines) > 0 {
			lines = append(lines, m.ctx.P.Line(w+2).String())
		}
		lines = append(append(lines, m.ctx.P.Line(w+2).Skip(1).Put(paint.Focus, g).String()), keys...)
	}
	if len(lines) == 0 {
		lines = append(lines, m.ctx.P.Line(w+2).Skip(1).Put(paint.Dim, "no key does that").String())
	}
	return lines
}

// helpOf is what a key does, and why not now, in as many lines as it takes.
func helpOf(m *Model, b Binding, w int) (lines []string) {
	const keysWidth, gap = 14, 2
	add := func(keys, text string, role paint.Role) {
		for i, piece := range widgets.WrapWords(text, max(10, w-keysWidth-gap)) {
			if i > 0 {
				keys = ""
			}
			lines = append(lines, m.ctx.P.Line(w+2).Skip(1).Right(paint.Key, keys, keysWidth).Skip(gap).Put(role, piece).String())
		}
	}
	long, why, role := b.Long, m.whyNot(b), paint.Text
	if b.In != 0 {
		long += " (" + b.In.String() + " pane)"
	}
	if why != "" {
		role = paint.Dim
	}
	add(strings.Join(b.Keys, " "), long, role)
	if why != "" {
		add("", "not now: "+why, paint.Warn)
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

func cursorSign(p *paint.Painter) string {
	if p.ASCII {
		return "_"
	}
	return "▏"
}
