package compilation

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// TestLoaderSearchByContent: what a program says to the loader is read once for a content, and
// again for another content under the same name.
func TestLoaderSearchByContent(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := func(folder string) {
		t.Helper()
		if out, err := exec.Command("gcc", "-Wl,-rpath,"+folder, "-o", program, source).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	var d dynamics
	look := func() []string {
		v := snapshot.New(dir, nil, snapshot.NewInterner(), snapshot.NewHashCache(time.Now))
		var seen observation
		d.addLoaderSearch(v, program, nil, &seen)
		return seen.misses
	}
	for _, folder := range []string{"$ORIGIN/first", "$ORIGIN/second"} {
		link(folder)
		want := filepath.Join(filepath.Base(folder), "libc.so.6")
		for range 2 {
			if misses := look(); !slices.Contains(misses, want) {
				t.Fatalf("of a program that looks into %s: %q", folder, misses)
			}
		}
	}
	if len(d.known) != 2 {
		t.Errorf("%d contents are remembered", len(d.known))
	}
	v := snapshot.New(dir, nil, snapshot.NewInterner(), snapshot.NewHashCache(time.Now))
	if n := testing.AllocsPerRun(10, func() { d.of(v, program) }); n > 10 {
		t.Errorf("a program whose content is known is read again: %v allocations", n)
	}
}
