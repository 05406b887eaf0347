package compilation

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// goProgram builds a program in Go at a path. With cgo it is linked dynamically, and makes
// its own system calls all the same.
func goProgram(t *testing.T, path, text string, cgo bool) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go here")
	}
	dir := t.TempDir()
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if cgo {
		text = strings.Replace(text, "\n", "\n\nimport \"C\"\n", 1)
		env = append(env, "CGO_ENABLED=1")
	}
	for name, text := range map[string]string{"go.mod": "module p\n", "p.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testkit.Until(t, "the clock's tick", func() bool { return stamps.Now() > ipc.StatSignature(path).Ctime })
}

// wrapperInGo starts the real compiler with a flag from a file, as a child.
const wrapperInGo = `package main

import (
	"os"
	"os/exec"
	"strings"
)

func main() {
	args := os.Args[1:]
	if strings.Contains(" "+strings.Join(args, " ")+" ", " -c ") {
		flag, err := os.ReadFile("tools/f")
		if err != nil {
			panic(err)
		}
		args = append([]string{"-DV=" + strings.TrimSpace(string(flag))}, args...)
	}
	cmd := exec.Command(%q, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if cmd.Run() != nil {
		os.Exit(1)
	}
}
`

// staticWrapper becomes the real compiler.
const staticWrapper = `#include <stdlib.h>
#include <string.h>
int main(int n, char **v) {
	char flag[] = "-DV=?", **a = calloc(n + 2, sizeof *a);
	int compiles = 0;
	for (int i = 1; i < n; i++) { a[i] = v[i]; compiles |= !strcmp(v[i], "-c"); }
	a[0] = %q;
	if (compiles) { FILE *f = fopen("tools/f", "r"); flag[sizeof flag - 2] = getc(f); a[n] = flag; }
	execv(a[0], a);
	return 1;
}
`

// A wrapper that is a static program, or one in Go, is seen whole: its own reads, and those
// of the compiler that it starts.
func TestUnfollowedWrappers(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(p *project, path string){
		"static": func(p *project, path string) {
			p.helperProgram(path, fmt.Sprintf(staticWrapper, p.tool.CXX), "-static")
		},
		"Go": func(p *project, path string) {
			goProgram(p.t.(*testing.T), p.path(path), fmt.Sprintf(wrapperInGo, p.tool.CXX), false)
		},
		"Go with C": func(p *project, path string) {
			goProgram(p.t.(*testing.T), p.path(path), fmt.Sprintf(wrapperInGo, p.tool.CXX), true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				p.args = append(p.args, "-Ifirst", "-Iinclude")
				p.write("tools/f", "1\n")
				p.write("include/a.h", "#define A 1\n")
				p.write("main.cpp", "#include <a.h>\nint f() { return V + A; }\n")
				make(p, "tools/cxx")
				p.tool.CXX = p.path("tools/cxx")
				if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
					t.Fatalf("%+v", r)
				}
				p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				if _, untraced := p.s.tracers.status(); len(untraced) > 0 {
					t.Errorf("untraced: %q", untraced)
				}
				p.remove("build")
				if r := p.build("main.cpp"); r.Status != ipc.StatusCached {
					t.Errorf("deleted: %s, %s", r.Status, r.Reason.Text)
				}
				for _, change := range []struct {
					what string
					make func()
				}{ // in this order: the last one hides the one before
					{"its own file", func() { p.write("tools/f", "2\n") }},
					{"a header", func() { p.write("include/a.h", "#define A 2\n") }},
					{"a header in front of it", func() { p.write("first/a.h", "#define A 3\n") }},
				} {
					change.make()
					if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
						t.Errorf("%s changed: %s, %s", change.what, r.Status, r.Reason.Text)
					}
					p.sameAsPlain("main.cpp")
				}
				p.write("main.cpp", "#include <a.h>\nconst char *f() { return __TIME__; }\n")
				p.build("main.cpp")
				if rec := p.s.records.get("app:main.cpp"); rec.Uncacheable == "" {
					t.Error("the time of the compile was not noticed")
				}
			})
		})
	}
}

