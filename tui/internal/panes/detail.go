package panes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Subject is what the detail pane is about: a unit, a daemon or a build.
type Subject struct {
	Unit   string // ID
	Daemon string // name
	Build  string // id
}

// Facts is what was asked about a unit.
type Facts struct {
	Explain ipc.ExplainReply
	Inputs  []string // files that it read when it was last made
	Err     string
}

// Detail tells all that is known of one thing.
type Detail struct {
	Subject Subject
	Unit    *state.Unit // of Subject.Unit, as it was selected
	Facts   Facts

	offset int
	lines  int
	ui     uint64
	told   told
}

// told is what content returned, and what from.
type told struct {
	rev uint64
	p   *paint.Painter
	w   int
	content
}

// content is all lines but for the unit's history, which stands between two parts and
// is as long as there is room.
type content struct {
	title         string
	before, after []rich
}

// Show changes the subject.
func (d *Detail) Show(s Subject, u *state.Unit) {
	if d.Subject == s && d.Unit == u {
		return
	}
	if d.Subject != s {
		d.offset, d.Facts = 0, Facts{}
	}
	d.Subject, d.Unit = s, u
	d.ui++
}

// SetFacts takes an answer in, if it is still asked for.
func (d *Detail) SetFacts(unit string, f Facts) {
	if d.Subject.Unit == unit {
		d.Facts = f
		d.ui++
	}
}

// Rev implements [Pane].
func (d *Detail) Rev(c *Context) uint64 {
	rev := d.ui + c.S.Rev(state.Builds, state.Daemons, state.Dirty, state.Clock)
	if d.Subject.Daemon != "" {
		rev += c.Log.Rev()
	}
	return rev
}

// Move implements [Pane].
func (d *Detail) Move(_ *Context, n int) {
	d.offset = max(0, min(d.offset+n, d.lines-1))
	d.ui++
}

// Click implements [Pane].
func (d *Detail) Click(*Context, int) bool { return false }

// Copy implements [Pane]: the command line of a unit, what is most wanted from here.
func (d *Detail) Copy(c *Context) string {
	if d.Unit == nil {
		return d.Subject.Daemon + d.Subject.Build
	}
	if cmd := c.S.Command(d.Unit); len(cmd) > 0 {
		return Shell(cmd)
	}
	return d.Unit.Name
}

// span is a piece of a line; rich a line.
type (
	span struct {
		role paint.Role
		text string
	}
	rich []span
)

// Render implements [Pane].
func (d *Detail) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	title, lines := d.text(c, iw-2, ih)
	d.lines = len(lines)
	d.offset = max(0, min(d.offset, len(lines)-ih))
	body := make([]string, 0, ih)
	for i := d.offset; i < min(len(lines), d.offset+ih); i++ {
		l := c.P.Line(iw).Skip(1)
		for _, s := range lines[i] {
			l.Put(s.role, s.text)
		}
		body = append(body, l.String())
	}
	f := widgets.Frame{Number: "6", Title: "Detail"}
	if title != "" {
		f.Notes = []widgets.Note{note(paint.Text, c.P.Tail(title, max(8, w-24)))}
	}
	if len(lines) > ih && ih > 0 {
		f.Corner = fmt.Sprintf("%d-%d/%d", d.offset+1, min(len(lines), d.offset+ih), len(lines))
	}
	return box(c, f, w, h, focused, body)
}

// Want is how many rows of that width the pane could use, its border included.
func (d *Detail) Want(c *Context, w int) int {
	_, lines := d.text(c, w-4, 0)
	return len(lines) + 2
}

// text is the title and the lines, with as much of the history as h has room for.
func (d *Detail) text(c *Context, w, h int) (string, []rich) {
	t := &d.told
	if rev := d.Rev(c); t.rev != rev || t.p != c.P || t.w != w {
		*t = told{rev, c.P, w, d.content(c, w)}
	}
	if d.Unit == nil {
		return t.title, t.before
	}
	past := max(usualHistory, h-len(t.before)-len(t.after)-1)
	return t.title, slices.Concat(t.before, d.history(c, d.Unit, w, past), t.after)
}

