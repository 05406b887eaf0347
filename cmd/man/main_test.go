package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man1")
	if err := write("v1", dir); err != nil {
		t.Fatal(err)
	}
	for page, text := range map[string]string{
		"replibuild.1": "replibuild-compile", "replibuild-compile.1": "--no-daemon", "replibuild-cache-verify.1": "RepliBuild v1",
	} {
		b, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(b), "\\", ""), text) {
			t.Errorf("%s has no %q: %v", page, text, err)
		}
	}
}
