package panes

import (
	"strings"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// Shell writes a command line as it could be typed.
func Shell(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

func quote(a string) string {
	if a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%") == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}

// wrapShell breaks a command line between its arguments.
func wrapShell(args []string, w int) []string {
	var lines []string
	line := ""
	for _, a := range args {
		a = paint.Clean(quote(a))
		if line != "" && paint.Width(line)+1+paint.Width(a) > w {
			lines, line = append(lines, line), "  "
		}
		if line != "" && line != "  " {
			line += " "
		}
		line += a
	}
	var out []string
	for _, l := range append(lines, line) {
		out = append(out, paint.Wrap(l, max(w, 1))...)
	}
	return out
}
