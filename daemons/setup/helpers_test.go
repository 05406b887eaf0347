package setup

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fakeTools is a compiler that answers the questions of a probe, so that goldens do
// not depend on the machine and tests need no second to start clang.
const fakeTools = `
-- bin/clang++ --
#!/bin/sh
here=${0%/bin/*}
case " $* " in
*" -print-search-dirs "*)
	echo "programs: =$here/bin"
	echo "libraries: =$here/lib/clang/99:$here/lib" ;;
*" -E "*)
	echo "Fake clang version 99.0" >&2
	echo "Target: x86_64-fake-linux-gnu" >&2
	echo " \"$here/bin/clang\" -cc1 -triple x86_64-fake-linux-gnu" >&2
	echo "#include <...> search starts here:" >&2
	echo " $here/include" >&2
	echo "End of search list." >&2 ;;
*" -Wl,--version "*)
	case " $* " in *-fuse-ld=mold*) exit 0 ;; esac
	echo "cannot link" >&2; exit 1 ;;
*) exit 1 ;;
esac
-- bin/clang --
#!/bin/sh
exec "${0%/*}/clang++" "$@"
-- bin/ar --
#!/bin/sh
-- bin/ld --
#!/bin/sh
-- bin/ld.mold --
#!/bin/sh
-- bin/ld.lld --
#!/bin/sh
-- lib/clang/99/include/stddef.h --
-- lib/libplain.so --
-- include/plain.h --
#define PLAIN_VERSION "3.4"
-- pc/zlib.pc --
Name: zlib
Description: fake
Version: 1.2.13
Libs: -L/fake/lib -lz
Cflags: -I/fake/include
-- pc/top.pc --
Name: top
Description: fake
Version: 2.0
Requires.private: zlib >= 1.2
Libs: -ltop -pthread
Cflags: -DTOP=1
`

// world is a folder with a project and fake tools.
type world struct {
	t    testing.TB
	root string // of the project
	fake string
	env  []string
	s    *Service
}

// newWorld unpacks an archive as a project.
func newWorld(t testing.TB, files string) *world {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: filepath.Join(base, "proj"), fake: filepath.Join(base, "fake")}
	unpack(t, w.root, files)
	unpack(t, w.fake, fakeTools)
	bin := filepath.Join(w.fake, "bin")
	if real, err := exec.LookPath("pkg-config"); err == nil {
		if err := os.Symlink(real, filepath.Join(bin, "pkg-config")); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{"LANG=C", "PATH=" + bin, "PKG_CONFIG_LIBDIR=" + filepath.Join(w.fake, "pc")}
	w.s = w.service("")
	return w
}

func (w *world) service(state string) *Service {
	s := New(Config{Root: w.root, StateDir: state, ModulePath: []string{filepath.Join(w.fake, "modules")}})
	w.t.Cleanup(func() { s.Close() })
	return s
}

func (w *world) plan() *ipc.Plan {
	w.t.Helper()
	p, err := w.tryPlan()
	if err != nil {
		w.t.Fatal(problemText(err))
	}
	return p
}

func (w *world) tryPlan() (*ipc.Plan, error) {
	r, err := w.s.Plan(context.Background(), ipc.PlanRequest{Env: w.env})
	return r.Plan, err
}

func (w *world) write(name, text string) {
	w.t.Helper()
	unpack(w.t, w.root, "-- "+name+" --\n"+text)
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.root, filepath.FromSlash(name))); err != nil {
		w.t.Fatal(err)
	}
}

// unpack writes an archive's files below dir. Those in a bin folder are executable;
// one whose name ends in a slash is a folder; one of "-> target" is a link.
func unpack(t testing.TB, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		file := filepath.Join(dir, filepath.FromSlash(f.Name))
		mode := os.FileMode(0o644)
		if strings.HasPrefix(f.Name, "bin/") || strings.HasSuffix(f.Name, ".sh") {
			mode = 0o755
		}
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			switch target, link := strings.CutPrefix(strings.TrimSpace(string(f.Data)), "-> "); {
			case strings.HasSuffix(f.Name, "/"):
				err = os.MkdirAll(file, 0o755)
			case link:
				err = os.Symlink(target, file)
			default:
				err = os.WriteFile(file, f.Data, mode)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// problemText is what a person reads of an error.
func problemText(err error) string {
	var e *ipc.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	lines := []string{e.Code}
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n") + "\n"
}

// neutral replaces what differs between machines and runs.
func (w *world) neutral(text string) string {
	text = strings.ReplaceAll(text, w.root, "$ROOT")
	text = strings.ReplaceAll(text, w.fake, "$FAKE")
	return strings.ReplaceAll(text, filepath.Dir(w.root), "$BASE")
}

// golden runs a test for each archive in a folder of testdata: the section "want" is
// compared with what f returns, and "env" holds further variables.
func golden(t *testing.T, dir string, f func(t *testing.T, w *world) string) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, "")
			if strings.Contains(string(a.Comment), "needs pkg-config") {
				if _, err := exec.LookPath("pkg-config"); err != nil {
					t.Skip("pkg-config is not installed")
				}
			}
			var want *txtar.File
			for i := range a.Files {
				switch f := &a.Files[i]; f.Name {
				case "want":
					want = f
				case "env":
					for line := range strings.Lines(string(f.Data)) {
						name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
						value = strings.NewReplacer("$FAKE", w.fake, "$ROOT", w.root).Replace(value)
						w.env = withEnv(w.env, name+"="+value)
					}
					slices.Sort(w.env)
				default:
					unpack(t, w.root, string(txtar.Format(&txtar.Archive{Files: []txtar.File{*f}})))
				}
			}
			got := w.neutral(f(t, w))
			if want == nil {
				a.Files = append(a.Files, txtar.File{Name: "want"})
				want = &a.Files[len(a.Files)-1]
			}
			if got == string(want.Data) {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want.Data)
			}
			want.Data = []byte(got)
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}
