package setup

import (
	"slices"
	"testing"
)

func TestSplitShell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                             nil,
		" ccache  g++\t-m32\n":         {"ccache", "g++", "-m32"},
		`-I/a\ b "-DX=\"y\"" 'a\b' ''`: {"-I/a b", `-DX="y"`, `a\b`, ""},
		`a"b c"d`:                      {"ab cd"},
		`"\n"`:                         {`\n`},
		`open "x`:                      {"open", "x"},
	} {
		if got := splitShell(text); !slices.Equal(got, want) {
			t.Errorf("splitShell(%q) = %q, want %q", text, got, want)
		}
	}
}
