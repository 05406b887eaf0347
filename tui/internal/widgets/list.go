package widgets

// List is the cursor and the scroll position of a list. The zero value is at the
// top.
type List struct {
	Cursor int
	Offset int
}

// Move moves the cursor by n rows within count.
func (l *List) Move(n, count int) { l.Set(l.Cursor+n, count) }

// Set puts the cursor on a row, or on the nearest there is.
func (l *List) Set(row, count int) { l.Cursor = max(0, min(row, count-1)) }

// Fit makes cursor and offset valid for count rows; height of them are seen.
func (l *List) Fit(count, height int) {
	l.Set(l.Cursor, count)
	height = max(height, 1)
	if l.Cursor < l.Offset {
		l.Offset = l.Cursor
	}
	if l.Cursor >= l.Offset+height {
		l.Offset = l.Cursor - height + 1
	}
	l.Offset = max(0, min(l.Offset, count-height))
}
