package oracle

import (
	"fmt"
	"os"
	"testing"
)

// hole is something that once came out wrong: the kind and turn that found it, the seed,
// and after how many steps: at bca7151, where no mend was made yet, and in November 2026
// with all mends but one (of what two mends catch, both were taken out).
type hole struct {
	turn    string
	seed    uint64
	steps   int
	without int    // steps without the mend
	mend    string // what was taken out
}

var holes = []hole{
	{"wrappers/file", 3, 2, 2, "the wait for the tracer, and the doubt of a wrapper's dependency file"},
	{"wrappers/static", 3, 2, 2, "the count of processes that did not load the tracer"},
	{"wrappers/static-wrapper", 3, 2, 2, "the doubt of a dependency file where the wrapper cannot be traced"},
	{"wrappers/compiled-wrapper", 8, 6, 6, "the same as of wrappers/file"},
	{"wrappers/go", 3, 2, 2, "the sign of programs in Go"},
	{"wrappers/ccache", 3, 2, 2, "the doubt of a dependency file where the trace has gaps"},
	{"wrappers/counter", 3, 2, 2, "the same"},
	{"wrappers/shows-environment", 3, 2, 2, "the words by which the loader's complaint is known, and the doubt of a wrapper's dependency file"},
	{"wrappers/switches", 1, 3, 5, "the doubt of a dependency file where the trace has gaps"},
	{"wrappers/nftw", 3, 2, 2, "the wrapped nftw"},
	{"wrappers/fts", 3, 2, 2, "the wrapped fts_read"},
	{"wrappers/wordexp", 3, 2, 2, "the wrapped wordexp"},
	{"wrappers/getdents64", 3, 2, 2, "the wrapped getdents64, and the times of folders"},
	{"wrappers/syscall", 3, 2, 2, "openat of the wrapped syscall"},
	{"wrappers/read-write-create", 3, 2, 2, "reading by a file opened for both"},
	{"wrappers/test-x", 3, 2, 2, "modes and times of what was asked about"},
	{"wrappers/test-nt", 1, 7, 7, "the same"},
	{"wrappers/dangling-link", 3, 2, 2, "texts of links"},
	{"wrappers/library", 3, 2, 2, "libraries of foreign programs"},
	{"wrappers/path", 1, 3, 3, "PATH"},
	{"places/copy", 1, 2, 2, "the root in state files, and in the plan"},
	{"places/exchange", 1, 2, 2, "the same"},
	{"swaps/folder", 1, 2, 2, "the stamps of files at their open"},
	{"swaps/folder-first", 1, 2, 2, "the same"},
	{"swaps/link", 1, 2, 2, "the same, and the stamps of links"},
	{"clock/defines", 1, 3, 3, "the sign that a date was made of now"},
	{"clock/flags", 1, 3, 3, "the same"},
	{"clock/pasted", 1, 3, 3, "the same"},
	{"clock/spliced", 1, 3, 3, "the same"},
	{"clock/gch", 1, 3, 3, "the same"},
	{"clock/timestamp", 1, 2, 3, "TZ"},
	{"coarse/header", 1, 2, 9, "the age that coarse stamps need"},
	{"coarse/settings", 3, 2, 2, "the same"},
	{"paths/shm", 3, 6, 2, "files beneath /dev, in the trace and compared with the dependency file"},
	{"paths/rb", 1, 6, 2, "the exact names of our own files"},
	{"paths/args", 1, 6, 2, "the same"},
	{"quiet/mmap", 1, 2, 2, "the look at recent files"},
	{"quiet", 1, 2, 2, "the same"},
	{"caller/umask", 1, 3, 2, "the umask in the modes of outputs"},
	{"deaths/killed", 1, 2, 2, "the end of what a dead service left"},
	{"assembler/include", 1, 2, 2, "the wait for the tracer"},
	{"assembler/incbin", 1, 2, 2, "the same"},
	{"editors/apple-double", 1, 2, 2, "the names of editors' files"},
	{"editors/emacs-lock", 1, 2, 2, "the same, and what is no file"},
	{"plan/step", 1, 3, 3, "the removal of outputs that left the plan"},
	{"plan/target", 1, 3, 3, "the same"},
	{"plan/libs", 1, 2, 2, "repeated libraries"},
	{"plan/assign", 1, 2, 2, "the refusal of a variable before the compiler"},
	{"sharing/same", 3, 7, 7, "the contents of the asking tree in the keys of the shared store"},
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
			runProject(t, h.seed, max(h.steps, h.without), h.turn, new(tally))
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
		if !found[k.name] && k.name != "names" && k.name != "remote" { // none was found
			t.Errorf("no hole was found by %s", k.name)
		}
	}
}
