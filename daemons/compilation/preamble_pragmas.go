package compilation

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// openState says what a preprocessed block of includes leaves behind that a
// precompiled form of it may not hand on: an open #pragma push, or a pragma that is
// not known to be harmless; "" if nothing.
func openState(preprocessed io.Reader) (string, error) {
	s := pragmaState{open: make(map[string]int)}
	lines := bufio.NewReaderSize(preprocessed, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull { // no pragma is that long
			for err == bufio.ErrBufferFull {
				_, err = lines.ReadSlice('\n')
			}
			line = nil
		}
		if rest, ok := strings.CutPrefix(string(line), "#pragma "); ok {
			if why := s.take(strings.TrimSpace(rest)); why != "" {
				return why, nil
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return s.left(), nil
		default:
			return "", fmt.Errorf("read the preprocessed includes: %w", err)
		}
	}
}

// pragmaState counts what is open.
type pragmaState struct{ open map[string]int }

// harmless pragmas say something about the place where they stand, or print.
var harmless = flagList("once", "GCC system_header", "clang system_header", "message", "GCC warning", "GCC error", "region", "endregion",
	"mark", "GCC unroll", "GCC ivdep", "unroll", "nounroll", "clang loop", "GCC dependency")

func (s *pragmaState) take(pragma string) string {
	words := strings.FieldsFunc(pragma, func(r rune) bool { return strings.ContainsRune(" \t(),", r) })
	pragma = strings.Join(words, " ") + " "
	has := func(prefix string) bool { return strings.HasPrefix(pragma, prefix+" ") }
	switch {
	case has("GCC diagnostic push"), has("clang diagnostic push"):
		return s.push("diagnostic", 1)
	case has("GCC diagnostic pop"), has("clang diagnostic pop"):
		return s.push("diagnostic", -1)
	case has("GCC diagnostic"), has("clang diagnostic"):
		if s.open["diagnostic"] == 0 {
			return "it has #pragma " + strings.TrimSpace(pragma) + " without a push"
		}
		return ""
	case has("GCC visibility push"):
		return s.push("visibility", 1)
	case has("GCC visibility pop"):
		return s.push("visibility", -1)
	case has("pack push"):
		return s.push("pack", 1)
	case has("pack pop"):
		return s.push("pack", -1)
	case has("pack") && s.open["pack"] > 0:
		return ""
	case has("push_macro") && len(words) == 2:
		return s.push("push_macro "+words[1], 1)
	case has("pop_macro") && len(words) == 2:
		return s.push("push_macro "+words[1], -1)
	}
	for _, h := range harmless {
		if has(h) {
			return ""
		}
	}
	return "it has #pragma " + strings.TrimSpace(pragma)
}

func (s *pragmaState) push(what string, by int) string {
	s.open[what] += by
	if s.open[what] < 0 {
		return "it has a #pragma pop without a push, of " + what
	}
	return ""
}

func (s *pragmaState) left() string {
	for what, n := range s.open {
		if n > 0 {
			return "it leaves a #pragma push open, of " + what
		}
	}
	return ""
}
