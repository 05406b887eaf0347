package panes

import (
	"fmt"
	"slices"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

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
