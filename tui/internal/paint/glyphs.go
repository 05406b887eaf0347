package paint

// Glyphs is the set of signs in use: one for terminals with Unicode, one of ASCII
// without box characters, for screen readers and old terminals.
type Glyphs struct {
	Up, Down, Crashed, Starting, Hung, Off           string // states of a daemon
	Cached, Compiled, Failed, Skipped, Running, Wait string // states of a unit
	Dirty                                            string
	Cursor, Mark, Ellipsis, Dot, Arrow, Link         string
	SortUp, SortDown                                 string // beside the title of a column
	TopLeft, TopRight, BottomLeft, BottomRight       string
	Horizontal, Vertical                             string
	Full, Rest, BarOpen, BarClose                    string   // of a gauge
	Spark                                            []string // from low to high
	ASCII                                            bool
}

// UnicodeGlyphs is the richer set. All of them are one cell wide.
func UnicodeGlyphs() Glyphs {
	return Glyphs{
		Up: "●", Down: "○", Crashed: "✗", Starting: "◐", Hung: "◑", Off: "–",
		Cached: "≡", Compiled: "✓", Failed: "✗", Skipped: "–", Running: "▸", Wait: "·", Dirty: "◆",
		Cursor: "▌", Mark: "•", Ellipsis: "…", Dot: "·", Arrow: "→", Link: "⇢", SortUp: "▴", SortDown: "▾",
		TopLeft: "╭", TopRight: "╮", BottomLeft: "╰", BottomRight: "╯", Horizontal: "─", Vertical: "│",
		Full: "━", Rest: "─",
		Spark: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	}
}

// ASCIIGlyphs is the plain set.
func ASCIIGlyphs() Glyphs {
	return Glyphs{
		Up: "*", Down: "o", Crashed: "!", Starting: "~", Hung: "?", Off: "-",
		Cached: "=", Compiled: "+", Failed: "!", Skipped: "-", Running: ">", Wait: ".", Dirty: "#",
		Cursor: ">", Mark: "*", Ellipsis: "~", Dot: "-", Arrow: "->", Link: "->", SortUp: "^", SortDown: "v",
		TopLeft: " ", TopRight: " ", BottomLeft: " ", BottomRight: " ", Horizontal: " ", Vertical: " ",
		Full: "#", Rest: "-", BarOpen: "[", BarClose: "]",
		Spark: []string{"_", ".", "-", "~", "=", "+", "*", "#"},
		ASCII: true,
	}
}
