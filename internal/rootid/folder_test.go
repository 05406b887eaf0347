package rootid

import (
	"os"
	"path/filepath"
	"testing"
)

// State is written into a project that is there, and does not bring one back that is gone.
func TestFolderOfAProjectThatIsGone(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, root := range []string{"p", ".replibuild/q"} {
		dir := filepath.Join(base, root, ".replibuild", "state", "views")
		if err := MakeFolder(dir); err == nil {
			t.Errorf("%s: made without its project", dir)
		}
		if err := os.MkdirAll(filepath.Join(base, root), 0o755); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := MakeFolder(dir); err != nil {
				t.Error(err)
			}
		}
		if fi, err := os.Stat(dir); err != nil || !fi.IsDir() || fi.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", dir, fi, err)
		}
	}
	if err := MakeFolder(filepath.Join(base, "elsewhere", "state")); err != nil {
		t.Error(err)
	}
}