func (d *Detail) content(c *Context, w int) content {
	switch {
	case d.Unit != nil:
		return d.unit(c, d.Unit, w)
	case d.Subject.Daemon != "":
		if s := c.S.Daemon(d.Subject.Daemon); s != nil {
			return content{s.Name, daemonLines(c, s, w), nil}
		}
	case d.Subject.Build != "":
		if b := c.S.Build(d.Subject.Build); b != nil && b.ID == d.Subject.Build {
			return content{"build " + state.Short(b.ID), buildLines(c, b, w), nil}
		}
	}
	return content{"", wrapped("select a file, a daemon or a build: everything about it is told here", w, paint.Dim), nil}
}

// pair is a label with its value.
func pair(label, value string, role paint.Role) rich {
	return rich{{paint.Dim, fmt.Sprintf("%-11s", label)}, {role, value}}
}

// usualHistory is how many times that a unit was made are told, more where there is
// room.
const usualHistory = 5

func (d *Detail) unit(c *Context, u *state.Unit, w int) content {
	sign, word, role := unitSign(c.P, u)
	lines := headLines(rich{{role, sign + " " + word}}, u.Reason.Text, w)
	if u.Reason.Old != "" || u.Reason.New != "" {
		lines = append(lines, pair("was", short(u.Reason.Old), paint.Text), pair("is", short(u.Reason.New), paint.Strong))
	}
	if u.Status == ipc.StatusFailed { // what the compiler said is all that counts now
		lines = append(lines, diagnosticLines(u, w)...)
	}
	before := append(lines, costLines(c, u)...)
	lines = nil
	if u.Status != ipc.StatusFailed {
		lines = append(lines, diagnosticLines(u, w)...)
	}
	if cmd := c.S.Command(u); len(cmd) > 0 {
		lines = append(lines, section("command"))
		for _, piece := range wrapShell(cmd, w) {
			lines = append(lines, rich{{paint.Text, piece}})
		}
	}
	for _, n := range d.Facts.Explain.Dirty {
		for _, cause := range n.Causes {
			lines = append(lines, rich{{paint.Warn, c.P.Dirty + " "}, {paint.Text, words.Cause(cause).Text}})
		}
	}
	lines = append(lines, d.dependents(c)...)
	lines = append(lines, sameCause(c, u)...)
	if d.Facts.Err != "" {
		lines = append(lines, wrapped(d.Facts.Err, w, paint.Dim)...)
	}
	return content{u.Name, before, lines}
}

// headLines is what a unit's state is and why, beside it or, where it is long, beneath.
func headLines(head rich, why string, w int) []rich {
	why = paint.Clean(why)
	if why == "" || paint.Width(head[0].text)+2+paint.Width(why) <= w {
		return []rich{append(head, span{paint.Text, "  " + why})}
	}
	return append([]rich{head}, wrapped(why, w, paint.Text)...)
}

// wrapped is a text in as many lines as it needs.
func wrapped(text string, w int, role paint.Role) (lines []rich) {
	for _, piece := range widgets.WrapWords(text, w) {
		lines = append(lines, rich{{role, piece}})
	}
	return lines
}

// sameCause is what else of the build was made for the same reason, the first of it.
func sameCause(c *Context, u *state.Unit) []rich {
	const most = 20
	b := c.S.Current
	if b == nil || u.Build != b.ID || u.Reason.Path == "" {
		return nil
	}
	same := b.SameCause(u)
	if len(same) < 2 {
		return nil
	}
	lines := []rich{{{paint.Dim, "for the same reason "}, {paint.Text, widgets.Count(int64(len(same) - 1))}}}
	for _, place := range same[:min(len(same), most+1)] {
		if o := b.Units[place]; o.ID != u.ID {
			sign, _, role := unitSign(c.P, o)
			lines = append(lines, rich{{role, "  " + sign + " "}, {paint.Text, fmt.Sprintf("%6s ", amount(o.Seconds, widgets.Seconds))}, {paint.Text, o.Name}})
		}
	}
	return lines
}

