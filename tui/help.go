package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

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
