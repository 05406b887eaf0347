package ninjabuild

import "strings"

const ellipsis = "..."

// elideMiddle cuts a text to a width by taking out its middle. Colours take no room, and
// stay, so that they end where they did.
func elideMiddle(text string, width int) string {
	visible := 0
	for part := range colorParts(text) {
		if part.color == "" {
			visible++
		}
	}
	if visible <= width {
		return text
	}
	dots := ellipsis[:min(width, len(ellipsis))]
	left := (width - len(dots)) / 2
	right := visible - (width - len(dots) - left)
	var b strings.Builder
	at := 0
	if left == 0 {
		b.WriteString(dots)
	}
	for part := range colorParts(text) {
		if part.color != "" {
			b.WriteString(part.color)
			continue
		}
		if at < left || at >= right {
			b.WriteByte(part.char)
		}
		at++
		if at == left {
			b.WriteString(dots)
		}
	}
	return b.String()
}

// colorPart is a byte that is shown, or a sequence that sets a colour.
type colorPart struct {
	char  byte
	color string
}

// colorParts splits a text.
func colorParts(text string) func(yield func(colorPart) bool) {
	return func(yield func(colorPart) bool) {
		for len(text) > 0 {
			part, n := colorPart{char: text[0]}, 1
			if end := colorEnd(text); end > 0 {
				part, n = colorPart{color: text[:end]}, end
			}
			if !yield(part) {
				return
			}
			text = text[n:]
		}
	}
}

// colorEnd is the length of the colour sequence that the text begins with, or 0.
func colorEnd(text string) int {
	if !strings.HasPrefix(text, "\x1b[") {
		return 0
	}
	i := 2
	for i < len(text) && (text[i] == ';' || '0' <= text[i] && text[i] <= '9') {
		i++
	}
	if i < len(text) && text[i] == 'm' {
		return i + 1
	}
	return 0
}

// stripEscapes removes escape sequences, for output that is no terminal.
func stripEscapes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\x1b' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 >= len(text) || text[i+1] != '[' {
			if i+1 >= len(text) {
				break
			}
			continue
		}
		i += 2
		for i < len(text) && (text[i] < 'A' || text[i] > 'Z') && (text[i] < 'a' || text[i] > 'z') {
			i++
		}
	}
	return b.String()
}
