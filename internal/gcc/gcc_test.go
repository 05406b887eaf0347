package gcc

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestIsDriver(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "g++")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $COLLECT_GCC_OPTIONS\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"g++": true, "gcc": true, "sh": false, "as": false, script: false, "/nowhere": false} {
		file := name
		if !filepath.IsAbs(name) {
			found, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			file = found
		}
		if got := IsDriver(file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}
