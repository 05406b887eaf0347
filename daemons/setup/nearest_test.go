package setup

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"name", "version", "include_dirs", "cxx_flags", "c_flags"}
	for word, want := range map[string]string{
		"nmae": "name", "NAME": "name", "nam": "name", "verison": "version", "includedir": "include_dirs", "cxxflags": "cxx_flags",
		"flags": "", "x": "", "": "", "completely_else": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestTypos(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab]{0,6}`)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		d := typos(a, b)
		if d != typos(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("typos(%q, %q) = %d", a, b, d)
		}
	})
}
