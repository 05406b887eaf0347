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

// usualHistory is how many lines of history a unit has at the least; more if there is
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
	return content{c.S.Shown(u.Name), before, lines}
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
			lines = append(lines, rich{{role, "  " + sign + " "}, {paint.Text, fmt.Sprintf("%6s ", amount(o.Seconds, widgets.Seconds))}, {paint.Text, c.S.Shown(o.Name)}})
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
