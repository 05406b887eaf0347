package oracle

import (
	"fmt"
	"os"
	"testing"
)

// hole is something that once came out wrong: the kind and turn that found it at
// bca7151, where no mend was made yet, the seed, and after how many steps.
type hole struct {
	turn  string
	seed  uint64
	steps int
}

var holes = []hole{
	{"wrappers/file", 3, 2},
	{"wrappers/static", 3, 2},
	{"wrappers/static-wrapper", 3, 2},
	{"wrappers/compiled-wrapper", 8, 6},
	{"wrappers/go", 3, 2},
	{"wrappers/ccache", 3, 2},
	{"wrappers/counter", 3, 2},
	{"wrappers/shows-environment", 3, 2},
	{"wrappers/switches", 1, 3},
	{"wrappers/nftw", 3, 2},
	{"wrappers/fts", 3, 2},
	{"wrappers/wordexp", 3, 2},
	{"wrappers/getdents64", 3, 2},
	{"wrappers/syscall", 3, 2},
	{"wrappers/read-write-create", 3, 2},
	{"wrappers/test-x", 3, 2},
	{"wrappers/test-nt", 1, 7},
	{"wrappers/dangling-link", 3, 2},
	{"wrappers/library", 3, 2},
	{"wrappers/path", 1, 3},
	{"places/copy", 1, 2},
	{"places/exchange", 1, 2},
	{"swaps/folder", 1, 2},
	{"swaps/folder-first", 1, 2},
	{"swaps/link", 1, 2},
	{"clock/defines", 1, 3},
	{"clock/flags", 1, 3},
	{"clock/pasted", 1, 3},
	{"clock/spliced", 1, 3},
	{"clock/gch", 1, 3},
	{"clock/timestamp", 1, 2},
	{"coarse/header", 1, 2},
	{"coarse/settings", 3, 2},
	{"paths/shm", 3, 6},
	{"paths/rb", 1, 6},
	{"paths/args", 1, 6},
	{"quiet/mmap", 1, 2},
	{"quiet", 1, 2},
	{"caller/umask", 1, 3},
	{"deaths/killed", 1, 2},
	{"assembler/include", 1, 2},
	{"assembler/incbin", 1, 2},
	{"editors/apple-double", 1, 2},
	{"editors/emacs-lock", 1, 2},
	{"plan/step", 1, 3},
	{"plan/target", 1, 3},
	{"plan/libs", 1, 2},
	{"plan/assign", 1, 2},
}

// TestHoles repeats what found each hole. By itself it takes the first of each kind;
// ORACLE_HOLES=all takes all.
func TestHoles(t *testing.T) {
	t.Parallel()
	all, tried := os.Getenv("ORACLE_HOLES") == "all", map[string]bool{}
	for _, h := range holes {
		k := kindOf(h.turn)
		if !all && tried[k.name] {
			continue
		}
		tried[k.name] = true
		t.Run(fmt.Sprintf("%s seed=%d", h.turn, h.seed), func(t *testing.T) {
			t.Parallel()
			runProject(t, h.seed, h.steps, h.turn, new(tally))
		})
	}
}

// Every hole names a turn that is there, and every kind has a hole.
func TestHolesNameTurns(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, h := range holes {
		w := &world{t: t}
		k := kindOf(h.turn)
		k.cannot = nil
		w.addTurns(k, h.turn)
		found[k.name] = true
	}
	for _, k := range allKinds() {
		if !found[k.name] && k.name != "names" { // none was found
			t.Errorf("no hole was found by %s", k.name)
		}
	}
}
