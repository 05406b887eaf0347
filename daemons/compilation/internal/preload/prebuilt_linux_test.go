package preload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the program brings along is used without any C compiler. An object that does not load
// here, as that of a newer C library, gives way to one that is built.
func TestPrebuilt(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	dir := filepath.Join(at, prebuiltFolder)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old"+objectEnding)
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Prebuild(t.Context(), dir, os.Environ()); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 3 {
		t.Fatalf("made: %q", files)
	}
	without := Builder{Dir: t.TempDir(), Env: []string{"PATH=" + at}, brought: os.DirFS(at)}
	lib, err := without.Build(t.Context(), "/bin/sh")
	if err != nil || lib.Observer == "" || filepath.Base(lib.Path) != filepath.Base(files[2]) {
		t.Errorf("without a compiler: %+v, %v", lib, err)
	}
	if err := without.TryObserver(t.Context()); err != nil {
		t.Errorf("the second observer: %v", err)
	}
	if err := os.WriteFile(files[2], []byte("no object"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := Builder{Dir: t.TempDir(), Env: os.Environ(), brought: os.DirFS(at)}
	lib, err = with.Build(t.Context(), "/bin/sh")
	if err != nil || filepath.Base(lib.Path) == filepath.Base(files[2]) {
		t.Errorf("with an object that does not load: %+v, %v", lib, err)
	}
	if _, err := (Builder{Dir: t.TempDir(), Env: without.Env, brought: os.DirFS(at)}).Build(t.Context(), "/bin/sh"); err == nil || !strings.Contains(err.Error(), "/bin/sh") {
		t.Errorf("neither loads nor can be built: %v", err)
	}
}
