package termtext

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// JSON escapes in an encoded JSON value what a terminal would obey. The value stays the
// same for programs. Such signs occur inside strings only.
func JSON(encoded string) string {
	if isPlain(strings.TrimSuffix(encoded, "\n")) {
		return encoded
	}
	var b strings.Builder
	b.Grow(len(encoded))
	for _, r := range encoded {
		switch {
		case r == '\n' || !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
