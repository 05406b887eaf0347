package paint

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/internal/termtext"
)

// Clean makes text that shows as it is ([termtext.Line]), whatever stands before it: a
// sign at the start that would join what stands before the text becomes "?".
func Clean(text string) string {
	text = termtext.Line(text)
	if r, n := utf8.DecodeRuneInString(text); n > 0 && joins(r) {
		return "?" + text[n:]
	}
	return text
}

// joins reports whether a sign that has a cell of its own has none behind another: the
// text before it, of another Put, would be one cell too wide or too narrow.
func joins(r rune) bool {
	return r >= utf8.RuneSelf && ansi.StringWidth("…"+string(r)) != 1+ansi.StringWidth(string(r))
}

// Lines splits what a compiler or a daemon printed into clean lines.
func Lines(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	return lines
}

// fit cleans text and cuts it to w cells; it returns the cells taken.
func (p *Painter) fit(text string, w int) (string, int) {
	if w <= 0 {
		return "", 0
	}
	if isASCII(text) {
		if len(text) <= w {
			return text, len(text)
		}
		return text[:w-1] + p.Ellipsis, w
	}
	text = Clean(text)
	if p.ASCII {
		text = toASCII(text)
	}
	n := Width(text)
	if n <= w {
		return text, n
	}
	text = ansi.Truncate(text, w, p.Ellipsis)
	return text, Width(text)
}

// Tail cuts text to w cells from the left: of a path the end says more.
func (p *Painter) Tail(text string, w int) string {
	text = Clean(text)
	n := Width(text)
	if n <= w || w <= 0 {
		return text
	}
	if isASCII(text) {
		return p.Ellipsis + text[n-w+1:]
	}
	return ansi.TruncateLeft(text, n-w+1, p.Ellipsis)
}

// Wrap breaks a clean text into pieces of at most w cells.
func Wrap(text string, w int) []string {
	if w <= 0 || Width(text) <= w {
		return []string{text}
	}
	var out []string
	if isASCII(text) {
		for len(text) > w {
			out = append(out, text[:w])
			text = text[w:]
		}
		return append(out, text)
	}
	return strings.Split(ansi.Hardwrap(text, w, true), "\n")
}

// toASCII replaces what a plain terminal cannot show.
func toASCII(text string) string {
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r == '…':
			b.WriteByte('~')
		case r == '–' || r == '—' || r == '·':
			b.WriteByte('-')
		case r == '→':
			b.WriteString("->")
		default:
			b.WriteString(strings.Repeat("?", ansi.StringWidth(string(r))))
		}
	}
	return b.String()
}

// isASCII reports whether text has nothing but printable ASCII.
func isASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}
