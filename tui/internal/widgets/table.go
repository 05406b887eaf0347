package widgets

import "github.com/RepliBuild/replibuild/tui/internal/paint"

// Column is a column of a table. If there is no room for all, the least important columns
// are left out. Cells that are left over go to columns with Grow.
type Column struct {
	Title string
	Width int  // cells that it takes at least
	Pref  int  // cells that it gets before a less wanted column gets any
	Max   int  // cells that it may grow to; 0 = Width
	Want  int  // the higher, the longer it stays; 9 = always
	Right bool // numbers
	Tail  bool // cut from the left: paths
}

// Cell is the content of one column in one row. Draw, if set, paints instead of
// Text, exactly w cells.
type Cell struct {
	Role paint.Role
	Text string
	Draw func(l *paint.Line, w int)
}

// Fit chooses the columns for a width and returns their widths; 0 = left out. One
// blank stands between two columns.
func Fit(columns []Column, width int) []int {
	widths := make([]int, len(columns))
	used := -1
	admit := func(from, to int) {
		for want := from; want >= to; want-- {
			for i, c := range columns {
				if c.Want == want && c.Width > 0 && (used+1+c.Width <= width || want == 9 && used < 0) {
					widths[i] = min(c.Width, width)
					used += 1 + widths[i]
				}
			}
		}
	}
	admit(9, wanted)
	used += grow(widths, width-used, func(i int) int { return columns[i].Pref })
	admit(wanted-1, 0)
	grow(widths, width-used, func(i int) int { return columns[i].Max })
	return widths
}

// wanted is the least Want of columns that get their Pref before others get a place.
const wanted = 7

// grow shares what is left: each column in turn some cells, up to its limit, so that
// none starves. It returns what it gave.
func grow(widths []int, left int, limit func(i int) int) (given int) {
	for left > 0 {
		grew := false
		for i := range widths {
			if step := min(left, limit(i)-widths[i], 4); widths[i] > 0 && step > 0 {
				widths[i] += step
				left -= step
				given += step
				grew = true
			}
		}
		if !grew {
			break
		}
	}
	return given
}

// Head paints the titles of the columns, that of index sorted with an arrow.
func Head(p *paint.Painter, columns []Column, widths []int, width, sorted int, up bool) string {
	l := p.Line(width).Put(paint.Dim, " ")
	first := true
	for i, c := range columns {
		if widths[i] == 0 {
			continue
		}
		if !first {
			l.Skip(1)
		}
		first = false
		role, title := paint.Dim, c.Title
		if i == sorted {
			role = paint.Focus
			if title += p.SortDown; up {
				title = c.Title + p.SortUp
			}
		}
		if c.Right {
			l.Right(role, title, widths[i])
		} else {
			l.Cell(role, title, widths[i])
		}
	}
	return l.String()
}

// Put paints one row of cells into a line that its cursor has been painted in.
func Put(p *paint.Painter, l *paint.Line, columns []Column, widths []int, cells []Cell) {
	first := true
	for i, c := range columns {
		w := widths[i]
		if w == 0 {
			continue
		}
		if !first {
			l.Skip(1)
		}
		first = false
		cell := cells[i]
		switch {
		case cell.Draw != nil:
			end := l.Width() + w
			cell.Draw(l, w)
			l.To(end)
		case c.Tail:
			l.Cell(cell.Role, p.Tail(cell.Text, w), w)
		case c.Right:
			l.Right(cell.Role, cell.Text, w)
		default:
			l.Cell(cell.Role, cell.Text, w)
		}
	}
}
