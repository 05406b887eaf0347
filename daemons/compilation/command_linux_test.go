package compilation

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// stepProject is a project whose steps can be traced.
func stepProject(t *testing.T) *project {
	t.Helper()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	p := anyCompiler(t)
	p.write("api.txt", "int a();\n")
	return p
}

// expectStep runs a step and compares what became of it.
func (p *project) expectStep(what, script, status string, outputs ...string) ipc.ActionResult {
	p.t.Helper()
	return p.expectCommand(what, []string{"sh", "-c", script}, status, outputs...)
}

// expectCommand is expectStep for a command without a shell.
func (p *project) expectCommand(what string, args []string, status string, outputs ...string) ipc.ActionResult {
	p.t.Helper()
	r := p.generateBy(args, outputs...)
	if r.Status != status {
		p.t.Errorf("%s: %s because of %s, want %s\n%s", what, r.Status, r.Reason.Text, status, r.Diagnostics)
	}
	return r
}

// A step whose inputs are what they were is taken from the cache with all its outputs.
func TestStepsAreCached(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"shell":  `sort api.txt > build/gen/a.h; wc -c < api.txt > build/gen/b.h`,
		"copied": `cp api.txt build/gen/a.h; cp tools/extra build/gen/b.h`,
		"moved":  `cat api.txt > build/gen/tmp; mv build/gen/tmp build/gen/a.h; sed s/a/b/ api.txt > build/gen/b.h`,
		"python": `python3 -c 'import sys; sys.path.insert(0, "tools"); import helper; helper.main("api.txt", "build/gen/a.h", "build/gen/b.h")'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stepProject(t)
			if _, err := exec.LookPath("python3"); name == "python" && err != nil {
				t.Skip("no python3 here")
			}
			p.write("tools/extra", "extra\n")
			p.write("tools/helper.py", "def main(i, a, b):\n    text = open(i).read()\n    open(a, 'w').write(text)\n    open(b, 'w').write(str(len(text)))\n")
			outputs := []string{"build/gen/a.h", "build/gen/b.h"}
			p.expectStep("first", script, ipc.StatusCompiled, outputs...)
			if node := p.track["step:build/gen/a.h"]; node.Unsettled != "" {
				t.Errorf("first: %s", node.Unsettled)
			}
			first := p.builtFiles()
			if r := p.expectStep("again", script, ipc.StatusCached, outputs...); !r.InPlace {
				t.Errorf("again: %s", r.Reason.Text)
			}
			p.remove("build")
			p.expectStep("deleted", script, ipc.StatusCached, outputs...)
			p.sameFiles("deleted", p.builtFiles(), first, nil)
			p.remove("build/gen/b.h")
			p.expectStep("one deleted", script, ipc.StatusCached, outputs...)
			p.sameFiles("one deleted", p.builtFiles(), first, nil)
			p.write("api.txt", "int abc();\n")
			p.expectStep("another branch", script, ipc.StatusCompiled, outputs...)
			second := p.builtFiles()
			p.write("api.txt", "int a();\n")
			p.expectStep("back", script, ipc.StatusCached, outputs...)
			p.sameFiles("back", p.builtFiles(), first, nil)
			p.stop()
			if err := os.Remove(p.state); err != nil {
				t.Fatal(err)
			}
			p.write("api.txt", "int abc();\n")
			p.expectStep("there, without what the service remembers", script, ipc.StatusCached, outputs...)
			p.sameFiles("there", p.builtFiles(), second, nil)
		})
	}
}

// Whatever a step learns of files is an input.
func TestInputsOfSteps(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	static := staticCat(t)
	for name, tt := range map[string]struct {
		script string
		change func(p *project)
	}{
		"a program of the project":    {`sh tools/gen > build/gen/a.h`, func(p *project) { p.write("tools/gen", "echo 2\n") }},
		"a folder that is listed":     {`ls data > build/gen/a.h`, func(p *project) { p.write("data/two", "") }},
		"a pattern":                   {`cat data/* > build/gen/a.h`, func(p *project) { p.write("data/two", "2") }},
		"a file that is missing":      {`cat opt.txt > build/gen/a.h 2>/dev/null || echo none > build/gen/a.h`, func(p *project) { p.write("opt.txt", "opt") }},
		"a path outside":              {`cat ` + outside + `-$(basename $PWD) > build/gen/a.h 2>/dev/null || echo none > build/gen/a.h`, func(p *project) { p.writeAbs(outside+"-project", "x") }},
		"the mode of a file":          {`if [ -x data/one ]; then echo x; else echo no; fi > build/gen/a.h`, func(p *project) { _ = os.Chmod(p.path("data/one"), 0o755) }},
		"the age of a file":           {`if [ data/one -nt data/old ]; then echo x; else echo no; fi > build/gen/a.h`, func(p *project) { _ = os.Chtimes(p.path("data/one"), farFuture, farFuture) }},
		"the text of a link":          {`readlink link > build/gen/a.h`, func(p *project) { p.remove("link"); p.turn("link", "other") }},
		"read by a static program":    {static + ` data/one > build/gen/a.h`, func(p *project) { p.write("data/one", "2") }},
		"through a link that it made": {`ln -s data/one made; cat made > build/gen/a.h; rm made`, func(p *project) { p.write("data/one", "2") }},
		"through a link that stays":   {`ln -sf ../../data/one build/gen/made; cat build/gen/made > build/gen/a.h`, func(p *project) { p.write("data/one", "2") }},
		"whether two names are one file": {`if [ data/one -ef data/old ]; then echo x; else echo no; fi > build/gen/a.h`, func(p *project) {
			p.remove("data/old")
			check(p, os.Link(p.path("data/one"), p.path("data/old")))
		}},
		"a library of a program": {`LD_LIBRARY_PATH=libs cat data/one > build/gen/a.h; cat libs/x > /dev/null`, func(p *project) { p.write("libs/x", "2") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stepProject(t)
			p.write("tools/gen", "echo 1\n")
			p.write("data/one", "1")
			p.write("data/old", "0")
			p.write("libs/x", "1")
			for _, file := range []string{"data/one", "data/old"} {
				check(p, os.Chtimes(p.path(file), time.Unix(1e9, 0), time.Unix(1e9, 0)))
			}
			p.turn("link", "data/one")
			p.expectStep("first", tt.script, ipc.StatusCompiled, "build/gen/a.h")
			if r := p.expectStep("again", tt.script, ipc.StatusCached, "build/gen/a.h"); !r.InPlace {
				t.Errorf("again: %s", r.Reason.Text)
			}
			before := p.read("build/gen/a.h")
			tt.change(p)
			p.expectStep("changed", tt.script, ipc.StatusCompiled, "build/gen/a.h")
			if name != "a library of a program" && p.read("build/gen/a.h") == before {
				t.Errorf("void: the output is the same")
			}
		})
	}
}

// A step that gives an input another name, and reads it by that, depends on its content. The new
// name changes the input's times while the step runs, so it runs again in each build.
func TestStepMakesAHardLink(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"that goes":  `ln data/one made; cat made > build/gen/a.h; rm made`,
		"that stays": `ln -f data/one build/gen/made; cat build/gen/made > build/gen/a.h`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stepProject(t)
			for _, text := range []string{"1", "2", "1"} {
				p.remove("data/one") // else what is written has both names
				p.write("data/one", text)
				p.generate(script, "build/gen/a.h")
				if got := p.read("build/gen/a.h"); got != text {
					t.Errorf("the output is %q, want %q", got, text)
				}
			}
		})
	}
}

// A file that another process made and a step gives another name was read, and is gone: the step
// runs again, and is not stored.
func TestStepMovesAnInput(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"dynamic": {"mv", "data/one", "build/gen/a.h"},
		"static":  {staticMove(t), "data/one", "build/gen/a.h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stepProject(t)
			for _, text := range []string{"1", "2", "1"} {
				p.write("data/one", text)
				p.expectCommand(text, args, ipc.StatusCompiled, "build/gen/a.h")
				if got := p.read("build/gen/a.h"); got != text {
					t.Errorf("the output is %q, want %q", got, text)
				}
			}
		})
	}
}

// serve answers each connection with a word, until the test ends. It returns the port.
func serve(t *testing.T) (port string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("word\n"))
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// The result of a step that depends on more than its inputs, or that is not seen whole, is
// not stored. It is believed while it lies in its place.
func TestStepsThatAreNotStored(t *testing.T) {
	t.Parallel()
	port := serve(t)
	for name, tt := range map[string]struct{ script, why string }{
		"another program":           {`{ cat api.txt; bash -c 'exec 3<>/dev/tcp/127.0.0.1/` + port + `; cat <&3'; } > build/gen/a.h`, "through a socket"},
		"the time":                  {`date > build/gen/a.h`, "asks for the time"},
		"an output that is read":    {`cat build/gen/a.h > /dev/null 2>&1; cat api.txt > build/gen/a.h`, ""},
		"an output that is kept":    {`[ -f build/gen/a.h ] || cat api.txt > build/gen/a.h`, ""},
		"an output that grows":      {`cat api.txt >> build/gen/a.h`, ""},
		"a file of the sources":     {`cat api.txt > build/gen/a.h; echo x > src/parser.c`, "it writes src/parser.c"},
		"a file that was there":     {`cat api.txt > build/gen/a.h; echo x > build/there`, "it writes build/there"},
		"the kernel":                {`cat /proc/uptime > build/gen/a.h`, "/proc/uptime was read"},
		"a counter":                 {`n=$(cat n 2>/dev/null); echo x$n > n; cat n > build/gen/a.h`, ""},
		"a file that another makes": {`cat api.txt > build/gen/a.h; echo x > build/gen/shared`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stepProject(t)
			p.write("src/main.cpp", "int main() {}\n")
			p.write("build/there", "old")
			if name == "a file that another makes" {
				p.generate(`echo 1 > build/gen/other.h; echo y > build/gen/shared`, "build/gen/other.h")
			}
			p.generate(tt.script, "build/gen/a.h")
			p.write("api.txt", "int b();\n")
			p.expectStep("over an old output", tt.script, ipc.StatusCompiled, "build/gen/a.h")
			if r := p.expectStep("again", tt.script, ipc.StatusCached, "build/gen/a.h"); !r.InPlace {
				t.Errorf("again: %s", r.Reason.Text)
			}
			rec := p.s.records.get("step:build/gen/a.h")
			if rec.Uncacheable == "" || !strings.Contains(rec.Uncacheable, tt.why) || rec.Unsettled != "" {
				t.Errorf("not stored because of %q, want %q; in doubt because of %q", rec.Uncacheable, tt.why, rec.Unsettled)
			}
			p.write("api.txt", "int c();\n")
			if r := p.generate(tt.script, "build/gen/a.h"); r.InPlace && !strings.Contains(name, "kernel") && !strings.Contains(name, "time") {
				t.Errorf("an input changed: %s", r.Reason.Text)
			}
		})
	}
}

// A file that a step makes in the build folder and does not declare belongs to it.
func TestUndeclaredOutputOfStep(t *testing.T) {
	t.Parallel()
	p := stepProject(t)
	const script = `cat api.txt > build/gen/a.h; wc -l < api.txt > build/gen/a.count; chmod 755 build/gen/a.count`
	p.expectStep("first", script, ipc.StatusCompiled, "build/gen/a.h")
	first := p.builtFiles()
	p.remove("build")
	p.expectStep("deleted", script, ipc.StatusCached, "build/gen/a.h")
	p.sameFiles("deleted", p.builtFiles(), first, nil)
	if info, err := os.Stat(p.path("build/gen/a.count")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("%v, %v", info, err)
	}
	p.remove("build/gen/a.count")
	p.expectStep("one deleted", script, ipc.StatusCached, "build/gen/a.h")
	p.sameFiles("one deleted", p.builtFiles(), first, nil)
	p.write("api.txt", "int a();\nint b();\n")
	p.expectStep("edited", script, ipc.StatusCompiled, "build/gen/a.h")
	p.remove("build")
	p.expectStep("deleted", script, ipc.StatusCached, "build/gen/a.h")
	if text := strings.TrimSpace(p.read("build/gen/a.count")); text != "2" {
		t.Errorf("%q", text)
	}
}

// Compiled modules that Python keeps beside sources are no inputs: the source is.
func TestPythonStep(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
	p := stepProject(t)
	const script = `python3 tools/gen.py > build/gen/a.h`
	p.write("tools/gen.py", "import helper\nhelper.emit()\n")
	p.write("tools/helper.py", "def emit():\n    print(open('api.txt').read().upper())\n")
	p.expectStep("first", script, ipc.StatusCompiled, "build/gen/a.h")
	if node := p.track["step:build/gen/a.h"]; node.Unsettled != "" {
		t.Errorf("first: %s", node.Unsettled)
	}
	if _, err := os.Stat(p.path("tools/__pycache__")); err != nil {
		t.Fatalf("void: %v", err)
	}
	if r := p.expectStep("again", script, ipc.StatusCached, "build/gen/a.h"); !r.InPlace {
		t.Errorf("again: %s", r.Reason.Text)
	}
	p.remove("tools/__pycache__")
	p.remove("build")
	p.expectStep("cleaned", script, ipc.StatusCached, "build/gen/a.h")
	p.write("tools/helper.py", "def emit():\n    print(open('api.txt').read().lower())\n")
	if r := p.expectStep("module edited", script, ipc.StatusCompiled, "build/gen/a.h"); r.Reason.Path != "tools/helper.py" {
		t.Errorf("module edited: %+v", r.Reason)
	}
}

// An input that changes while a step runs leaves its result in doubt.
func TestStepInputEditedMeanwhile(t *testing.T) {
	t.Parallel()
	p := stepProject(t)
	p.write("data/one", "1")
	const script = `cat data/one > build/gen/a.h; echo 2 > data/one`
	p.generate(script, "build/gen/a.h")
	if node := p.track["step:build/gen/a.h"]; node.Unsettled == "" && p.s.records.get("step:build/gen/a.h").Uncacheable == "" {
		t.Error("believed and stored")
	}
	const edits = `cat data/one > build/gen/b.h; : > running; while [ -e running ]; do sleep 0.01; done`
	done := make(chan ipc.ActionResult, 1)
	go func() { done <- p.generate(edits, "build/gen/b.h") }()
	testkit.Until(t, "the step", func() bool { _, err := os.Stat(p.path("running")); return err == nil })
	if err := os.WriteFile(p.path("data/one"), []byte("3"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.remove("running")
	<-done
	if node := p.track["step:build/gen/b.h"]; node.Unsettled == "" {
		t.Errorf("edited by somebody else: %+v", p.s.records.get("step:build/gen/b.h").Uncacheable)
	}
}

// staticCat is a static program that copies a file to its output.
func staticCat(t *testing.T) string {
	return staticProgram(t, "#include <stdio.h>\nint main(int n, char **v) { FILE *f = fopen(v[1], \"r\"); for (int c; (c = getc(f)) != EOF;) putchar(c); return 0; }\n")
}

// staticMove is a static program that gives a file another name.
func staticMove(t *testing.T) string {
	return staticProgram(t, "#include <stdio.h>\nint main(int n, char **v) { return rename(v[1], v[2]) != 0; }\n")
}

func staticProgram(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "program.c")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "gcc", "-static", source, "-o", filepath.Join(dir, "program")).CombinedOutput(); err != nil {
		t.Skipf("no static C library: %v\n%s", err, out)
	}
	return filepath.Join(dir, "program")
}

var farFuture = time.Unix(1<<32, 0)
