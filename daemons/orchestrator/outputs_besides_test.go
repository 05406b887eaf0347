package orchestrator

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// outputFolder is a project's folder with a log of outputs. Each build has a log of its own, as
// each process has.
type outputFolder struct {
	*testing.T
	dir, lock string
	plan      *ipc.Plan
}

func newOutputFolder(t *testing.T) *outputFolder {
	unit := func(id, output string) ipc.Action {
		return ipc.Action{ID: id, Kind: ipc.ActionCompile, Outputs: []string{output}}
	}
	return &outputFolder{
		T: t, dir: t.TempDir(), lock: filepath.Join(t.TempDir(), "build.lock"),
		plan: &ipc.Plan{ID: "p1", BuildDir: "build", Actions: []ipc.Action{unit("p:a.cpp", "build/a.o"), unit(`p:b".cpp`, "build/b.o")}},
	}
}

func (f *outputFolder) write(path, text string) ipc.FileSig {
	f.Helper()
	file := filepath.Join(f.dir, path)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o644)
	}
	info, err2 := os.Lstat(file)
	if err != nil || err2 != nil {
		f.Fatal(err, err2)
	}
	return ipc.FileSig{Path: path, Sig: ipc.SignatureOf(info)}
}

// build is a build in which a node made files, or left some.
func (f *outputFolder) build(id string, made []ipc.FileSig, left ...ipc.LeftFile) {
	o := newOutputLog(f.lock, f.dir, rootid.ID("root 1"), slog.New(slog.DiscardHandler))
	o.tidy(f.plan)
	if len(made) > 0 {
		t := ipc.Track{Files: made, Nodes: []ipc.NodeRecord{{ID: id}}}
		for i := range made {
			t.Nodes[0].Outputs = append(t.Nodes[0].Outputs, uint32(i))
		}
		o.note(t)
	}
	o.noteLeft(map[string][]ipc.LeftFile{id: left}, f.plan)
	o.tidyBesides(f.plan)
}

func (f *outputFolder) there(what string, paths ...string) {
	f.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(f.dir, p)); err != nil {
			f.Errorf("%s: %v", what, err)
		}
	}
}

func (f *outputFolder) gone(what string, paths ...string) {
	f.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(f.dir, p)); err == nil {
			f.Errorf("%s: %s is there", what, p)
		}
	}
}

// A file beside an output goes when its node makes it no more, whatever failed meanwhile. What
// somebody else wrote stays.
func TestFilesBesideGo(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"p:a.cpp", `p:b".cpp`} {
		f := newOutputFolder(t)
		main := f.plan.Action(id).Outputs[0]
		object := f.write(main, "o")
		f.build(id, []ipc.FileSig{object, f.write("build/x.d", "1"), f.write("build/x.su", "1"), f.write("src/x.log", "1")})
		f.write("build/user.txt", "mine")
		f.build(id, nil,
			ipc.LeftFile{File: f.write("build/x.d", "of a failed run"), Before: true},
			ipc.LeftFile{File: f.write("build/user.txt", "mine, written over"), Before: true},
			ipc.LeftFile{File: f.write("build/new.txt", "1")})
		f.there("after a failure", main, "build/x.d", "build/x.su", "build/user.txt", "build/new.txt")
		f.write("build/x.su", "written by somebody else")
		f.build(id, []ipc.FileSig{object})
		f.there("made again", main, "build/x.su", "build/user.txt", "src/x.log")
		f.gone("made again", "build/x.d", "build/new.txt")
	}
}

// The log does not grow with each build of a process beside the daemons.
func TestOutputLogIsRewritten(t *testing.T) {
	t.Parallel()
	f := newOutputFolder(t)
	object := f.write("build/a.o", "o")
	for range 300 {
		f.build("p:a.cpp", []ipc.FileSig{object})
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(f.lock), "outputs.jsonl"))
	if n := bytes.Count(text, []byte("\n")); err != nil || n > 120 {
		t.Errorf("%d lines, %v", n, err)
	}
	f.there("after many builds", "build/a.o")
}
