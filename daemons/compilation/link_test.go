package compilation

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// linkers are those of the machine, by the name that a plan uses.
func linkers() map[string]string {
	found := map[string]string{"": ""}
	for name, program := range map[string]string{"lld": "ld.lld-19", "mold": "mold"} {
		if path, err := exec.LookPath(program); err == nil {
			found[name] = path
		}
	}
	return found
}

// objects builds sources and returns their objects.
func (p *project) objects(sources ...string) (objects []string) {
	p.t.Helper()
	out, err := p.run(p.t.Context(), p.batch(sources...))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range sources {
		if out[s].Status == ipc.StatusFailed {
			p.t.Fatalf("%s: %s", s, out[s].Diagnostics)
		}
		objects = append(objects, unitOf(s).Output())
	}
	return objects
}

// link makes a target of objects.
func (p *project) link(target linkTarget, objects ...string) ipc.ActionResult {
	p.t.Helper()
	r, err := p.one(p.t.Context(), target.request(p, objects))
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// linkTarget says how a target of a test is linked.
type linkTarget struct {
	Name, Kind, Output, LinkLang string
	LinkFlags, LinkInputs, Libs  []string
}

// request asks for the link or archive of objects.
func (l linkTarget) request(p *project, objects []string) ipc.RunRequest {
	c := ipc.Command{Lang: l.LinkLang, Args: l.LinkFlags, Libs: l.Libs}
	a := ipc.Action{
		ID: ipc.LinkID(l.Name), Kind: ipc.ActionLink, Target: l.Name,
		Inputs: slices.Concat(objects, l.LinkInputs), Outputs: []string{l.Output},
	}
	switch {
	case l.Kind == ipc.KindStatic:
		a.Kind, c.Lang = ipc.ActionArchive, ""
	case c.Lang == "":
		c.Lang = "c++"
	}
	return ipc.RunRequest{
		Build: "b1", Root: p.root, BuildDir: "build", Env: p.env, Toolchains: []ipc.Toolchain{p.tool},
		Commands: []ipc.Command{c}, Actions: []ipc.RunAction{{Action: a}},
	}
}

// one serves a request for one action.
func (p *project) one(ctx context.Context, req ipc.RunRequest) (r ipc.ActionResult, err error) {
	p.t.Helper()
	var all ipc.Track
	_, err = p.start().Run(ctx, req, func(news ipc.RunProgress) {
		for _, finished := range news.Finished {
			r = finished
		}
		all.Files = append(all.Files, news.Track.Files...) // which go on
		p.noteTrack(ipc.Track{Files: all.Files, Nodes: news.Track.Nodes})
	})
	p.s.writeback.drain(context.Background())
	return r, err
}

// expectLink links and compares what became of it.
func (p *project) expectLink(what string, target linkTarget, objects []string, status, code string) ipc.ActionResult {
	p.t.Helper()
	r := p.link(target, objects...)
	if r.Status != status || r.Reason.Code != code {
		p.t.Errorf("%s: %s because of %s (%s), want %s because of %s\n%s", what, r.Status, r.Reason.Code, r.Reason.Text, status, code, r.Diagnostics)
	}
	if node := p.track[r.ID]; status != ipc.StatusFailed && (node.ID != "link:"+target.Name || node.Unsettled != "" || len(node.Outputs) != 1) {
		p.t.Errorf("%s: discovery gets %+v", what, node)
	}
	return r
}

func (p *project) exec(program string) string {
	p.t.Helper()
	out, err := exec.CommandContext(p.t.Context(), p.path(program)).CombinedOutput()
	if err != nil {
		p.t.Errorf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// The whole matrix: compilers, linkers, and a program from an archive and a shared
// library.
func TestLinkMatrix(t *testing.T) {
	t.Parallel()
	for linker, path := range linkers() {
		t.Run("linker="+linker, func(t *testing.T) {
			t.Parallel()
			// Each linker by a trace and by its dependency file, each compiler by both.
			traced := map[string]string{"": "gcc", "lld": "clang", "mold": "gcc"}[linker]
			eitherCompiler(t, traced, func(t *testing.T, p *project) {
				if linker == "lld" && p.tool.Family == "gcc" {
					if _, err := exec.LookPath("ld.lld"); err != nil {
						t.Skip("g++ finds ld.lld only by that name")
					}
				}
				p.tool.Linker, p.tool.LinkerPath = linker, path
				linkMatrix(t, p)
			})
		})
	}
}

func linkMatrix(t *testing.T, p *project) {
	var use []string
	switch {
	case p.tool.Linker != "" && p.tool.Family == "clang":
		use = []string{"--ld-path=" + p.tool.LinkerPath}
	case p.tool.Linker != "":
		use = []string{"-fuse-ld=" + p.tool.Linker}
	}
	p.args = append(p.args, "-fPIC")
	p.write("a.cpp", "int a() { return 40; }\n")
	p.write("b.cpp", "int b() { return 2; }\n")
	p.write("main.cpp", "extern \"C\" int printf(const char *, ...);\nint a(); int b();\nint main() { printf(\"%d\\n\", a() + b()); }\n")
	all := p.objects("a.cpp", "b.cpp", "main.cpp")
	archive := linkTarget{Name: "a", Kind: ipc.KindStatic, Output: "build/liba.a", LinkLang: "c++"}
	shared := linkTarget{Name: "b", Kind: ipc.KindShared, Output: "build/libb.so", LinkLang: "c++", LinkFlags: append([]string{"-shared", "-Wl,-soname,libb.so"}, use...)}
	program := linkTarget{
		Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++",
		LinkFlags: append([]string{"-Wl,-rpath,$ORIGIN", "-Llibs"}, use...), LinkInputs: []string{"build/liba.a", "build/libb.so"}, Libs: []string{"-lm"},
	}
	p.expectLink("archive", archive, all[:1], ipc.StatusCompiled, ipc.ReasonNew)
	p.expectLink("shared", shared, all[1:2], ipc.StatusCompiled, ipc.ReasonNew)
	p.expectLink("program", program, all[2:], ipc.StatusCompiled, ipc.ReasonNew)
	if out := p.exec("build/app"); out != "42\n" {
		t.Errorf("prints %q", out)
	}
	for _, tt := range []struct {
		target  linkTarget
		objects []string
	}{{archive, all[:1]}, {shared, all[1:2]}, {program, all[2:]}} {
		if r := p.expectLink("again", tt.target, tt.objects, ipc.StatusCached, ipc.ReasonUnchanged); !r.InPlace {
			t.Errorf("%+v", r)
		}
		before := p.read(tt.target.Output)
		p.remove(tt.target.Output)
		p.expectLink("deleted", tt.target, tt.objects, ipc.StatusCached, ipc.ReasonHit)
		if p.read(tt.target.Output) != before {
			t.Errorf("%s differs", tt.target.Output)
		}
	}
	p.exec("build/app")

	p.write("a.cpp", "int a() { return 50; }\n")
	p.objects("a.cpp")
	if r := p.expectLink("edited", archive, all[:1], ipc.StatusCompiled, ipc.ReasonInput); !r.Changed || r.Reason.Path != all[0] {
		t.Errorf("%+v", r)
	}
	p.expectLink("edited", program, all[2:], ipc.StatusCompiled, ipc.ReasonInput)
	if out := p.exec("build/app"); out != "52\n" {
		t.Errorf("prints %q", out)
	}

	// A library that would be found before the one that was.
	p.write("libs/libm.a", "!<arch>\n")
	r := p.expectLink("shadowed library", program, all[2:], ipc.StatusCompiled, ipc.ReasonAppeared)
	if r.Reason.Path != "libs/libm.a" {
		t.Errorf("%+v", r.Reason)
	}
	p.remove("libs/libm.a")
	p.expectLink("gone again", program, all[2:], ipc.StatusCached, ipc.ReasonHit)
}

// A member that is no longer one is gone from the archive, and the order counts.
func TestArchiveIsMadeNew(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("a.cpp", "int a;\n")
	p.write("b.cpp", "int b;\n")
	p.write("sub/b.cpp", "int c;\n")
	objects := p.objects("a.cpp", "b.cpp", "sub/b.cpp")
	lib := linkTarget{Name: "l", Kind: ipc.KindStatic, Output: "build/libl.a"}
	members := func() string {
		out, err := exec.CommandContext(t.Context(), p.tool.AR, "t", p.path(lib.Output)).Output()
		if err != nil {
			t.Error(err)
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	p.link(lib, objects...)
	if m := members(); m != "a.cpp.o b.cpp.o b.cpp.o" {
		t.Errorf("members %s", m)
	}
	if r := p.link(lib, objects[:2]...); r.Status != ipc.StatusCompiled || !r.Changed {
		t.Errorf("%+v", r)
	}
	if m := members(); m != "a.cpp.o b.cpp.o" {
		t.Errorf("members %s", m)
	}
	swapped := slices.Clone(objects[:2])
	slices.Reverse(swapped)
	if r := p.link(lib, swapped...); r.Status != ipc.StatusCompiled || r.Reason.Code != ipc.ReasonInput {
		t.Errorf("%+v", r)
	}
	if m := members(); m != "b.cpp.o a.cpp.o" {
		t.Errorf("members %s", m)
	}
	p.expectLink("empty", lib, nil, ipc.StatusCompiled, ipc.ReasonInput)
	if m := members(); m != "" {
		t.Errorf("members %s", m)
	}
}

// An edit that leaves the object equal stops before the link.
func TestEqualObjectLinksNothing(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("main.cpp", "int main() {}\n")
	objects := p.objects("main.cpp")
	app := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++"}
	p.expectLink("first", app, objects, ipc.StatusCompiled, ipc.ReasonNew)
	p.write("main.cpp", "int main() {} // edited\n")
	if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled || r.Changed {
		t.Errorf("%+v", r)
	}
	p.expectLink("again", app, objects, ipc.StatusCached, ipc.ReasonUnchanged)
}

func TestLinkFailures(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("main.cpp", "int f(); int main() { return f(); }\n")
	objects := p.objects("main.cpp")
	app := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++"}
	r := p.expectLink("undefined", app, objects, ipc.StatusFailed, ipc.ReasonError)
	if !strings.Contains(r.Diagnostics, "f()") || strings.Contains(r.Diagnostics, ".rb-") || len(r.Command) == 0 {
		t.Errorf("%+v", r)
	}
	r = p.expectLink("missing object", app, []string{"build/none.o"}, ipc.StatusFailed, ipc.ReasonError)
	if !strings.Contains(r.Diagnostics, "none.o") {
		t.Errorf("%+v", r)
	}
	for _, bad := range []ipc.Action{
		{ID: "x", Kind: "x", Outputs: []string{"x"}}, {Kind: ipc.ActionLink, Outputs: []string{"x"}},
		{ID: "x", Kind: ipc.ActionLink}, {ID: "x", Kind: ipc.ActionLink, Command: 1, Outputs: []string{"x"}},
	} {
		req := ipc.RunRequest{Toolchains: []ipc.Toolchain{p.tool}, Commands: []ipc.Command{{}}, Actions: []ipc.RunAction{{Action: bad}}}
		if _, err := p.s.Run(t.Context(), req, nil); ipc.CodeOf(err) != ipc.CodeBadRequest {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A linker that does not know --dependency-file is asked once, and what it reads is
// computed.
func TestLinkerWithoutDependencyFile(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("main.cpp", "int main() {}\n")
	objects := p.objects("main.cpp")
	real := p.tool.CXX
	p.wrap(`exec $real "$@"`)
	script := strings.Replace(p.readAbs(p.tool.CXX), "case", `case "$*" in *dependency-file*) echo "unknown option: --dependency-file" >&2; exit 1;; esac; echo x >> $PWD/runs; case`, 1)
	p.writeAbs(p.tool.CXX, script)
	app := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++", Libs: []string{"-lm"}}
	p.expectLink("first", app, objects, ipc.StatusCompiled, ipc.ReasonNew)
	p.exec("build/app")
	p.expectLink("again", app, objects, ipc.StatusCached, ipc.ReasonUnchanged)
	if files := p.files["link:app"]; !slices.ContainsFunc(files, func(f ipc.FileSig) bool { return strings.HasSuffix(f.Path, "crt1.o") }) {
		t.Errorf("inputs %v", files)
	}
	p.tool.CXX = real
}

// A version script is an input even where the linker does not tell of it.
func TestLinkerScriptIsInput(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.args = append(p.args, "-fPIC")
	p.write("a.cpp", "extern \"C\" int a() { return 1; }\n")
	p.write("v.map", "{ global: a; local: *; };\n")
	objects := p.objects("a.cpp")
	lib := linkTarget{Name: "l", Kind: ipc.KindShared, Output: "build/libl.so", LinkLang: "c++", LinkFlags: []string{"-shared", "-Wl,--version-script=v.map"}}
	p.expectLink("first", lib, objects, ipc.StatusCompiled, ipc.ReasonNew)
	p.write("v.map", "{ local: *; };\n")
	if r := p.expectLink("edited", lib, objects, ipc.StatusCompiled, ipc.ReasonInput); r.Reason.Path != "v.map" || !r.Changed {
		t.Errorf("%+v", r)
	}
}

// A command line longer than the kernel takes goes into a file.
func TestLongCommandLine(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	dir := strings.Repeat("long \"name\" \\ ", 12)
	p.write(dir+"/main.cpp", "int main() {}\n")
	objects := p.objects(dir + "/main.cpp")
	many := slices.Repeat(objects, maxArguments/len(objects[0])+1)
	lib := linkTarget{Name: "l", Kind: ipc.KindStatic, Output: "build/libl.a"}
	p.expectLink("archive", lib, many, ipc.StatusCompiled, ipc.ReasonNew)
	out, err := exec.CommandContext(t.Context(), p.tool.AR, "t", p.path(lib.Output)).Output()
	if n := strings.Count(string(out), "main.cpp.o"); err != nil || n != len(many) {
		t.Errorf("%d members of %d, %v", n, len(many), err)
	}
	app := linkTarget{
		Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++",
		LinkFlags: slices.Repeat([]string{"-Wl,-rpath,/" + strings.Repeat("long/", 800)}, maxArguments/4000+1),
	}
	p.expectLink("program", app, objects, ipc.StatusCompiled, ipc.ReasonNew)
	p.exec("build/app")
}

// A link with gcc's link-time optimisation runs make in the folder for temporary files. What other
// programs have there is no input.
func TestLTOAmongTemporaryFiles(t *testing.T) {
	t.Parallel()
	temporary := t.TempDir()
	runWith(t, "gcc", false, func(t *testing.T, p *project) {
		if _, err := exec.LookPath("make"); err != nil {
			t.Skip("make is not installed")
		}
		p.env = append(p.env, "TMPDIR="+temporary)
		p.args = append(p.args, "-flto")
		p.write("main.cpp", "int main() {}\n")
		objects := p.objects("main.cpp")
		app := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++", LinkFlags: []string{"-flto=2"}}
		p.expectLink("first", app, objects, ipc.StatusCompiled, ipc.ReasonNew)
		p.writeAbs(filepath.Join(temporary, "another"), "")
		p.expectLink("another temporary file", app, objects, ipc.StatusCached, ipc.ReasonUnchanged)
	})
}
