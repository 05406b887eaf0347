package termtext

import "strings"

const esc = 0x1b

// sequence is the length of the escape sequence at the start of text (ECMA-48). A
// sequence that is cut off ends with its introducer, so that no text is lost behind it.
func sequence(text string) int {
	if len(text) == 1 {
		return 1
	}
	switch text[1] {
	case '[':
		return control(text)
	case ']', 'P', '_', '^', 'X': // OSC, DCS, APC, PM, SOS
		return command(text)
	}
	n := 1 + run(text[1:], 0x20, 0x2f)
	if n < len(text) && text[n] >= 0x30 && text[n] <= 0x7e {
		return n + 1
	}
	return 1
}

// control is the length of a CSI sequence: parameters, intermediates, a final byte.
func control(text string) int {
	n := 2 + run(text[2:], 0x30, 0x3f)
	n += run(text[n:], 0x20, 0x2f)
	if n < len(text) && text[n] >= 0x40 && text[n] <= 0x7e {
		return n + 1
	}
	return 2
}

// command is the length of a sequence with a text, which ends with BEL or ESC \. It
// does not go beyond its line.
func command(text string) int {
	line, _, _ := strings.Cut(text[2:], "\n")
	bell, end := strings.IndexByte(line, 0x07), strings.Index(line, "\x1b\\")
	switch {
	case bell >= 0 && (end < 0 || bell < end):
		return 2 + bell + 1
	case end >= 0:
		return 2 + end + 2
	}
	return 2
}

// run counts the bytes at the start of text that lie in a range.
func run(text string, from, to byte) int {
	n := 0
	for n < len(text) && text[n] >= from && text[n] <= to {
		n++
	}
	return n
}

// isSGR reports whether a sequence sets colour and weight and does nothing else.
func isSGR(s string) bool {
	return strings.HasPrefix(s, "\x1b[") && strings.HasSuffix(s, "m") &&
		strings.Trim(s[2:len(s)-1], "0123456789;:") == ""
}
