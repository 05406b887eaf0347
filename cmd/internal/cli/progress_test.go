package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

func TestProgressKeepsItsLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			strings.Repeat("源码", 40) + ".cpp", "with\ttabs\tin.cpp", strings.Repeat("👩‍👩‍👧‍👦-", 9), "odd\x1b[2J\xff.cpp",
		})).Draw(t, "name")
		width := rapid.IntRange(1, 120).Draw(t, "width")
		p := &progress{total: 7, done: rapid.IntRange(0, 7).Draw(t, "done"), expected: 3, began: time.Now(), running: []string{name}}
		line := p.line(width)
		if n := ansi.StringWidth(line); n >= width && n > 0 {
			t.Fatalf("%q takes %d cells of %d", line, n, width)
		}
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\t\n\r\x1b") {
			t.Fatalf("not one line of text: %q", line)
		}
	})
}

func TestNothingIsLeftAtTheEnd(t *testing.T) {
	t.Parallel()
	p := &progress{total: 7, expected: 100, began: time.Now(), running: []string{"a.cpp"}}
	if p.left(3) == "" || p.left(7) != "" {
		t.Errorf("left: %q, at the end %q", p.left(3), p.left(7))
	}
}
