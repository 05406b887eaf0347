package setup

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// build runs a plan's own command lines, step by step, as the compilation daemon
// does.
func (w *world) build(p *ipc.Plan) {
	w.t.Helper()
	for i := range p.Actions {
		a := &p.Actions[i]
		for _, out := range a.Outputs {
			w.mkdir(filepath.Dir(filepath.Join(p.Root, out)))
		}
		if a.Kind == ipc.ActionPhony {
			continue
		}
		if out := w.run(p, p.Line(a)); out != "" && a.Kind == ipc.ActionCompile {
			w.t.Errorf("%s: the compiler says:\n%s", a.ID, out)
		}
	}
}

// langOf says which driver links a target.
func langOf(p *ipc.Plan, target string) string {
	return p.Commands[p.Action(ipc.LinkID(target)).Command].Lang
}

// linkOf is the command that links a target of the plan.
func linkOf(p *ipc.Plan, target int) ipc.Command {
	return p.Commands[p.Action(ipc.LinkID(p.Targets[target].Name)).Command]
}

func (w *world) mkdir(dir string) {
	w.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) run(p *ipc.Plan, line []string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir, cmd.Env = p.Root, append(slices.Clone(p.Env), "PWD="+p.Root)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

// runs fails unless the program of a plan, started elsewhere, prints want.
func (w *world) runs(p *ipc.Plan, target, want string) {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(p.Root, p.Target(target).Output))
	cmd.Dir, cmd.Env = w.t.TempDir(), nil
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != want {
		w.t.Errorf("%s prints %q, %v; want %q", target, out, err, want)
	}
}

// eachCompiler runs a test with every compiler of the machine. The worlds that it
// makes know the compiler after the first has asked it.
func eachCompiler(t *testing.T, f func(t *testing.T, cxx string, newWorld func(files string) *world)) {
	withCompilers(t, []string{"clang++-19", "g++"}, f)
}

func withCompilers(t *testing.T, all []string, f func(t *testing.T, cxx string, newWorld func(files string) *world)) {
	t.Parallel()
	for _, cxx := range all {
		t.Run(cxx, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(cxx); err != nil {
				t.Skipf("%s is not installed", cxx)
			}
			known := t.TempDir()
			f(t, cxx, func(files string) *world {
				w := newWorld(t, files)
				w.env = []string{"CXX=" + cxx, "HOME=" + w.root, "LANG=C", "PATH=" + os.Getenv("PATH")}
				w.s = w.service(known)
				t.Cleanup(func() { w.s.Close() })
				return w
			})
		})
	}
}

// TestBuildTargets builds a program on a shared library on static ones, in C and
// C++, with a generated header, and runs it from another folder.
func TestBuildTargets(t *testing.T) {
	eachCompiler(t, func(t *testing.T, cxx string, newWorld func(string) *world) {
		w := newWorld(`
-- replibuild.toml --
[project]
name = "all"
[compilation]
cxx_flags = ["-Wall", "-Werror"]
c_flags = ["-Wall", "-Werror", "-pedantic"]
link_libs = ["pthread"]
[[generate]]
command = ["tools/gen.sh", "{out}/sub/answer.h"]
outputs = ["sub/answer.h"]
[targets.prog]
sources = ["main.cpp"]
depends = ["shared"]
[targets.shared]
kind = "shared"
sources = ["shared/*.cpp"]
public_include_dirs = ["shared/include"]
depends = ["high"]
[targets.high]
kind = "static"
sources = ["high.cpp"]
public_defines = ["HIGH=40"]
depends = ["low"]
[targets.low]
kind = "static"
sources = ["low.c"]
public_include_dirs = ["low"]
link_libs = ["m"]
[targets.cprog]
kind = "executable"
sources = ["cmain.c"]
depends = ["low"]
-- tools/gen.sh --
#!/bin/sh
echo '#define ANSWER 2' > "$1"
-- main.cpp --
#include <cstdio>
#include <thread>
#include <shared.h>
#include "sub/answer.h"
int main() {
	int n = 0;
	std::thread t([&] { n = shared() + ANSWER; });
	t.join();
	std::printf("%d %d\n", n, HIGH);
}
-- shared/include/shared.h --
int shared();
-- shared/a.cpp --
#include "shared.h"
int high();
int shared() { return high(); }
-- high.cpp --
#include <low.h>
int high() { return HIGH + int(low(0.0)); }
-- low/low.h --
#ifdef __cplusplus
extern "C"
#endif
double low(double x);
-- low.c --
#include <math.h>
#include "low.h"
double low(double x) { return floor(sqrt(x)); }
-- cmain.c --
#include <stdio.h>
#include <low.h>
int main(void) { printf("c %d\n", (int)low(81.0)); return 0; }
`)
		p := w.plan()
		w.build(p)
		w.runs(p, "prog", "42 40\n")
		w.runs(p, "cprog", "c 9\n")
		if langOf(p, "cprog") != "c" || langOf(p, "prog") != "c++" {
			t.Errorf("link languages: %s, %s", langOf(p, "cprog"), langOf(p, "prog"))
		}
	})
}

