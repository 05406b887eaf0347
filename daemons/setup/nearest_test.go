package setup

import "testing"

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
