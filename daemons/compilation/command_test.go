package compilation

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// generate runs a step of a script.
func (p *project) generate(script string, outputs ...string) ipc.ActionResult {
	p.t.Helper()
	return p.generateBy([]string{"sh", "-c", script}, outputs...)
}

// generateBy is generate for a command without a shell.
func (p *project) generateBy(args []string, outputs ...string) ipc.ActionResult {
	p.t.Helper()
	if s := p.start(); s.tracers.dir != "" {
		if _, err := s.tracers.library(p.t.Context(), stepShell, p.env); err != nil {
			p.t.Fatal(err)
		}
	}
	r, err := p.one(p.t.Context(), p.stepRequest(ipc.Action{
		ID: "step:" + outputs[0], Args: args, Inputs: []string{"api.txt"}, Outputs: outputs,
	}))
	if err != nil {
		p.t.Fatal(err)
	}
	p.s.writeback.drain(p.t.Context())
	return r
}

// stepRequest asks for a step.
func (p *project) stepRequest(step ipc.Action) ipc.RunRequest {
	step.Kind = ipc.ActionCommand
	return ipc.RunRequest{Build: "b1", Root: p.root, BuildDir: "build", Env: p.env, Actions: []ipc.RunAction{{Action: step}}}
}

// projectInputs are the inputs of a node that lie in the project.
func (p *project) projectInputs(id string) (paths []string) {
	for _, f := range p.files[id] {
		if !filepath.IsAbs(f.Path) {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// What a step reads of the project is an input although it is not declared; what it
// writes and reads again is none.
func TestGenerateUndeclared(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	p := anyCompiler(t)
	const script = `sort api.txt > sorted.tmp; . tools/lib.sh; head -n1 sorted.tmp > build/gen/api.h; emit >> build/gen/api.h; cat /etc/passwd >/dev/null`
	const out = "build/gen/api.h"
	p.write("api.txt", "int b();\nint a();\n")
	p.write("tools/lib.sh", "emit() { echo 'int c();'; }\n")
	if r := p.generate(script, out); r.Status != ipc.StatusCompiled {
		t.Fatalf("first: %+v", r)
	}
	if r := p.generate(script, out); !r.InPlace {
		t.Errorf("again: %+v", r)
	}
	if inputs := p.projectInputs("step:" + out); !slices.Equal(inputs, []string{"api.txt", "tools/lib.sh"}) {
		t.Errorf("inputs %+v", inputs)
	}
	p.write("tools/lib.sh", "emit() { echo 'int d();'; }\n")
	if r := p.generate(script, out); !r.Changed || r.Reason.Path != "tools/lib.sh" {
		t.Errorf("edited: %+v", r)
	}
	if text := p.read(out); text != "int a();\nint d();\n" {
		t.Errorf("%q", text)
	}
	p.remove("tools/lib.sh")
	if r := p.generate(script, out); r.Status != ipc.StatusFailed {
		t.Errorf("removed: %+v", r)
	}
	p.write("tools/lib.sh", "emit() { echo 'int d();'; }\n")
	if r := p.generate(script, out); r.Status != ipc.StatusCompiled || r.Changed { // sorted.tmp keeps it out of the cache
		t.Errorf("back: %+v", r)
	}
}

func TestPythonSource(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"tools/__pycache__/gen.cpython-311.pyc":       "tools/gen.py",
		"__pycache__/gen.cpython-311.opt-1.pyc":       "gen.py",
		"/usr/lib/python3/__pycache__/re.cpython.pyc": "/usr/lib/python3/re.py",
		"tools/gen.pyc": "tools/gen.pyc",
		"tools/gen.py":  "tools/gen.py",
	} {
		if got := pythonSource(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.args = append(p.args, "-Ibuild/gen")
	const script = `echo x >> runs; echo "running"; sort api.txt > build/gen/sub/api.h`
	const out = "build/gen/sub/api.h"
	p.write("api.txt", "int b();\nint a();\n")
	p.write("main.cpp", "#include \"sub/api.h\"\n")
	r := p.generate(script, out)
	if r.Status != ipc.StatusCompiled || !r.Changed || r.Reason.Code != ipc.ReasonNew || r.Diagnostics != "running\n" {
		t.Fatalf("first: %+v", r)
	}
	p.expect("compile", "main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	if r = p.generate(script, out); !r.InPlace {
		t.Errorf("again: %+v", r)
	}
	if node := p.track["step:"+out]; len(p.projectInputs("step:"+out)) != 1 || len(node.Outputs) != 1 || node.Unsettled != "" {
		t.Errorf("discovery gets %+v", node)
	}

	p.write("api.txt", "int a();\nint b();\n")
	if r = p.generate(script, out); r.Status != ipc.StatusCompiled || r.Changed || r.Reason.Path != "api.txt" {
		t.Errorf("same output: %+v", r)
	}
	p.expect("cut off", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)

	p.write("api.txt", "int a();\n")
	if r = p.generate(script, out); !r.Changed {
		t.Errorf("other output: %+v", r)
	}
	// At once: what was just generated is trusted, so that the object can be stored.
	p.expect("follows", "main.cpp", ipc.StatusCompiled, ipc.ReasonInput)

	p.remove("build/gen")
	if r = p.generate(script, out); r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonUncacheable || !strings.Contains(r.Reason.Text, "missing, not cached: it adds to runs") {
		t.Errorf("deleted: %+v", r)
	}
	if r = p.generate(script+" ", out); r.Reason.Code != ipc.ReasonFlags {
		t.Errorf("other command: %+v", r)
	}
	p.env = append(p.env, "EXTRA=1")
	if r = p.generate(script+" ", out); !r.InPlace {
		t.Errorf("a variable that nothing reads: %+v", r)
	}
	if r = p.generate(script+"; : $EXTRA", out); r.Reason.Code != ipc.ReasonFlags {
		t.Errorf("a line that reads it: %+v", r)
	}
	p.env = append(p.env, "EXTRA=2")
	if r = p.generate(script+"; : $EXTRA", out); r.Reason.Code != ipc.ReasonEnvironment || r.Reason.Path != "EXTRA" {
		t.Errorf("other environment: %+v", r)
	}
	p.stop()
	if r = p.generate(script+"; : $EXTRA", out); !r.InPlace {
		t.Errorf("restarted: %+v", r)
	}
	if runs := strings.Count(p.read("runs"), "x"); runs != 7 {
		t.Errorf("%d runs", runs)
	}
}

func TestGenerateFailures(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	const out = "build/gen/a.h"
	if r := p.generate("true", out); r.Status != ipc.StatusFailed || !strings.Contains(r.Diagnostics, "api.txt") {
		t.Errorf("no input: %+v", r)
	}
	p.write("api.txt", "x")
	r := p.generate("echo said; true", out)
	if r.Status != ipc.StatusFailed || !strings.Contains(r.Diagnostics, "said\n") || !strings.Contains(r.Diagnostics, out) {
		t.Errorf("no output: %+v", r)
	}
	if r = p.generate("exit 3", out); r.Status != ipc.StatusFailed || r.Exit != 3 {
		t.Errorf("exit 3: %+v", r)
	}
	p.write("precious", "precious")
	if err := os.Symlink(p.path("precious"), p.path(out)); err != nil {
		t.Fatal(err)
	}
	if r = p.generate("echo y > "+out, out); r.Status != ipc.StatusCompiled || p.read("precious") != "precious" || p.read(out) != "y\n" {
		t.Errorf("link: %+v", r)
	}
	for _, step := range []ipc.Action{{}, {ID: "a", Args: []string{"x"}}, {ID: "a", Outputs: []string{"x"}}} {
		if _, err := p.s.Run(t.Context(), p.stepRequest(step), nil); ipc.CodeOf(err) != ipc.CodeBadRequest {
			t.Errorf("%+v: %v", step, err)
		}
	}
	r, err := p.one(t.Context(), p.stepRequest(ipc.Action{ID: "s", Args: []string{"no-such-program"}, Outputs: []string{"x"}}))
	if err != nil || r.Status != ipc.StatusFailed || !strings.Contains(r.Diagnostics, "no-such-program") {
		t.Errorf("no program: %+v, %v", r, err)
	}
}

// An input that changes while the command runs: the outputs are there, but not for
// clean.
func TestGenerateChangedMeanwhile(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("api.txt", "x")
	r := p.generate("cat api.txt > build/gen/a.h; echo y > api.txt", "build/gen/a.h")
	if r.Status != ipc.StatusCompiled || p.track[r.ID].Unsettled == "" {
		t.Errorf("%+v, %+v", r, p.track[r.ID])
	}
	p.waitPast("api.txt")
	if r = p.generate("cat api.txt > build/gen/a.h; echo y > api.txt", "build/gen/a.h"); r.InPlace || !r.Changed {
		t.Errorf("%+v", r)
	}
}