const generatorInGo = `package main

import (
	"fmt"
	"os"
)

func main() {
	text, err := os.ReadFile("data/one")
	entries, _ := os.ReadDir("data")
	_, missing := os.Stat("opt.txt")
	if err == nil {
		err = os.WriteFile("build/gen/a.h", fmt.Appendf(nil, "// %s %d %v\n", text, len(entries), missing), 0o644)
	}
	if err != nil {
		panic(err)
	}
}
`

const generatorInC = `#include <dirent.h>
int main(void) {
	char b[99] = "";
	int n = 0;
	FILE *f = fopen("data/one", "r"), *out;
	fgets(b, sizeof b, f);
	for (DIR *d = opendir("data"); readdir(d);) n++;
	int missing = access("opt.txt", F_OK);
	out = fopen("build/gen/a.h", "w");
	fprintf(out, "// %s %d %d\n", b, n, missing);
	return fclose(out);
}
`

// A step that runs a program in Go, or a static one that the project has built, is cached, and
// runs again when anything that it has learned is different.
func TestUnfollowedGenerators(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(p *project){
		"Go":        func(p *project) { goProgram(p.t.(*testing.T), p.path("tools/gen"), generatorInGo, false) },
		"Go with C": func(p *project) { goProgram(p.t.(*testing.T), p.path("tools/gen"), generatorInGo, true) },
		"static":    func(p *project) { p.helperProgram("tools/gen", generatorInC, "-static") },
	} {
		for _, command := range [][]string{{"tools/gen"}, {"sh", "-c", "tools/gen"}} {
			t.Run(name+" by "+command[0], func(t *testing.T) {
				t.Parallel()
				p := stepProject(t)
				p.write("data/one", "1")
				p.write("tools/x", "")
				make(p)
				p.expectCommand("first", command, ipc.StatusCompiled, "build/gen/a.h")
				if rec := p.s.records.get("step:build/gen/a.h"); rec.Uncacheable != "" || rec.Unsettled != "" {
					t.Errorf("not stored: %q %q", rec.Uncacheable, rec.Unsettled)
				}
				if r := p.expectCommand("again", command, ipc.StatusCached, "build/gen/a.h"); !r.InPlace {
					t.Errorf("again: %s", r.Reason.Text)
				}
				p.remove("build")
				p.expectCommand("deleted", command, ipc.StatusCached, "build/gen/a.h")
				for _, change := range []func(){
					func() { p.write("data/one", "2") },
					func() { p.write("data/two", "") },
					func() { p.write("opt.txt", "") },
				} {
					before := p.read("build/gen/a.h")
					change()
					p.expectCommand("changed", command, ipc.StatusCompiled, "build/gen/a.h")
					if p.read("build/gen/a.h") == before {
						t.Error("void: the output is the same")
					}
				}
			})
		}
	}
}

// How a program without the preloaded object reads its environment is not seen, so all of it
// is an input.
func TestUnfollowedEnvironment(t *testing.T) {
	t.Parallel()
	for _, linked := range []string{"-static", "-static-pie"} {
		t.Run(linked, func(t *testing.T) {
			t.Parallel()
			p := stepProject(t)
			p.write("tools/x", "")
			p.helperProgram("tools/gen", "#include <stdlib.h>\nint main(void) { FILE *f = fopen(\"build/gen/a.h\", \"w\"); fprintf(f, \"// %s\\n\", getenv(\"GEN\")); return fclose(f); }\n", linked)
			for _, value := range []string{"1", "2"} {
				p.env = withVariable(p.env, "GEN", value)
				p.expectStep("GEN="+value, "tools/gen", ipc.StatusCompiled, "build/gen/a.h")
				if text := p.read("build/gen/a.h"); text != "// "+value+"\n" {
					t.Errorf("%q", text)
				}
				p.expectStep("again", "tools/gen", ipc.StatusCached, "build/gen/a.h")
			}
		})
	}
}
