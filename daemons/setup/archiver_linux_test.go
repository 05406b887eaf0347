package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestArchiver: an archiver is known by itself and its libraries. A script is refused, and so
// is an archiver that writes times and owners.
func TestArchiver(t *testing.T) {
	t.Parallel()
	ar, err := exec.LookPath("ar")
	if err != nil {
		t.Skip("ar is not installed")
	}
	dir := t.TempDir()
	s := New(Config{Root: dir, StateDir: dir})
	defer s.Close()
	env := os.Environ()
	reply, err := s.Toolchain(t.Context(), ipc.ToolchainRequest{Env: env, Archiver: ar})
	if err != nil {
		t.Fatal(err)
	}
	if c := reply.Toolchains[0]; c.AR != ar || len(c.Programs) != 1 || len(c.Identity) != 64 {
		t.Errorf("%+v", c)
	}
	again, err := s.Toolchain(t.Context(), ipc.ToolchainRequest{Env: env, Archiver: ar})
	if err != nil || !again.Toolchains[0].Equal(reply.Toolchains[0]) {
		t.Errorf("the second answer is %+v, %v", again, err)
	}
	script := filepath.Join(dir, "ar")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec "+ar+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Toolchain(t.Context(), ipc.ToolchainRequest{Env: env, Archiver: script}); err == nil || !strings.Contains(err.Error(), "is a script") {
		t.Errorf("a script: %v", err)
	}
	for operation, plain := range map[string]bool{"qcsD": true, "qcsU": false} {
		archive := filepath.Join(dir, operation+".a")
		if out, err := exec.Command(ar, operation, archive, script).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		made, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		if got := plainHeader(made, "ar"); got != plain {
			t.Errorf("%s: the header is plain: %v\n%s", operation, got, made)
		}
	}
}
