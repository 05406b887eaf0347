package rootid

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAnotherFolderIsAnotherRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a\nroot"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	was := Of(a)
	text := append(was.Header(), "state"...)
	if rest, ours := Of(a).Cut(text); !ours || string(rest) != "state" {
		t.Errorf("of its own root: %q, %v", rest, ours)
	}
	if _, ours := Of(b).Cut(text); ours {
		t.Error("the state of a is taken for that of b")
	}
	if err := os.Rename(a, filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b, a); err != nil {
		t.Fatal(err)
	}
	if _, ours := Of(a).Cut(text); ours {
		t.Error("another folder in the place of a has its state")
	}
}
