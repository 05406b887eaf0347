package compilation

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// warmProject is a project with a clang that is resident.
func warmProject(t testing.TB) *project {
	t.Helper()
	tool, ok := toolchains(t)["clang"]
	if !ok {
		t.Skip("clang-19 is not installed")
	}
	p := newProject(t, tool)
	p.cfg.Warm = true
	return p
}

// awaitResident compiles until a resident has taken over.
func (p *project) awaitResident() {
	p.t.Helper()
	w := p.start().warm
	n := 0
	testkit.Until(p.t, "a resident", func() bool {
		n++
		source := fmt.Sprintf("warm%d.cpp", n)
		p.write(source, "")
		p.build(source)
		w.AwaitStarts()
		return len(w.Residents()) > 0
	})
}

// A resident makes what a new process makes, and its inputs, errors, ends and signals
// are seen as well.
func TestWarmCompiles(t *testing.T) {
	t.Parallel()
	p := warmProject(t)
	p.args = append(p.args, "-Iinclude", "-g")
	p.write("include/value.h", "inline int value() { return 1; }\n")
	p.write("src/main.cpp", "#include \"value.h\"\n#if __has_include(\"opt.h\")\n#error seen\n#endif\nint f() { return value(); }\n")
	p.awaitResident()
	before := p.s.warm.Forked()
	p.expect("first", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	p.sameAsPlain("src/main.cpp")
	p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	p.write("include/value.h", "inline int value() { return 2; }\n")
	p.expect("edited", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
	p.sameAsPlain("src/main.cpp")
	p.write("include/opt.h", "")
	if r := p.try("src/main.cpp"); r.Status != ipc.StatusFailed || r.Exit != 1 || !strings.Contains(r.Diagnostics, "error: seen") {
		t.Errorf("an error: %+v", r)
	}
	if n := p.s.warm.Forked() - before; n != 3 {
		t.Errorf("%d of 3 compiles were forks", n)
	}
}

// A resident that is killed is replaced, and nobody notices.
func TestWarmSurvivesItsResident(t *testing.T) {
	t.Parallel()
	p := warmProject(t)
	p.awaitResident()
	for _, pids := range p.s.warm.Residents() {
		for _, pid := range pids {
			proc, err := os.FindProcess(pid)
			if err == nil {
				err = proc.Kill()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	p.write("src/main.cpp", "int f() { return 1; }\n")
	p.expect("without it", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	p.sameAsPlain("src/main.cpp")
	p.awaitResident()
}

// A compile in a resident ends with its request, the compiler's children too.
func TestWarmTimeout(t *testing.T) {
	t.Parallel()
	p := warmProject(t)
	p.awaitResident()
	// Constant evaluation that takes minutes.
	p.args = append(p.args, "-fconstexpr-steps=2000000000", "-std=c++17")
	p.write("src/main.cpp", "constexpr long f(long n) { long s = 0; for (long i = 0; i < n; i++) s += i % 7; return s; }\nconstexpr long x = f(400000000);\nlong y = x;\n")
	req := p.batch("src/main.cpp")
	req.Timeout = 0.5
	before := p.s.warm.Forked()
	out, err := p.run(t.Context(), req)
	if r := out["src/main.cpp"]; err != nil || r.Status != ipc.StatusFailed || r.Reason.Code != ipc.ReasonTimeout {
		t.Errorf("%+v, %v", r, err)
	}
	if p.s.warm.Forked() != before+1 {
		t.Error("it was not a fork")
	}
	left, _ := filepath.Glob(p.path("build/obj/app/src/.rb-*"))
	if len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	p.remove("src/main.cpp")
	p.write("src/main.cpp", "int g;\n")
	p.args = p.args[:2]
	p.build("src/main.cpp")
	p.sameAsPlain("src/main.cpp")
}

// A resident archiver makes the archive that a new process makes.
func TestArchiveByResident(t *testing.T) {
	t.Parallel()
	p := warmProject(t)
	ar, err := exec.LookPath("/usr/lib/llvm-19/bin/llvm-ar")
	if err != nil {
		t.Skip("llvm-ar is not installed")
	}
	p.tool.AR = ar
	p.write("a.cpp", "int a() { return 1; }\n")
	p.write("b.cpp", "int b() { return 2; }\n")
	objects := p.objects("a.cpp", "b.cpp")
	lib := linkTarget{Name: "l", Kind: ipc.KindStatic, Output: "build/libl.a"}
	forked := func() bool {
		before := p.s.warm.Forked()
		p.remove("build/libl.a")
		again := lib.request(p, objects)
		again.NoCache = true
		if _, err := p.s.Run(t.Context(), again, nil); err != nil {
			t.Fatal(err)
		}
		p.s.warm.AwaitStarts()
		return p.s.warm.Forked() > before
	}
	testkit.Until(t, "a resident archiver", forked)
	if out, err := exec.CommandContext(t.Context(), ar, append([]string{"qcsD", p.path("plain.a")}, p.absolute(objects)...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if p.read("build/libl.a") != p.read("plain.a") {
		t.Error("the archiver makes another archive")
	}
	p.expectLink("again", lib, objects, ipc.StatusCached, ipc.ReasonUnchanged)
}

// absolute makes paths absolute.
func (p *project) absolute(paths []string) (out []string) {
	for _, name := range paths {
		out = append(out, p.path(name))
	}
	return out
}

// A link without its driver is the link that the driver makes, from the same inputs.
func TestLinkWithoutDriver(t *testing.T) {
	t.Parallel()
	for linker, path := range linkers() {
		if linker == "" {
			continue
		}
		t.Run(linker, func(t *testing.T) {
			t.Parallel()
			p := warmProject(t)
			p.tool.Linker, p.tool.LinkerPath = linker, path
			p.awaitResident()
			p.write("main.cpp", "extern \"C\" int puts(const char *);\nint main() { puts(\"x\"); }\n")
			objects := p.objects("main.cpp")
			app := linkTarget{
				Name: "app", Kind: ipc.KindExecutable, Output: "build/app", LinkLang: "c++",
				LinkFlags: []string{"--ld-path=" + path, "-Lfirst dir"}, Libs: []string{"-lm"},
			}
			testkit.Until(t, "a direct link", func() bool {
				p.remove("build/app")
				again := app.request(p, objects)
				again.NoCache = true
				if _, err := p.s.Run(t.Context(), again, nil); err != nil {
					t.Error(err)
				}
				return p.s.lines.direct.Load() > 0
			})
			line := slices.Concat([]string{p.tool.CXX}, app.LinkFlags, []string{"-o", "plain"}, objects, app.Libs)
			cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
			cmd.Dir, cmd.Env = p.root, p.env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if p.read("build/app") != p.read("plain") {
				t.Error("the driver makes another program")
			}
			p.expectLink("again", app, objects, ipc.StatusCached, ipc.ReasonUnchanged)
			p.write("first dir/libm.a", "!<arch>\n")
			p.expectLink("shadowed library", app, objects, ipc.StatusCompiled, ipc.ReasonAppeared)
			p.remove("first dir/libm.a")

			// What fails is said as the driver says it.
			app.Libs = []string{"-lnot_there"}
			if r := p.expectLink("no library", app, objects, ipc.StatusFailed, ipc.ReasonError); !strings.Contains(r.Diagnostics, "linker command failed") {
				t.Errorf("%s", r.Diagnostics)
			}
		})
	}
}

func TestParseLinkLine(t *testing.T) {
	t.Parallel()
	const head = "Debian clang version 19.1.7 (3~deb12u1)\nTarget: x86_64-pc-linux-gnu\nThread model: posix\nInstalledDir: /usr/lib/llvm-19/bin\n"
	for _, tt := range []struct {
		name, output string
		want         []string
	}{
		{"one", head + ` "/usr/bin/ld.lld" "-o" "a b" "q\"\\\$x"` + "\n", []string{"/usr/bin/ld.lld", "-o", "a b", `q"\$x`}},
		{"no argument at the end", head + ` "/usr/bin/ld.lld" ""` + "\n", []string{"/usr/bin/ld.lld", ""}},
		{"two", head + " \"/usr/bin/clang\"\n \"/usr/bin/ld.lld\"\n", nil},
		{"a warning", head + "clang: warning: argument unused during compilation: '-c' [-Wunused]\n \"/usr/bin/ld.lld\"\n", nil},
		{"a warning of a version", head + "clang: warning: an old version is used\n \"/usr/bin/ld.lld\"\n", nil},
		{"none", head, nil},
		{"open", head + " \"/usr/bin/ld.lld\" \"x\n", nil},
	} {
		if got, ok := parseLinkLine(tt.output); !slices.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("%s: %q, %v", tt.name, got, ok)
		}
	}
}

// BenchmarkCompiles compares a plain compile, a traced one and a traced one of a
// resident, in turn, by the processor time (user and system, ms) that the compile took:
// the medians of -benchtime 100x are steady on a busy machine too.
func BenchmarkCompiles(b *testing.B) {
	headers := []string{"vector", "string", "map", "unordered_map", "memory", "iostream", "algorithm", "functional", "sstream"}
	std := "#include <" + strings.Join(headers, ">\n#include <") + ">\nint main() { std::map<std::string, int> m; m[\"a\"] = 1; std::cout << m.size(); }\n"
	for _, family := range []string{"clang", "gcc"} {
		for name, text := range map[string]string{"empty": "", "std": std} {
			b.Run(family+"/"+name, func(b *testing.B) { benchmarkCompiles(b, family, text) })
		}
	}
}

func benchmarkCompiles(b *testing.B, family, text string) {
	tool, ok := toolchains(b)[family]
	if !ok {
		b.Skip("no " + family + " here")
	}
	p := newProject(b, tool)
	p.cfg.Warm = family == "clang"
	p.write("unit.cpp", text)
	p.ready()
	ways := map[string]process.Spawner{"plain": p.s.runner, "traced": p.s.runner}
	if p.cfg.Warm {
		p.awaitResident()
		ways["warm"] = p.s.warm
	}
	cpu := make(map[string][]float64)
	for b.Loop() {
		for _, way := range slices.Sorted(maps.Keys(ways)) {
			o := compileOnce(b, p, ways[way], way != "plain")
			cpu[way] = append(cpu[way], o.CPU*1e3)
		}
	}
	for way, ms := range cpu {
		b.ReportMetric(median(ms), way+"-ms")
	}
	b.ReportMetric((median(cpu["traced"])/median(cpu["plain"])-1)*100, "tracer-%")
}

// compileOnce compiles unit.cpp without a lookup.
func compileOnce(b *testing.B, p *project, by process.Spawner, trace bool) process.Outcome {
	b.Helper()
	out := p.path("unit.o")
	job := process.Task{
		Args: []string{p.tool.CXX, "-std=c++17", "-O0", "-c", "unit.cpp", "-o", out}, Dir: p.root,
		Env: environment.ForCommands(p.env, p.root), Resident: true,
	}
	if trace {
		about := &subject{view: snapshot.New(p.root, nil, p.s.tables, p.s.digests), recipe: &recipe{Kind: "c++"}, gcc: p.tool.Family == "gcc", output: out}
		w, err := (&traceTracker{p.s.tracers, readsNothing{}}).track(p.t.Context(), &job, about)
		if err != nil {
			b.Fatal(err)
		}
		defer w.close()
		about.tool = job.Args
	}
	o, err := by.Run(context.Background(), job, nil)
	if err != nil || !o.OK() {
		b.Fatalf("%v\n%s", err, o.Output)
	}
	return o
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// A compiler that has to be killed leaves none of its own temporary files behind, run
// plainly or by a fork: one that is stopped cannot answer SIGTERM.
func TestKilledLeavesNothing(t *testing.T) {
	t.Parallel()
	p := warmProject(t)
	p.args = append(p.args, "-fconstexpr-steps=2000000000", "-std=c++17")
	p.write("src/main.cpp", "constexpr long f(long n) { long s = 0; for (long i = 0; i < n; i++) s += i % 7; return s; }\nconstexpr long x = f(400000000);\nlong y = x;\n")
	left := func() []string {
		names, err := filepath.Glob(p.path("build/obj/app/src/.rb-*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	for _, fork := range []int64{0, 1} {
		ctx, cancel := context.WithCancel(t.Context())
		s := p.start()
		if fork > 0 {
			p.awaitResident()
		}
		before := s.warm.Forked()
		end := make(chan error, 1)
		go func() {
			_, err := p.run(ctx, p.batch("src/main.cpp"))
			end <- err
		}()
		testkit.Until(t, "the compiler's own temporary file", func() bool {
			return slices.ContainsFunc(left(), func(name string) bool { return strings.HasSuffix(name, ".tmp") })
		})
		for _, pid := range s.slots.Pids() {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if err := <-end; err == nil {
			t.Error("the batch was not cancelled")
		}
		if names := left(); len(names) > 0 {
			t.Errorf("left: %q", names)
		}
		if n := s.warm.Forked() - before; n != fork {
			t.Errorf("%d forks", n)
		}
	}
}
