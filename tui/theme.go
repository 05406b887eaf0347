package tui

import (
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// themeAuto lets the terminal's background decide.
const themeAuto = "auto"

// ThemeNames lists what a theme may be called.
func ThemeNames() []string { return append([]string{themeAuto}, paint.ThemeNames()...) }

// CheckTheme refuses a name that is no theme.
func CheckTheme(name string) error {
	if _, known := paint.Themes()[name]; !known && name != "" && name != themeAuto {
		return ipc.Errorf(ipc.CodeBadRequest, "there is no theme %q", name).
			WithHint("the themes are auto, %s", strings.Join(paint.ThemeNames(), ", "))
	}
	return nil
}

// chooseTheme decides by the name given, else by COLORFGBG. ask says that only the
// terminal itself could tell: then dark is taken until it answers.
func chooseTheme(name string, env func(string) string) (theme paint.Theme, ask bool) {
	if t, known := paint.Themes()[name]; known {
		return t, false
	}
	if dark, known := colorFgBg(env("COLORFGBG")); known {
		if dark {
			return paint.Dark(), false
		}
		return paint.Light(), false
	}
	term := env("TERM")
	multiplexed := strings.HasPrefix(term, "tmux") || strings.HasPrefix(term, "screen") || env("TMUX") != ""
	return paint.Dark(), !multiplexed && term != "dumb" && term != "linux" && term != ""
}

// colorFgBg reads "15;0" or "0;default;15": the last number is the background, one of
// the sixteen colours.
func colorFgBg(v string) (dark, known bool) {
	parts := strings.Split(v, ";")
	n, err := strconv.Atoi(parts[len(parts)-1])
	if err != nil || len(parts) < 2 {
		return false, false
	}
	return n != 7 && n != 15, true
}

// isDark reads a colour as terminals answer it: "rgb:1c1c/1c1c/1c1c".
func isDark(answer string) (dark, ok bool) {
	_, rgb, found := strings.Cut(answer, "rgb:")
	parts := strings.Split(rgb, "/")
	if !found || len(parts) != 3 {
		return false, false
	}
	var sum float64
	for i, weight := range [...]float64{0.2126, 0.7152, 0.0722} {
		digits := parts[i]
		v, err := strconv.ParseUint(digits, 16, 64)
		if err != nil || len(digits) == 0 || len(digits) > 4 {
			return false, false
		}
		sum += weight * float64(v) / float64(uint64(1)<<(4*len(digits))-1)
	}
	return sum < 0.5, true
}

// newPainter makes the painter for a theme on the terminal of env.
func newPainter(theme paint.Theme, ascii bool, env func(string) string) *paint.Painter {
	glyphs := paint.UnicodeGlyphs()
	if ascii || !paint.Unicode(env) {
		glyphs = paint.ASCIIGlyphs()
	}
	return paint.New(theme, paint.CapabilityOf(env), glyphs)
}
