package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// project is a folder that the real program builds, with a REPLIBUILD_HOME and a
// set of daemons of its own.
type project struct {
	t    *testing.T
	exe  string
	root string
	env  []string
}

// buildProgram builds replibuild as `make` does.
func buildProgram(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "replibuild")
	if out, err := exec.Command("go", "build", "-o", exe, "../cmd/replibuild").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return exe
}

// newProject makes an empty folder called name and stops its daemons at the end of
// the test. Should the test be killed, they leave by themselves.
func newProject(t *testing.T, exe, name string) *project {
	dir := t.TempDir()
	p := &project{t: t, exe: exe, root: filepath.Join(dir, name)}
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); key != "CI" && !strings.HasPrefix(key, "REPLIBUILD_") {
			p.env = append(p.env, kv)
		}
	}
	p.env = append(p.env, "REPLIBUILD_HOME="+filepath.Join(dir, "home"), "REPLIBUILD_EXE="+exe,
		"TMPDIR="+p.mkdir(filepath.Join(dir, "tmp")), "TEST_TMPDIR="+p.mkdir(filepath.Join(dir, "scratch")), "NO_COLOR=1")
	p.write(".replibuild/daemon_config.toml", "[daemons]\nidle_timeout = 60\n")
	t.Cleanup(func() { p.run("stop") })
	return p
}

func (p *project) path(rel string) string { return filepath.Join(p.root, filepath.FromSlash(rel)) }

func (p *project) mkdir(dir string) string {
	p.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	return dir
}

func (p *project) write(rel, text string) {
	p.t.Helper()
	p.mkdir(filepath.Dir(p.path(rel)))
	if err := os.WriteFile(p.path(rel), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) append(rel, text string) {
	p.t.Helper()
	p.write(rel, read(p.t, p.path(rel))+text)
}

// replace replaces the one occurrence of old.
func (p *project) replace(rel, old, new string) {
	p.t.Helper()
	text := read(p.t, p.path(rel))
	if n := strings.Count(text, old); n != 1 {
		p.t.Fatalf("%s contains %q %d times, not once", rel, old, n)
	}
	p.write(rel, strings.Replace(text, old, new, 1))
}

// copy copies a folder to rel in the project; none of its files may be there yet.
func (p *project) copy(source, rel string) {
	p.t.Helper()
	if err := os.CopyFS(p.mkdir(p.path(rel)), os.DirFS(source)); err != nil {
		p.t.Fatal(err)
	}
}

// limit bounds one command, so that one that hangs fails its test and not the run.
const limit = 5 * time.Minute

func (p *project) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = p.root, p.env
	return c
}

// run runs replibuild and returns what it printed; it must succeed.
func (p *project) run(args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := p.command(ctx, p.exe, args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("replibuild %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fails runs replibuild, which must not succeed, and returns what it printed.
func (p *project) fails(args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := p.command(ctx, p.exe, args...).CombinedOutput()
	if err == nil {
		p.t.Errorf("replibuild %s succeeds:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// compile builds everything and returns what the events said.
func (p *project) compile() built {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := p.command(ctx, p.exe, "compile", "--json")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		p.t.Fatalf("replibuild compile: %v\n%s%s", err, out, stderr.Bytes())
	}
	return readBuild(p.t, out)
}

func readBuild(t *testing.T, out []byte) built {
	t.Helper()
	var b built
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var e ipc.Event
		if err := dec.Decode(&e); err == io.EOF {
			return b
		} else if err != nil {
			t.Fatalf("read the events of a build: %v\n%s", err, out)
		}
		switch body := e.Body.(type) {
		case ipc.UnitFinished:
			if body.Status == ipc.StatusCompiled {
				b.compiled = append(b.compiled, body.File)
				b.why = append(b.why, body.File+": "+body.Reason.Text)
			}
		case ipc.LinkFinished:
			if body.Status == ipc.StatusCompiled {
				b.linked = append(b.linked, body.Target)
			}
		case ipc.BuildFinished:
			b.finished = body
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
