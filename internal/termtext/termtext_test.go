package termtext_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/internal/termtext"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "",
		"src/a.cpp":                             "src/a.cpp",
		"源码.cpp":                                "源码.cpp",
		"a\tb\nc\r\nd":                          "a b¶c¶¶d",
		"odd\x1b]0;a title\a\x1b[2J.cpp":        "odd.cpp",
		"\x1b[1;31mred\x1b[0m":                  "red",
		"\x1b]8;;file:///x\x1b\\link\x1b]8;;\a": "link",
		"never ends \x1b]52;c;aGVsbG8=":         "never ends 52;c;aGVsbG8=",
		"cut \x1b[12":                           "cut 12",
		"cut \x1b":                              "cut ",
		"\x1b(Bset \x1b7save \x1bcreset":        "set save reset",
		"bell\a null\x00 del\x7f":               "bell? null? del?",
		"C1 \u009b2J":                           "C1 ?2J",
		"latin \xe4":                            "latin ?",
		"turned \u202egnp.exe":                  "turned ?gnp.exe",
	} {
		if got := termtext.Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, plain, coloured string }{
		{"a\n\tb\r\nc\rd\n", "a\n\tb\nc\nd\n", "a\n\tb\nc\nd\n"},
		{"\x1b[01m\x1b[Ka.c:1:\x1b[m\x1b[K x\n", "a.c:1: x\n", "\x1b[01ma.c:1:\x1b[m x\n"},
		{"\x1b[31mopen", "open", "\x1b[31mopen\x1b[0m"},
		{"\x1b[38:2::1:2:3mrgb\x1b[0m", "rgb", "\x1b[38:2::1:2:3mrgb\x1b[0m"},
		{"\x1b[?1049h\x1b[2J\x1b]52;c;aGVsbG8=\a\x1b]0;t\a\x1b[5Agen\r\n", "gen\n", "gen\n"},
		{"\x1b[>4;1mkeys", "keys", "keys"}, // ends in m, but is a private mode
	} {
		if got := termtext.Text(c.text, false); got != c.plain {
			t.Errorf("Text(%q, false) = %q, want %q", c.text, got, c.plain)
		}
		if got := termtext.Text(c.text, true); got != c.coloured {
			t.Errorf("Text(%q, true) = %q, want %q", c.text, got, c.coloured)
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// anything draws texts that are rich in sequences, whole and cut off.
func anything() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{
			"\x1b", "\x1b[", "\x1b[3", "\x1b[31m", "\x1b[0m", "\x1b[m", "\x1b[K", "\x1b[2J", "\x1b]0;t\a", "\x1b]8;;u\x1b\\",
			"\x1bP", "\x1b\\", "\x1bc", "\x1b(B", "\u009b2J", "\u202e", "\u2028", "\x9b", "\r", "\n", "\t", "m", "文", "e\u0301",
		}),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 12), func(p []string) string { return strings.Join(p, "") })
}

// harmless fails unless a terminal obeys nothing in text but the signs in allowed.
func harmless(t *rapid.T, text, allowed string) {
	if !utf8.ValidString(text) {
		t.Fatalf("not UTF-8: %q", text)
	}
	for _, r := range text {
		bad := unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
		if bad && !strings.ContainsRune(allowed, r) {
			t.Fatalf("%q is in %q", r, text)
		}
	}
}

func TestNothingGetsThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := anything().Draw(t, "text")
		line, plain, coloured := termtext.Line(text), termtext.Text(text, false), termtext.Text(text, true)
		harmless(t, line, "")
		harmless(t, plain, "\n\t")
		harmless(t, sgr.ReplaceAllString(coloured, ""), "\n\t")
		if all := sgr.FindAllString(coloured, -1); len(all) > 0 {
			if last := all[len(all)-1]; last != "\x1b[0m" && last != "\x1b[m" {
				t.Fatalf("a colour stays on: %q", coloured)
			}
		}
		if sgr.ReplaceAllString(coloured, "") != plain {
			t.Fatalf("colours change the text: %q, %q", coloured, plain)
		}
		for _, again := range [][2]string{{termtext.Line(line), line}, {termtext.Text(plain, false), plain}, {termtext.Text(coloured, true), coloured}} {
			if again[0] != again[1] {
				t.Fatalf("cleaned twice: %q, once: %q", again[0], again[1])
			}
		}
	})
}

// What people write stays as it is.
func TestOrdinaryTextStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äöü€文字😀\n\t]*`).Draw(t, "text")
		if got := termtext.Text(text, true); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ToValidUTF8(anything().Draw(t, "text"), "?")
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		safe := termtext.JSON(string(encoded) + "\n")
		harmless(t, safe, "\n")
		var back string
		if err := json.Unmarshal([]byte(safe), &back); err != nil || back != text {
			t.Fatalf("%q became %q (%v)", text, back, err)
		}
	})
}
