package panes

import (
	"fmt"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// span is a piece of a line; rich a line.
type (
	span struct {
		role paint.Role
		text string
	}
	rich []span
)

// pair is a label with its value.
func pair(label, value string, role paint.Role) rich {
	return rich{{paint.Dim, fmt.Sprintf("%-11s", label)}, {role, value}}
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

func section(title string) rich { return rich{{paint.Dim, title}} }