// short cuts a digest to what a person compares.
func short(value string) string {
	if len(value) == 64 && strings.Trim(value, "0123456789abcdef") == "" {
		return value[:12]
	}
	return value
}

func section(title string) rich { return rich{{paint.Dim, title}} }

func costLines(c *Context, u *state.Unit) []rich {
	var cost rich
	add := func(label, value string) {
		if value != "" {
			if len(cost) > 0 {
				label = "  " + label
			}
			cost = append(cost, span{paint.Dim, label + " "}, span{paint.Text, value})
		}
	}
	if u.Status == state.StatusRunning {
		add("for", widgets.Seconds(c.S.Clock().Sub(u.Started).Seconds()))
	}
	add("wall", amount(u.Seconds, widgets.Seconds))
	add("cpu", amount(u.CPU, widgets.Seconds))
	add("peak", amount(u.Peak, widgets.Bytes))
	add("size", amount(u.Bytes, widgets.Bytes))
	add("saved", amount(u.Saved, widgets.Seconds))
	if u.Exit != 0 {
		add("exit", fmt.Sprint(u.Exit))
	}
	var where rich
	if u.Target != "" {
		where = rich{{paint.Dim, "target "}, {paint.Text, u.Target}, {paint.Dim, "  "}}
	}
	if u.Build == "" {
		where = append(where, span{paint.Dim, "no compile in this session"})
	} else {
		where = append(where, span{paint.Dim, "build "}, span{paint.Text, state.Short(u.Build)})
	}
	if len(cost) == 0 {
		return []rich{where}
	}
	return []rich{cost, where}
}

// history is the unit's own past: a sparkline and the last times with their reasons.
func (d *Detail) history(c *Context, u *state.Unit, w, past int) []rich {
	samples := c.S.Samples(u.ID)
	if len(samples) == 0 {
		return nil
	}
	var cost []float64
	for _, s := range samples {
		if s.Status == ipc.StatusCompiled || s.Status == ipc.StatusFailed {
			cost = append(cost, s.Seconds)
		}
	}
	l := rich{{paint.Dim, "history "}}
	if len(cost) > 0 {
		sorted := slices.Sorted(slices.Values(cost))
		l = append(l, span{paint.Busy, sparkText(c.P, cost, min(30, max(4, w-40)))})
		l = append(l, span{paint.Dim, " usual "}, span{paint.Text, widgets.Seconds(sorted[len(sorted)/2])},
			span{paint.Dim, " worst "}, span{paint.Text, widgets.Seconds(sorted[len(sorted)-1])})
	}
	lines := []rich{l}
	for i := len(samples) - 1; i >= max(0, len(samples)-past); i-- {
		s := samples[i]
		_, word, role := unitSign(c.P, &state.Unit{Status: s.Status, Kind: u.Kind})
		lines = append(lines, rich{
			{paint.Dim, "  " + when(c, s.Time) + " "}, {role, fmt.Sprintf("%-8s", word)},
			{paint.Text, fmt.Sprintf(" %6s ", widgets.Seconds(s.Seconds))}, {paint.Dim, s.Reason.Text},
		})
	}
	return lines
}

// when is a time of day, with the date if it is not of the last hours.
func when(c *Context, t time.Time) string {
	if c.S.Now.Sub(t) > 20*time.Hour {
		return t.In(c.Loc).Format("Jan _2 15:04")
	}
	return t.In(c.Loc).Format("15:04:05")
}

