package setup

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// Hashes of programs that one set knows serve the next one, as long as the file is the same
// file; a damaged or foreign file is none.
func TestProgramDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, kept := filepath.Join(dir, "clang"), filepath.Join(dir, "programs")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	set := func() *state {
		s := newState()
		s.programs.file = kept
		return s
	}
	digest := func(s *state) string {
		t.Helper()
		all, err := s.digests([]string{program}, ipc.StatSignature)
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	write(program, "one")
	sig, one := ipc.StatSignature(program), digest(set())
	known := &userPrograms{file: kept}
	known.addDigests(map[string]fileDigest{program: {sig, "known"}, "another": {sig, "too"}})
	if got := digest(set()); got != "known" {
		t.Errorf("the next set has %q for an unchanged file", got)
	}
	if got := (&userPrograms{file: kept}).find("another", sig); got != "too" {
		t.Errorf("another program has %q", got)
	}
	write(program, "two")
	if got := digest(set()); got == "known" || got == one {
		t.Errorf("a changed file has %q", got)
	}
	write(program, "one")
	for _, damaged := range []string{"", "text", userProgramsSchema, userProgramsSchema + "0123456789012345678901234567890123456789"} {
		write(kept, damaged)
		if got := digest(set()); got != one {
			t.Errorf("with the file %q it has %q, want %q", damaged, got, one)
		}
	}
}

// What one set was told of a compiler serves another folder's set, unless the answer may be
// another one there.
func TestUserToolchains(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(t.TempDir(), "programs")
	probe := func(env []string) string {
		t.Helper()
		s, w, root := newState(), newWatcher(newStatCache()), t.TempDir()
		s.programs.file = kept
		d, no := chooseDrivers(w, root, "auto", env)
		if no != nil {
			t.Skip(no.message)
		}
		got, err := (&prober{root: root, env: env, state: s}).probe(t.Context(), w, d, "default", false)
		if err != nil || got.Why != "" {
			t.Fatal(err, got.Why)
		}
		return got.Version
	}
	path := "PATH=/usr/local/bin:/usr/bin:/bin"
	real := probe([]string{path})
	(&userPrograms{file: kept}).change(func(k *knownPrograms) {
		if len(k.Toolchains) != 1 {
			t.Errorf("%d toolchains are kept", len(k.Toolchains))
		}
		for key, r := range k.Toolchains {
			r.Value.Version = "told"
			k.Toolchains[key] = r
		}
	})
	if got := probe([]string{path}); got != "told" {
		t.Errorf("another set has %q", got)
	}
	for _, env := range [][]string{{path + ":bin"}, {path, "CPATH=include"}} {
		if got := probe(env); got != real {
			t.Errorf("with %q it has %q, want %q", env, got, real)
		}
	}
	if known := readPrograms(kept).Toolchains; len(known) != 1 {
		t.Errorf("answers for relative paths are kept: %d", len(known))
	}
}
