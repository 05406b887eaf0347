package cache

import (
	"os"
	"path/filepath"
	"testing"
)

// What has the name before is replaced, a link itself and not what it leads to; a folder
// stays, and the error says so.
func TestReplace(t *testing.T) {
	t.Parallel()
	s, dir := open(t, t.TempDir(), Options{}), t.TempDir()
	tmp, dst, other := filepath.Join(dir, ".rb-new"), filepath.Join(dir, "dst"), filepath.Join(dir, "other")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	symlink := func(to, path string) {
		t.Helper()
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	for name, before := range map[string]func(){
		"nothing":     func() {},
		"a file":      func() { write(dst, "old") },
		"a link":      func() { write(other, "other"); symlink(other, dst) },
		"a dead link": func() { symlink(other, dst) },
		"a hard link": func() {
			write(other, "other")
			if err := os.Link(other, dst); err != nil {
				t.Fatal(err)
			}
		},
	} {
		before()
		write(tmp, "new")
		if err := s.Replace(tmp, dst); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := os.ReadFile(dst); err != nil || string(text) != "new" {
			t.Errorf("%s became %q, %v", name, text, err)
		}
		if info, err := os.Lstat(dst); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if text, err := os.ReadFile(other); err == nil && string(text) != "other" {
			t.Errorf("%s: written through: %q", name, text)
		}
		if _, err := os.Lstat(tmp); err == nil {
			t.Errorf("%s: the temporary name stays", name)
		}
		os.Remove(dst)
		os.Remove(other)
	}
	if err := os.Mkdir(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	write(tmp, "new")
	if err := s.Replace(tmp, dst); err == nil {
		t.Error("a folder was replaced")
	}
	if info, err := os.Stat(dst); err != nil || !info.IsDir() {
		t.Errorf("the folder: %v, %v", info, err)
	}
}
