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
	known := &programDigests{file: kept}
	known.add(map[string]fileDigest{program: {sig, "known"}, "another": {sig, "too"}})
	if got := digest(set()); got != "known" {
		t.Errorf("the next set has %q for an unchanged file", got)
	}
	if got := (&programDigests{file: kept}).find("another", sig); got != "too" {
		t.Errorf("another program has %q", got)
	}
	write(program, "two")
	if got := digest(set()); got == "known" || got == one {
		t.Errorf("a changed file has %q", got)
	}
	write(program, "one")
	for _, damaged := range []string{"", "text", programDigestsSchema, programDigestsSchema + "0123456789012345678901234567890123456789"} {
		write(kept, damaged)
		if got := digest(set()); got != one {
			t.Errorf("with the file %q it has %q, want %q", damaged, got, one)
		}
	}
}
