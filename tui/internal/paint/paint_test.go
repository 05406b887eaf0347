package paint

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"pgregory.net/rapid"
)

// luminance and contrast are WCAG 2.2's.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range [...]float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(t *testing.T, a, b string) float64 {
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// xterm's sixteen colours, the defaults of many terminals.
var sixteen = [...]string{
	"#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5",
	"#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff",
}

// Every text of every theme can be read: 4.5 to 1 on all backgrounds that the theme is
// for and on the selected row, in 24 bits, in 256 colours and in 16. Lines are no text:
// 3 to 1 (WCAG 1.4.11).
func TestContrast(t *testing.T) {
	t.Parallel()
	for name, theme := range Themes() {
		for r := range roles {
			need := 4.5
			if r == Border {
				need = 3
			}
			i := theme.inks[r]
			as256 := termenv.ConvertToRGB(termenv.ANSI256.Color(i.hex)).Hex()
			for _, fg := range []string{i.hex, as256} {
				for _, bg := range theme.Backgrounds {
					if c := contrast(t, fg, bg); c < need {
						t.Errorf("%s: role %d: %s on %s: %.2f", name, r, fg, bg, c)
					}
				}
			}
			selected256 := termenv.ConvertToRGB(termenv.ANSI256Color(theme.Selected256)).Hex()
			if r != Border {
				if c := contrast(t, i.hex, theme.Selected); c < need {
					t.Errorf("%s: role %d on the selected row: %.2f", name, r, c)
				}
				if c := contrast(t, as256, selected256); c < need {
					t.Errorf("%s: role %d on the selected row in 256 colours (%s on %s): %.2f", name, r, as256, selected256, c)
				}
			}
			bg := theme.Backgrounds[1]
			if theme.Dark {
				bg = theme.Backgrounds[0]
			}
			if i.ansi >= 0 {
				if c := contrast(t, sixteen[i.ansi], bg); c < need {
					t.Errorf("%s: role %d: colour %d on %s: %.2f", name, r, i.ansi, bg, c)
				}
			}
		}
	}
}

func TestTiers(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]Capability{
		"TERM=dumb": Bare, "TERM=dumb NO_COLOR=1": Bare, "TERM=": Mono, "TERM=vt100": Mono, "TERM=xterm-256color NO_COLOR=1": Mono,
		"TERM=xterm-256color COLORTERM=truecolor NO_COLOR=x": Mono, "TERM=linux": Ansi16, "TERM=xterm": Ansi16, "TERM=xterm-256color": Ansi256,
		"TERM=tmux-256color": Ansi256, "TERM=xterm COLORTERM=24bit": True, "TERM=xterm-kitty": True, "TERM=foot": True, "TERM=xterm-direct": True,
	} {
		if got := CapabilityOf(lookup(env)); got != want {
			t.Errorf("%s: %d, want %d", env, got, want)
		}
	}
	for env, want := range map[string]bool{
		"TERM=xterm LANG=C.UTF-8": true, "TERM=xterm LANG=C": false, "TERM=xterm": false, "TERM=linux LANG=C.UTF-8": false,
		"TERM=xterm LC_ALL=C LANG=de_DE.UTF-8": false, "TERM=xterm LC_CTYPE=de_DE.utf8": true,
	} {
		if got := Unicode(lookup(env)); got != want {
			t.Errorf("%s: unicode %v", env, got)
		}
	}
}

func lookup(env string) func(string) string {
	return func(key string) string {
		for _, kv := range strings.Fields(env) {
			if k, v, _ := strings.Cut(kv, "="); k == key {
				return v
			}
		}
		return ""
	}
}

// All signs of both sets are one cell wide, but for the arrows of the ASCII set.
func TestGlyphWidths(t *testing.T) {
	t.Parallel()
	for _, g := range []Glyphs{UnicodeGlyphs(), ASCIIGlyphs()} {
		signs := []string{g.Up, g.Down, g.Crashed, g.Starting, g.Hung, g.Off, g.Cached, g.Compiled, g.Failed, g.Skipped, g.Running, g.Wait, g.Dirty,
			g.Cursor, g.Mark, g.Ellipsis, g.Dot, g.TopLeft, g.TopRight, g.BottomLeft, g.BottomRight, g.Horizontal, g.Vertical, g.Full, g.Rest}
		for _, s := range append(signs, g.Spark...) {
			if ansi.StringWidth(s) != 1 {
				t.Errorf("%q has %d cells", s, ansi.StringWidth(s))
			}
			if g.ASCII && !isASCII(s) {
				t.Errorf("%q is not ASCII", s)
			}
		}
	}
}

// A line is as wide as it shall be, whatever is put into it.
func TestLineWidth(t *testing.T) {
	t.Parallel()
	painters := []*Painter{New(Dark(), True, UnicodeGlyphs()), New(Light(), Bare, ASCIIGlyphs()), New(Dark(), Ansi16, UnicodeGlyphs()), New(Dark(), Mono, ASCIIGlyphs())}
	rapid.Check(t, func(t *rapid.T) {
		p := painters[rapid.IntRange(0, len(painters)-1).Draw(t, "painter")]
		w := rapid.IntRange(0, 60).Draw(t, "w")
		l := p.Row(w, rapid.Bool().Draw(t, "selected"), rapid.Bool().Draw(t, "focused"))
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			r, n := Role(rapid.IntRange(0, int(roles)-1).Draw(t, "role")), rapid.IntRange(-3, 40).Draw(t, "n")
			text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z/]{0,40}`), rapid.Just("名前👩‍👩‍👧é\u202e\x1b[31m")).Draw(t, "text")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				l.Put(r, text)
			case 1:
				l.Cell(r, p.Tail(text, n), n)
			case 2:
				l.Right(r, text, n)
			case 3:
				l.Repeat(r, p.Full, n)
			default:
				l.To(n)
			}
		}
		s := l.String()
		if got := ansi.StringWidth(s); got != w {
			t.Fatalf("%d cells, want %d: %q", got, w, s)
		}
		if p.Capability == Bare && strings.ContainsRune(s, 0x1b) {
			t.Fatalf("an escape where there must be none: %q", s)
		}
	})
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "a\tb": "a b", "a\nb": "a¶b", "\x1b[31mred\x1b[0m": "red", "a\x07b": "a?b", "a\u202eb": "a?b", "\xff": "?", "\ufffd": "\ufffd", "名前": "名前",
		"\u0903a": "?a", "a\u0903": "a\u0903", "\u0e33": "?", // signs that join what stands before them
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Lines("a\n\tb\n\n"); len(got) != 2 || got[1] != "    b" {
		t.Errorf("lines: %q", got)
	}
}
