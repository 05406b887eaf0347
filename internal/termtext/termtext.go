// Package termtext makes text of others safe to print: file names, what compilers and
// steps print, log lines. Such text may hold sequences that move the cursor, switch the
// screen, set the title or write the clipboard; none of them gets through.
//
// What comes out is valid UTF-8 without control characters. Escape sequences are
// removed; control characters and signs that turn the direction of text become "?".
package termtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes one line of text: line ends become "¶", tabs a blank.
func Line(text string) string {
	if isPlain(text) {
		return text
	}
	return clean(text, func(b *strings.Builder, r rune) {
		switch r {
		case '\n', '\r':
			b.WriteString("¶")
		case '\t':
			b.WriteByte(' ')
		}
	}, nil)
}

// Text keeps the lines and tabs of text; with colours it keeps SGR sequences, which
// change colour and weight only, and ends them. A carriage return ends a line.
func Text(text string, colours bool) string {
	if isPlain(text) {
		return text
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var s *style
	if colours {
		s = &style{}
	}
	text = clean(text, func(b *strings.Builder, r rune) {
		if r == '\r' {
			r = '\n'
		}
		b.WriteRune(r)
	}, s)
	if s != nil && s.open {
		text += reset
	}
	return text
}

const reset = "\x1b[0m"

// style is whether a colour is on that no later sequence has ended.
type style struct{ open bool }

// clean copies text without escape sequences and controls. space writes a line end or
// tab. SGR sequences are kept if s is not nil.
func clean(text string, space func(*strings.Builder, rune), s *style) string {
	var b strings.Builder
	b.Grow(len(text))
	for len(text) > 0 {
		if text[0] == esc {
			n := sequence(text)
			if s != nil && isSGR(text[:n]) {
				b.WriteString(text[:n])
				s.open = text[:n] != reset && text[:n] != "\x1b[m"
			}
			text = text[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			space(&b, r)
		case r == utf8.RuneError && n == 1, hidden(r):
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
		text = text[n:]
	}
	return b.String()
}

// hidden reports whether a sign draws nothing itself but changes what is around it:
// controls, direction marks, joiners, private use, separators of lines.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp)
}

// isPlain reports whether text has nothing but printable ASCII.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}
