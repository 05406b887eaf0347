package widgets

import (
	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// Over lays top, lines of one width, onto the middle of a screen of w×h cells.
func Over(screen, top []string, w, h int) []string {
	if len(top) == 0 {
		return screen
	}
	tw := ansi.StringWidth(top[0])
	x, y := max(0, (w-tw)/2), max(0, (h-len(top))/2)
	out := append([]string(nil), screen...)
	for i, line := range top {
		if y+i >= len(out) {
			break
		}
		under := out[y+i]
		left := ansi.Truncate(under, x, "")
		left += spaces(x - ansi.StringWidth(left))
		right := ansi.TruncateLeft(under, x+tw, "")
		if ansi.StringWidth(right) > w-x-tw { // a wide character lies across the edge
			right = ansi.TruncateLeft(under, x+tw+1, "")
		}
		right = spaces(w-x-tw-ansi.StringWidth(right)) + right
		out[y+i] = left + "\x1b[0m" + line + "\x1b[0m" + right
	}
	return out
}

// OverBare is Over for terminals without attributes.
func OverBare(screen, top []string, w, h int) []string {
	out := Over(screen, top, w, h)
	for i := range out {
		out[i] = ansi.Strip(out[i])
	}
	return out
}

func spaces(n int) string {
	b := make([]byte, max(0, n))
	for i := range b {
		b[i] = ' '
	}
	return string(b)
}

// Dialog is a box with lines of text and a line of keys.
func Dialog(p *paint.Painter, title string, text []string, keys []Note, w int) []string {
	iw := w - 4
	var body []string
	blank := p.Line(w - 2).String()
	body = append(body, blank)
	for _, t := range text {
		for _, piece := range WrapWords(t, iw) {
			body = append(body, p.Line(w-2).Skip(1).Put(paint.Text, piece).String())
		}
	}
	body = append(body, blank)
	l := p.Line(w - 2).Skip(1)
	for _, k := range keys {
		l.Put(k.Role, k.Text)
	}
	body = append(body, l.String())
	return Box(p, Frame{Title: title, Focused: true}, w, len(body)+2, body)
}

// WrapWords breaks a text at blanks where it can.
func WrapWords(text string, w int) []string {
	text = paint.Clean(text)
	var out []string
	for paint.Width(text) > w && w > 0 {
		head := ansi.Truncate(text, w, "")
		cut := len(head)
		for i := len(head) - 1; i > len(head)/2; i-- {
			if head[i] == ' ' {
				cut = i
				break
			}
		}
		if cut == 0 {
			break
		}
		out = append(out, text[:cut])
		text = text[cut:]
		for len(text) > 0 && text[0] == ' ' {
			text = text[1:]
		}
	}
	return append(out, text)
}
