package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// A compiler's own driver is one of its programs; a wrapper around it is none, be it a
// script or compiled.
func TestOwnPrograms(t *testing.T) {
	t.Parallel()
	gxx, err := exec.LookPath("g++")
	if err != nil {
		t.Skip("no g++ here")
	}
	dir := t.TempDir()
	script, compiled := filepath.Join(dir, "script"), filepath.Join(dir, "compiled")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec g++ \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "w.c")
	if err := os.WriteFile(source, []byte("#include <unistd.h>\nint main(int n, char **v) { v[0] = \"g++\"; return execvp(v[0], v); }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gxx, "-x", "c", "-w", source, "-o", compiled).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for driver, own := range map[string]bool{gxx: true, script: false, compiled: false} {
		p := &prober{root: dir, env: os.Environ(), state: newState()}
		facts, err := p.driver(t.Context(), driver, nil, "c++")
		if err != nil {
			t.Fatal(err)
		}
		tool := probed{Toolchain: ipc.Toolchain{Family: facts.family, CXX: driver}}
		programs := ownPrograms([]string{driver, facts.compiler}, tool, []driverFacts{facts})
		if slices.Contains(programs, realPath(driver)) != own || !slices.Contains(programs, realPath(facts.compiler)) {
			t.Errorf("%s: %q", driver, programs)
		}
	}
}