func sparkText(p *paint.Painter, values []float64, w int) string {
	values = values[max(0, len(values)-w):]
	top := slices.Max(values)
	var b strings.Builder
	for _, v := range values {
		i := 0
		if top > 0 {
			i = min(int(v/top*float64(len(p.Spark)-1)+0.5), len(p.Spark)-1)
		}
		b.WriteString(p.Spark[max(0, i)])
	}
	return b.String()
}

// diagnosticLines is what the compiler said, wrapped, errors and warnings in their
// colours.
func diagnosticLines(u *state.Unit, w int) []rich {
	all := paint.Lines(u.Diagnostics)
	if len(all) == 0 {
		return nil
	}
	lines := []rich{section("compiler says")}
	for _, text := range all {
		role := paint.Text
		switch {
		case strings.Contains(text, "error:"):
			role = paint.Bad
		case strings.Contains(text, "warning:"):
			role = paint.Warn
		case strings.Contains(text, "note:"):
			role = paint.Busy
		}
		wrap := paint.Wrap
		if role != paint.Text { // a sentence, not code with marks beneath it
			wrap = widgets.WrapWords
		}
		for _, piece := range wrap(text, w) {
			lines = append(lines, rich{{role, piece}})
		}
	}
	return lines
}

func (d *Detail) dependents(c *Context) []rich {
	e := d.Facts.Explain
	var lines []rich
	list := func(title string, names []string) {
		if len(names) == 0 {
			return
		}
		lines = append(lines, rich{{paint.Dim, title + " "}, {paint.Text, widgets.Count(int64(len(names)))}})
		for _, name := range names {
			lines = append(lines, rich{{paint.Text, "  " + name}})
		}
	}
	if len(d.Facts.Inputs) > 0 {
		var own []string
		system := 0
		for _, in := range d.Facts.Inputs {
			if strings.HasPrefix(in, "/") {
				system++
			} else {
				own = append(own, in)
			}
		}
		list("inputs of the project", own)
		if system > 0 {
			lines = append(lines, rich{{paint.Dim, "inputs elsewhere "}, {paint.Text, widgets.Count(int64(system))}})
		}
	}
	list("read by", nodeNames(e.Dependents))
	return lines
}

// nodeNames are nodes as a person calls them.
func nodeNames(ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = words.Node(id)
	}
	return names
}

func daemonLines(c *Context, s *state.Daemon, w int) []rich {
	sign, role := daemonSign(c.P, s)
	lines := []rich{{{role, sign + " " + daemonWord(s)}}}
	if s.LastError != "" {
		for i, piece := range widgets.WrapWords(paint.Clean(s.LastError), max(10, w-11)) {
			label := ""
			if i == 0 {
				label = "last error"
			}
			lines = append(lines, pair(label, piece, paint.Bad))
		}
	}
	if !s.Died.IsZero() {
		lines = append(lines, pair("crashed", widgets.Age(c.S.Now.Sub(s.Died))+" ago, at "+when(c, s.Died), paint.Text))
	}
	if s.PID != 0 && s.State != ipc.StateCrashed {
		lines = append(lines, pair("pid", fmt.Sprint(s.PID), paint.Text), pair("port", fmt.Sprint(s.Port), paint.Text))
	}
	if !s.Since.IsZero() {
		lines = append(lines, pair("up", widgets.Age(c.S.Now.Sub(s.Since))+" since "+when(c, s.Since), paint.Text))
	}
	lines = append(lines, pair("restarts", fmt.Sprint(s.Restarts), paint.Text))
	if s.LastCrash != "" && s.State != ipc.StateCrashed {
		lines = append(lines, pair("last crash", s.LastCrash, paint.Warn))
	}
	if s.DaemonStatus.RSS > 0 {
		lines = append(lines, pair("memory", widgets.Bytes(s.DaemonStatus.RSS), paint.Text),
			rich{{paint.Dim, "trend      "}, {paint.Busy, sparkText(c.P, level(s.RSS, min(40, max(4, w-12))), 40)}})
	}
	if s.Requests > 0 {
		lines = append(lines, pair("requests", widgets.Count(int64(s.Requests)), paint.Text))
	}
	lines = append(lines, rich{{paint.Dim, duty[s.Name]}})
	return append(lines, lastWords(c, s.Name)...)
}

