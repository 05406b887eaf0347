package setup

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"pgregory.net/rapid"
)

// TestListNames compares the walk, which leaves out folders that a pattern cannot
// reach, with matching every name there is.
func TestListNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.cpp", "b.h", "x/a.cpp", "x/y/c.cc", "x/y/z/d.cpp", ".hidden/e.cpp", "x y/f.cpp", "[g]/h.cpp"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
		if file != dir {
			all = append(all, relative(dir, file))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		elements := rapid.SliceOfN(rapid.SampledFrom([]string{"**", "*", "x", "y", "z", "*.cpp", "*.{cc,cpp}", "{x/y,.hidden}", "[xy]", "?", "a.cpp", `\[g\]`}), 1, 4)
		pattern := strings.Join(elements.Draw(t, "elements"), "/")
		var want []string
		for _, name := range all {
			if ok, _ := doublestar.Match(pattern, name); ok {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		got, err := listNames(dir, pattern)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q", pattern, got, want)
		}
	})
	if got, err := listNames(filepath.Join(dir, "nothing"), "**"); len(got) != 0 || err != nil {
		t.Errorf("a folder that is not there: %q, %v", got, err)
	}
	if got, err := listNames(filepath.Join(dir, "a.cpp"), ""); len(got) != 0 || err != nil {
		t.Errorf("a file: %q, %v", got, err)
	}
	if got := escapePattern("[g]*{x,y}"); unescapePattern(got) != "[g]*{x,y}" || !doublestar.MatchUnvalidated(got, "[g]*{x,y}") {
		t.Errorf("escapePattern = %q", got)
	}
}
