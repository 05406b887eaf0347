package panes

import (
	"fmt"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Log shows the daemons' logs together, filtered and followed. Every setting stays
// as it is when another one changes.
type Log struct {
	Ring   *logring.Ring
	Follow bool
	Wrap   bool
	Times  bool

	ui     uint64
	cursor uint64 // number of the line under the cursor
	bottom uint64 // number of the lowest line in sight
	drawn  []uint64
}

// NewLog makes the pane with its usual settings.
func NewLog(limit int) *Log { return &Log{Ring: logring.New(limit), Follow: true, Times: true} }

// Sources are the tabs: all, each daemon, and what happened as the dashboard saw it.
func Sources() []string { return append(append([]string{""}, ipc.DaemonNames()...), SourceEvents) }

// SourceEvents is the source of lines made from events.
const SourceEvents = "event"

// Rev implements [Pane].
func (g *Log) Rev(*Context) uint64 { return g.ui + g.Ring.Rev() }

// Changed must be called after a field was set.
func (g *Log) Changed() { g.ui++ }

// NextSource steps through the tabs.
func (g *Log) NextSource(step int) {
	all, f := Sources(), g.Ring.Filter()
	for i, s := range all {
		if s == f.Source {
			g.SetSource(all[(i+step+len(all))%len(all)])
			return
		}
	}
}

// SetSource chooses a tab.
func (g *Log) SetSource(source string) {
	f := g.Ring.Filter()
	f.Source = source
	g.set(f)
}

// NextLevel steps through the least levels.
func (g *Log) NextLevel() {
	f := g.Ring.Filter()
	f.Level = (f.Level + 1) % (logring.Error + 1)
	g.set(f)
}

// SetText filters by text.
func (g *Log) SetText(text string) {
	f := g.Ring.Filter()
	f.Text = text
	g.set(f)
}

func (g *Log) set(f logring.Filter) {
	g.Ring.SetFilter(f)
	g.ui++
}

// Move implements [Pane]. Going up stops following, going to the end starts it.
func (g *Log) Move(_ *Context, n int) {
	count := g.Ring.Matches()
	if count == 0 {
		return
	}
	at := g.position() + n
	g.Follow = at >= count-1 && n > 0
	g.cursor, _ = g.Ring.Match(max(0, min(at, count-1)))
	g.ui++
}

// position is the place of the cursor among the lines found.
func (g *Log) position() int {
	if g.Follow {
		return g.Ring.Matches() - 1
	}
	return min(g.Ring.Find(g.cursor), g.Ring.Matches()-1)
}

// Jump goes to the next (1) or the last (-1) line that is marked or an error.
func (g *Log) Jump(step int) bool {
	for i := g.position() + step; i >= 0 && i < g.Ring.Matches(); i += step {
		n, l := g.Ring.Match(i)
		if l != nil && (l.Marked || l.Level == logring.Error || g.Ring.Filter().Text != "") {
			g.cursor, g.Follow = n, false
			g.ui++
			return true
		}
	}
	return false
}

// Mark marks the line under the cursor.
func (g *Log) Mark() {
	if n, l := g.Ring.Match(g.position()); l != nil {
		g.Ring.Mark(n)
	}
}

// Hold puts the cursor on the last line, where following was given up.
func (g *Log) Hold() { g.cursor, _ = g.Ring.Match(g.Ring.Matches() - 1) }

// Click implements [Pane].
func (g *Log) Click(_ *Context, y int) bool {
	if y < 1 || y-1 >= len(g.drawn) {
		return false
	}
	g.cursor, g.Follow = g.drawn[y-1], false
	g.ui++
	return true
}

// Copy implements [Pane].
func (g *Log) Copy(c *Context) string {
	_, l := g.Ring.Match(g.position())
	if l == nil {
		return ""
	}
	return PlainLine(l, c.Loc)
}

// PlainLine is a line as it is saved, copied and streamed.
func PlainLine(l *logring.Line, loc *time.Location) string {
	return fmt.Sprintf("%s %s %-12s %s", l.Time.In(loc).Format("15:04:05.000"), l.Level, l.Source, l.Text)
}

// Render implements [Pane].
func (g *Log) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	at := g.position()
	low := g.lowest(at, ih, iw)
	var blocks [][]string
	var numbers []uint64
	for i, rows := low, 0; i >= 0 && rows < ih; i-- {
		n, line := g.Ring.Match(i)
		if line == nil {
			break
		}
		block := g.block(c, line, iw, focused && i == at, focused)
		if over := rows + len(block) - ih; over > 0 {
			block = block[over:]
		}
		rows += len(block)
		blocks, numbers = append(blocks, block), append(numbers, n)
	}
	body := make([]string, 0, ih)
	g.drawn = g.drawn[:0]
	for i := len(blocks) - 1; i >= 0; i-- {
		for _, text := range blocks[i] {
			body, g.drawn = append(body, text), append(g.drawn, numbers[i])
		}
	}
	if len(body) == 0 && ih > 0 {
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Dim, g.empty()).String())
	}
	return box(c, g.frame(), w, h, focused, body)
}

