package ninjabuild

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// told collects what a listener is told, one line a call.
type told struct{ lines []string }

func (l *told) Planned(_ string, edges []Edge, upToDate int) {
	l.lines = append(l.lines, fmt.Sprintf("planned %d, up to date %d", len(edges), upToDate))
}

func (l *told) Started(e Edge) {
	l.lines = append(l.lines, fmt.Sprintf("started %s %s: %s", e.Kind, e.Output, e.Reason.Text))
}

func (l *told) Finished(e Edge, _ time.Duration, r Result) {
	l.lines = append(l.lines, fmt.Sprintf("finished %s %d", e.Output, r.Code))
}

func (l *told) Stopped(why string) { l.lines = append(l.lines, "stopped: "+why) }

// TestListener: a listener is told of each edge that runs, with its reason, and of nothing
// if nothing runs.
func TestListener(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	manifest := func(flag string) {
		write("build.ninja", `
rule copy
  command = cat $in >$out`+flag+`
rule fail
  command = exit 3
build app.dir/a.o: copy a.c
build app: phony app.dir/a.o
build bad: fail
default app
`)
	}
	build := func(want int, args ...string) []string {
		t.Helper()
		l := &told{}
		c := Caller{Name: "ninja", Args: args, Env: os.Environ(), Dir: dir, Stdout: io.Discard, Stderr: io.Discard, Runner: Shell{}, Listener: l}
		if code := Main(context.Background(), c); code != want {
			t.Fatalf("exit code %d", code)
		}
		return l.lines
	}
	expect := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	write("a.c", "one")
	manifest("")
	compile := func(why string) []string {
		return []string{"planned 1, up to date 0", "started " + ipc.ActionCompile + " app.dir/a.o: " + why, "finished app.dir/a.o 0"}
	}
	expect(build(0, "-n"))
	expect(build(0), compile("never built before")...)
	expect(build(0))
	manifest(" ")
	expect(build(0), compile("the command changed")...)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a.c"), later, later); err != nil {
		t.Fatal(err)
	}
	expect(build(0), compile("a.c changed")...)
	if err := os.Remove(filepath.Join(dir, "app.dir", "a.o")); err != nil {
		t.Fatal(err)
	}
	earlier := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a.c"), earlier, earlier); err != nil {
		t.Fatal(err)
	}
	expect(build(0), compile("object missing")...)
	expect(build(3, "bad"), "planned 1, up to date 0", "started command bad: never built before", "finished bad 3", "stopped: subcommand failed")
	expect(build(1, "zzzzzz"), "stopped: unknown target 'zzzzzz'")
}
