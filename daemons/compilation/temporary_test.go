package compilation

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/internal/testkit"
)

// What an ended tool has left is taken away, and nothing else that lies beside it, also
// where the output's name has no ending, as a program's.
func TestClearAfter(t *testing.T) {
	t.Parallel()
	killed, failed := process.Outcome{Exit: 137}, process.Outcome{Exit: 1}
	others := []string{"app", "liba.a", "notes.txt", ".rb-OTHER", ".rb-OTHER.o", ".rb-OTHER-12345678.o.tmp"}
	for output, left := range map[string][]string{
		".rb-MINE":        {".rb-MINE", ".rb-MINE.tmp1234567", ".rb-MINE.ltrans0.o"},
		".rb-MINE.o":      {".rb-MINE.o", ".rb-MINE-12345678.o.tmp"},
		".rb-MINE.so.1.2": {".rb-MINE.so.1.2", ".rb-MINE.so.1.2.tmp1234567"},
		"app":             nil, // written in place
		".rb-":            nil,
	} {
		dir := t.TempDir()
		for _, name := range slices.Concat(others, left) {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		clearAfter(failed, filepath.Join(dir, output)) // it has cleared up itself
		if got := namesIn(t, dir); len(got) != len(others)+len(left) {
			t.Errorf("%s after an error: %q", output, got)
		}
		clearAfter(killed, filepath.Join(dir, output))
		if got := namesIn(t, dir); !slices.Equal(got, slices.Sorted(slices.Values(others))) {
			t.Errorf("%s: %q", output, got)
		}
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A link that is cancelled takes nothing along that lies beside its program.
func TestCancelledLink(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("main.cpp", "int main() { return 0; }\n")
	objects := p.objects("main.cpp")
	p.write("build/other", "")
	p.write("build/notes.txt", "")
	p.tool.CXX = filepath.Join(t.TempDir(), "c++")
	p.writeAbs(p.tool.CXX, `#!/bin/sh
for a; do case $a in */.rb-*) : > "$a"; : > "$a.tmp1234567"; : > $PWD/linking; sleep 60;; esac; done
`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := make(chan error, 1)
	go func() {
		_, err := p.start().Run(ctx, linkTarget{Name: "app", Output: "build/app"}.request(p, objects), nil)
		end <- err
	}()
	testkit.Until(t, "the link", func() bool { _, err := os.Stat(p.path("linking")); return err == nil })
	cancel()
	if err := <-end; err == nil {
		t.Error("the link was not cancelled")
	}
	if got := strings.Join(namesIn(t, p.path("build")), " "); got != "notes.txt obj other" {
		t.Errorf("beside the program lie %s", got)
	}
}