func (g *Log) empty() string {
	if g.Ring.Len() > 0 {
		return fmt.Sprintf("none of %s matches", widgets.Plural(int64(g.Ring.Len()), "line"))
	}
	return "no line yet: daemons write here what they do"
}

// lowest is the place of the line at the bottom, so that the cursor is in sight.
func (g *Log) lowest(at, height, width int) int {
	last := g.Ring.Matches() - 1
	if g.Follow || last < height && !g.Wrap {
		g.bottom, _ = g.Ring.Match(last)
		return last
	}
	low := min(g.Ring.Find(g.bottom), last)
	if at > low {
		low = at
	}
	for low > at && g.rows(at, low, width, height) > height {
		low -= max(1, (low-at-height)/2)
	}
	if !g.Wrap {
		low = min(max(low, height-1), last)
	}
	g.bottom, _ = g.Ring.Match(low)
	return low
}

// rows counts the rows of the lines from..to, as far as limit.
func (g *Log) rows(from, to, width, limit int) int {
	if !g.Wrap {
		return to - from + 1
	}
	rows := 0
	for i := to; i >= from && rows <= limit; i-- {
		_, line := g.Ring.Match(i)
		rows += g.height(line, width)
	}
	return rows
}

func (g *Log) height(l *logring.Line, width int) int {
	if !g.Wrap || l == nil {
		return 1
	}
	return len(widgets.WrapWords(l.Text, max(1, width-g.prefix())))
}

// prefix is how many cells stand in front of the text.
func (g *Log) prefix() int {
	n := 2 + 6
	if g.Times {
		n += 9
	}
	if g.Ring.Filter().Source == "" {
		n += 13
	}
	return n
}

func (g *Log) block(c *Context, line *logring.Line, w int, selected, focused bool) []string {
	l := g.start(c, line, w, selected, focused)
	if !g.Wrap {
		g.text(l, line, line.Text)
		return []string{l.String()}
	}
	var out []string
	for i, piece := range widgets.WrapWords(line.Text, max(1, w-g.prefix())) {
		if i > 0 {
			l = c.P.Row(w, selected, focused).To(g.prefix())
		}
		g.text(l, line, piece)
		out = append(out, l.String())
	}
	return out
}

func (g *Log) start(c *Context, line *logring.Line, w int, selected, focused bool) *paint.Line {
	l := c.P.Row(w, selected, focused)
	if line.Marked {
		l.Put(paint.Match, c.P.Mark)
	} else {
		l.Skip(1)
	}
	if g.Times {
		l.Put(paint.Dim, line.Time.In(c.Loc).Format("15:04:05")).Skip(1)
	}
	l.Put(levelRole(line.Level), line.Level.String()).Skip(1)
	if g.Ring.Filter().Source == "" {
		l.Cell(paint.Busy, line.Source, 12).Skip(1)
	}
	return l
}

// text paints the message, and what the filter looks for so that it can be seen.
func (g *Log) text(l *paint.Line, line *logring.Line, text string) {
	role := paint.Text
	switch line.Level {
	case logring.Error:
		role = paint.Bad
	case logring.Warn:
		role = paint.Warn
	}
	words := strings.Fields(strings.ToLower(g.Ring.Filter().Text))
	for text != "" && l.Left() > 0 {
		from, to := firstMatch(text, words)
		if from < 0 {
			break
		}
		l.Put(role, text[:from]).Put(paint.Match, text[from:to])
		text = text[to:]
	}
	l.Put(role, text)
}

func firstMatch(text string, words []string) (from, to int) {
	lower := text
	from = -1
	for _, w := range words {
		if w[0] == '!' {
			continue
		}
		for i := 0; i+len(w) <= len(lower); i++ {
			if strings.EqualFold(lower[i:i+len(w)], w) && (from < 0 || i < from) {
				from, to = i, i+len(w)
				break
			}
		}
	}
	return from, to
}

func levelRole(l logring.Level) paint.Role {
	switch l {
	case logring.Error:
		return paint.Bad
	case logring.Warn:
		return paint.Warn
	case logring.Info:
		return paint.Good
	}
	return paint.Dim
}

func (g *Log) frame() widgets.Frame {
	f := g.Ring.Filter()
	title := "Log"
	if f.Source != "" {
		title += ": " + f.Source
	}
	fr := widgets.Frame{Number: "5", Title: title}
	if f.Text != "" {
		fr.Notes = append(fr.Notes, note(paint.Match, fmt.Sprintf("/%s (%s)", f.Text, widgets.Count(int64(g.Ring.Matches())))))
	}
	if g.Follow {
		fr.Notes = append(fr.Notes, note(paint.Good, "follow"))
	} else {
		fr.Notes = append(fr.Notes, note(paint.Warn, "held"))
	}
	if g.Wrap {
		fr.Notes = append(fr.Notes, note(paint.Text, "wrap"))
	}
	if f.Level > logring.Debug {
		fr.Notes = append(fr.Notes, note(paint.Warn, strings.ToLower(strings.TrimSpace(f.Level.String()))+" and up"))
	}
	if n := g.Ring.Matches(); n > 0 {
		fr.Corner = fmt.Sprintf("%s/%s", widgets.Count(int64(g.position()+1)), widgets.Count(int64(n)))
	}
	return fr
}
