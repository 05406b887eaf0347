package replibuild

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// What the last command of a build read is recorded, although the build ends before discovery
// has the record. Without it ninja's rule alone judges the edge: an edit that leaves a header's
// time as it was is not seen.
func TestNinjaRecordsOfABuildThatEnds(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	t.Setenv("REPLIBUILD_HOME", t.TempDir())
	t.Setenv("CI", "1") // all services in this process
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("build.ninja", "")
	write("a.h", "#define V 1\n")
	write("a.c", "#include \"a.h\"\nint a = V;\n")
	write("b.c", "#include \"a.h\"\nint b = V;\n")

	r := NewNinjaRunner(nil)
	ctx, end := context.WithCancel(t.Context())
	compile := func(name string) {
		c := ninjabuild.Command{
			Line: cc + " -c " + name + ".c -o " + name + ".o", Dir: dir, Env: os.Environ(),
			Inputs: []string{name + ".c"}, Outputs: []string{name + ".o"},
		}
		if done := r.Run(ctx, c); done.Code != 0 || done.Service == nil {
			t.Fatalf("%s: %+v", c.Line, done)
		}
	}
	compile("a")
	r.records.turn.Lock() // nothing is recorded meanwhile
	compile("b")
	end()
	time.Sleep(100 * time.Millisecond) // for who ends with the build
	r.records.turn.Unlock()
	killed := newNinjaRecords(r.project, nil) // what the next build knows if this one is killed now
	if names := killed.asked.Names(); len(names) == 0 || !r.project.hasNinjaRecords() {
		t.Errorf("a build that is killed leaves the variables %q, recorded edges: %v", names, r.project.hasNinjaRecords())
	}
	other := newNinjaRecords(r.project, nil) // a build that runs at the same time, and ends first
	one, two := []ipc.Variable{{Name: "ONE"}}, []ipc.Variable{{Name: "TWO"}}
	other.journal.note("edge:x", one)
	killed.journal.note("edge:y", two)
	other.journal.note("edge:z", one)
	for node, want := range map[string]string{"edge:x": "ONE", "edge:y": "TWO", "edge:z": "ONE"} {
		read := map[string][]ipc.Variable{}
		killed.journal.restore(func(node string, asked []ipc.Variable) { read[node] = asked })
		if got := read[node]; len(got) != 1 || got[0].Name != want {
			t.Errorf("%s asked for %v, not for %s", node, got, want)
		}
	}
	other.put("edge:x", one)
	other.changed = true
	if err := other.save(); err != nil {
		t.Fatal(err)
	}
	killed.journal.note("edge:y", two)
	if !killed.journal.isThere() {
		t.Error("the journal of a build went with the end of another one")
	}
	killed.journal.end()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if all := newNinjaRecords(r.project, nil).asked.Names(); !slices.Contains(all, "ONE") {
		t.Errorf("what another build has saved meanwhile is lost: %q", all)
	}
	if _, err := os.Stat(killed.journal.path); err == nil {
		t.Error("the journal is there after the build's end")
	}

	write("a.h", "#define V 2\n")
	found := findDoubts(t.Context(), dir, os.Environ())
	defer found.close()
	for _, output := range []string{"a.o", "b.o"} {
		if found.dirty[output].Text == "" {
			t.Errorf("nothing is said of %s, which was made from another a.h: %v", output, found.dirty)
		}
	}
}