// lastWords are the last lines of a daemon's log, the newest first: what a daemon that
// crashed had to say.
func lastWords(c *Context, daemon string) []rich {
	const most, lookBack = 20, 2000
	lines := []rich{section("last log lines")}
	for n, seen := c.Log.Next(), 0; seen < lookBack && len(lines) <= most; seen++ {
		n--
		l, ok := c.Log.At(n)
		if !ok {
			break
		}
		if l.Source == daemon {
			lines = append(lines, rich{{paint.Dim, "  " + when(c, l.Time) + " "}, {levelRole(l.Level), l.Level.String() + " "}, {paint.Text, l.Text}})
		}
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}

// duty says what a daemon is for.
var duty = map[string]string{
	ipc.NameDiscovery:    "knows which files changed",
	ipc.NameSetup:        "knows how each file is compiled",
	ipc.NameCompilation:  "compiles, and never the same thing twice",
	ipc.NameOrchestrator: "decides what runs when; the dashboard listens to it",
}

func buildLines(c *Context, b *state.Build, w int) []rich {
	sign, word, role := buildSign(c, b)
	lines := []rich{{{role, sign + " " + word}, {paint.Text, "  " + widgets.Seconds(b.Elapsed(c.S.Clock()).Seconds())}, {paint.Dim, "  by " + b.Trigger}}}
	role = paint.Text
	if b.Finished && !b.OK {
		role = paint.Bad
	}
	for _, text := range paint.Lines(b.Detail) {
		lines = append(lines, wrapped(text, w, role)...)
	}
	lines = append(lines, pair("id", b.ID, paint.Text), pair("started", when(c, b.Started), paint.Text))
	if counts := words.Outcome(b.Counts, b.Hits()); counts != "" {
		for i, text := range widgets.WrapWords(counts, max(10, w-11)) {
			label := ""
			if i == 0 {
				label = "units"
			}
			lines = append(lines, pair(label, text, paint.Text))
		}
	}
	slow := slowestOf(b.Units)
	if len(slow) > 0 {
		lines = append(lines, section("slowest"))
	}
	for _, u := range slow {
		_, _, role := unitSign(c.P, u)
		lines = append(lines, rich{{role, fmt.Sprintf("  %6s ", widgets.Seconds(u.Seconds))}, {paint.Text, u.Name}, {paint.Dim, "  " + u.Reason.Text}})
	}
	return append(lines, rich{{paint.Key, "enter"}, {paint.Dim, " lists its files"}})
}

// slowestOf are the units that took longest, the slowest first.
func slowestOf(units []*state.Unit) []*state.Unit {
	var top []*state.Unit
	for _, u := range units {
		if len(top) == slowest && u.Seconds <= top[slowest-1].Seconds {
			continue
		}
		at := len(top)
		for at > 0 && u.Seconds > top[at-1].Seconds {
			at--
		}
		top = slices.Insert(top, at, u)
		top = top[:min(len(top), slowest)]
	}
	return top
}

// Shell writes a command line as it could be typed.
func Shell(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

func quote(a string) string {
	if a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%") == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}

// wrapShell breaks a command line between its arguments.
func wrapShell(args []string, w int) []string {
	var lines []string
	line := ""
	for _, a := range args {
		a = paint.Clean(quote(a))
		if line != "" && paint.Width(line)+1+paint.Width(a) > w {
			lines, line = append(lines, line), "  "
		}
		if line != "" && line != "  " {
			line += " "
		}
		line += a
	}
	var out []string
	for _, l := range append(lines, line) {
		out = append(out, paint.Wrap(l, max(w, 1))...)
	}
	return out
}
