package editdistance

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDistances(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b              string
		levenshtein, swap int
	}{
		{"", "", 0, 0}, {"", "abc", 3, 3}, {"name", "nmae", 2, 1}, {"kitten", "sitting", 3, 3}, {"abcdef", "badcfe", 4, 3},
		{strings.Repeat("a", maxLength+1), "a", maxLength, maxLength + 1},
	} {
		if l, s := Levenshtein(tt.a, tt.b), WithSwaps(tt.a, tt.b); l != tt.levenshtein || s != tt.swap {
			t.Errorf("%q, %q: %d and %d, want %d and %d", tt.a, tt.b, l, s, tt.levenshtein, tt.swap)
		}
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab]{0,6}`)
		a, b, c := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
		for name, distance := range map[string]func(a, b string) int{"Levenshtein": Levenshtein, "WithSwaps": WithSwaps} {
			d := distance(a, b)
			if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
				t.Fatalf("%s(%q, %q) = %d", name, a, b, d)
			}
		}
		if Levenshtein(a, c) > Levenshtein(a, b)+Levenshtein(b, c) {
			t.Fatalf("Levenshtein of %q, %q, %q is no metric", a, b, c)
		}
		if WithSwaps(a, b) > Levenshtein(a, b) {
			t.Fatalf("a swap makes %q and %q farther apart", a, b)
		}
	})
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"version", "name", "Name", "include_dirs"}
	for word, want := range map[string]string{
		"nmae": "name", "NAME": "Name", "verison": "version", "includedir": "include_dirs", "other": "", "x": "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