// TestBuildZlib uses the same library in the ways that there are to name it.
func TestBuildZlib(t *testing.T) {
	if _, err := os.Stat("/usr/include/zlib.h"); err != nil {
		t.Skip("zlib1g-dev is not installed")
	}
	eachCompiler(t, func(t *testing.T, cxx string, newWorld func(string) *world) {
		for name, dependency := range map[string]string{
			"module":     "[dependencies]\nmodules = [{ name = \"Zlib\", version = \">=1.2\" }]\n",
			"pkg_config": "[dependencies]\npkg_config = [\"zlib\"]\n",
			"link_libs":  "[compilation]\nlink_libs = [\"z\"]\n",
		} {
			if name != "module" && strings.HasPrefix(cxx, "clang") {
				continue // the same flags for both
			}
			w := newWorld("-- replibuild.toml --\n[project]\nname = \"zip\"\n" + dependency + `
-- src/main.c --
#include <stdio.h>
#include <zlib.h>
int main(void) { puts(zlibVersion()[0] == '1' ? "zlib" : "?"); return 0; }
`)
			t.Log(name)
			p := w.plan()
			w.build(p)
			w.runs(p, "zip", "zlib\n")
			w.s.Close()
		}
		if strings.HasPrefix(cxx, "clang") {
			return
		}
		// Without pkg-config the description itself has to do.
		w := newWorld("-- replibuild.toml --\n[dependencies]\nmodules = [{ name = \"Zlib\", version = \">=1.2\" }]\n-- src/main.c --\n#include <zlib.h>\nint main(void) { return !zlibVersion(); }\n")
		w.env = append(w.env, "PKG_CONFIG=/nowhere/pkg-config")
		p := w.plan()
		w.build(p)
		if libs := linkOf(p, 0).Libs; !slices.Equal(libs, []string{"-lz"}) {
			t.Errorf("libs: %q", libs)
		}
	})
}

// TestToolchain looks at what is found of the real compilers.
func TestToolchain(t *testing.T) {
	eachCompiler(t, func(t *testing.T, cxx string, newWorld func(string) *world) {
		w := newWorld("-- replibuild.toml --\n-- src/main.c --\nint main(void) { return 0; }\n")
		r, err := w.s.Toolchain(context.Background(), ipc.ToolchainRequest{Env: w.env})
		if err != nil {
			t.Fatal(err)
		}
		c := r.Toolchains[0]
		family, c0 := "gcc", "gcc"
		if strings.HasPrefix(cxx, "clang") {
			family, c0 = "clang", strings.Replace(cxx, "++", "", 1)
		}
		if c.Family != family || filepath.Base(c.CC) != c0 || filepath.Base(c.CXX) != cxx || len(c.Identity) != 64 || !strings.Contains(c.Triple, "-") || !filepath.IsAbs(c.AR) {
			t.Errorf("%+v", c)
		}
		if c.Linker != "" && !filepath.IsAbs(c.LinkerPath) {
			t.Errorf("linker %s is at %q", c.Linker, c.LinkerPath)
		}
		files := map[string]bool{}
		for _, f := range w.plan().Track.Files {
			files[filepath.Base(f.Path)] = true
		}
		for _, want := range map[string][]string{
			"clang": {"libc.so.6", "libLLVM.so.19.1", "libclang-cpp.so.19.1", "stddef.h", "ld.so.cache"},
			"gcc":   {"libc.so.6", "cc1", "cc1plus", "collect2", "stddef.h", "ld.so.cache"},
		}[family] {
			if !files[want] {
				t.Errorf("the plan does not rest on %s", want)
			}
		}
	})
}

// TestLinkers asks for each linker: it is used, or its absence is a mistake with a
// place. Auto finds one always.
func TestLinkers(t *testing.T) {
	eachCompiler(t, func(t *testing.T, cxx string, newWorld func(string) *world) {
		for _, linker := range []string{"mold", "lld", "default", "auto"} {
			w := newWorld("-- replibuild.toml --\n[compilation]\nlinker = \"" + linker + "\"\n-- src/main.cpp --\nint main() {}\n")
			p, err := w.tryPlan()
			w.s.Close()
			switch {
			case err != nil && (linker == "default" || linker == "auto" || !strings.Contains(problemText(err), "replibuild.toml:2:10: ")):
				t.Errorf("%s: %s", linker, problemText(err))
			case err != nil:
				t.Logf("%s: %v", linker, err)
			case linker == "default" && p.Toolchains[0].Linker != "",
				linker != "default" && linker != "auto" && !slices.Contains(linkOf(p, 0).Args, "-fuse-ld="+linker):
				t.Errorf("%s: %+v, %q", linker, p.Toolchains[0], linkOf(p, 0).Args)
			}
		}
	})
}
