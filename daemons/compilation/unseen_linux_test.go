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

// helperProgram builds a program that a wrapper may run, in the project.
func (p *project) helperProgram(name, text string, flags ...string) {
	p.t.Helper()
	source := filepath.Join(p.t.TempDir(), "helper.c")
	p.writeAbs(source, "#define _GNU_SOURCE\n#include <stdio.h>\n#include <fcntl.h>\n#include <unistd.h>\n#include <sys/stat.h>\n"+text)
	cmd := exec.CommandContext(p.t.Context(), "gcc", append([]string{"-w", source, "-o", p.path(name)}, flags...)...)
	cmd.Dir = p.path(".")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	p.waitPast(name)
}

// numbered puts a wrapper in the compiler's place that defines V as what a command prints.
func (p *project) numbered(command string) {
	p.t.Helper()
	p.wrap(`exec "$real" -DV="$(` + command + `)" "$@"`)
}

// What a wrapper's helper learns of files is an input, by whatever call it learns it.
func TestHelpersOfWrappers(t *testing.T) {
	t.Parallel()
	const count = "int n; int main() { %s printf(\"%%d\\n\", n); }"
	for name, tt := range map[string]struct {
		helper string // its text, "" = there is none
		flags  []string
		before func(p *project)
		run    string
		change func(p *project)
		doubt  bool // nothing is known of it, so it runs each time
	}{
		"nftw": {
			helper: "#include <ftw.h>\nint n; int cb(const char *p, const struct stat *s, int t, struct FTW *f) { n += t == FTW_F; return 0; }\n" +
				"int main() { nftw(\"tools/d\", cb, 9, 0); printf(\"%d\\n\", n); }",
			run: "tools/helper", change: func(p *project) { p.write("tools/d/more", "") },
		},
		"fts": {
			helper: "#include <fts.h>\n" + fmt.Sprintf(count, `char *a[] = {"tools/d", 0}; FTS *f = fts_open(a, FTS_PHYSICAL, 0); FTSENT *e; while ((e = fts_read(f))) n += e->fts_info == FTS_F;`),
			run:    "tools/helper", change: func(p *project) { p.write("tools/d/more", "") },
		},
		"wordexp": {
			helper: "#include <wordexp.h>\n" + fmt.Sprintf(count, `wordexp_t w; wordexp("tools/d/*", &w, 0); n = w.we_wordc;`),
			run:    "tools/helper", change: func(p *project) { p.write("tools/d/more", "") },
		},
		"syscall": {
			helper: "#include <sys/syscall.h>\n" + fmt.Sprintf(count, `char b[9] = {0}; read(syscall(SYS_openat, AT_FDCWD, "tools/f", O_RDONLY), b, 8); n = atoi(b);`),
			run:    "tools/helper", change: func(p *project) { p.write("tools/f", "2\n") },
		},
		"opened for reading and writing": {
			helper: fmt.Sprintf(count, `char b[9] = {0}; read(open("tools/f", O_RDWR | O_CREAT, 0644), b, 8); n = atoi(b);`),
			run:    "tools/helper", change: func(p *project) { p.write("tools/f", "2\n") },
		},
		"permission": {
			run: "[ -x tools/f ] && echo 5 || echo 1", change: func(p *project) { check(p, os.Chmod(p.path("tools/f"), 0o755)) },
		},
		"permission by access": {
			helper: fmt.Sprintf(count, `n = access("tools/f", X_OK) == 0;`),
			run:    "tools/helper", change: func(p *project) { check(p, os.Chmod(p.path("tools/f"), 0o755)) },
		},
		"owner": {
			before: func(p *project) {
				if os.Geteuid() != 0 {
					p.t.Skip("only root gives files away")
				}
			},
			run: "stat -c %u tools/f", change: func(p *project) { check(p, os.Chown(p.path("tools/f"), 2, 2)) },
		},
		"age": {
			before: func(p *project) { p.write("tools/g", "") },
			run:    "[ tools/f -nt tools/g ] && echo 5 || echo 1", change: func(p *project) { p.write("tools/f", p.read("tools/f")) },
		},
		"text of a link that leads nowhere": {
			before: func(p *project) { p.turn("tools/l", "1") },
			run:    "readlink tools/l", change: func(p *project) { p.remove("tools/l"); p.turn("tools/l", "2") },
		},
		"a library of its own": {
			before: func(p *project) { p.helperProgram("tools/libf.so", "int f(void) { return 1; }", "-shared", "-fPIC") },
			helper: "int f(void);" + fmt.Sprintf(count, "n = f();"), flags: []string{"-Wl,-rpath,$ORIGIN"},
			run: "tools/helper", change: func(p *project) { p.helperProgram("tools/libf.so", "int f(void) { return 2; }", "-shared", "-fPIC") },
		},
		"a library that comes first": {
			before: func(p *project) {
				p.helperProgram("tools/libf.so", "int f(void) { return 1; }", "-shared", "-fPIC")
				p.write("first/none", "")
			},
			helper: "int f(void);" + fmt.Sprintf(count, "n = f();"), flags: []string{"-Wl,-rpath,$ORIGIN/../first:$ORIGIN"},
			run: "tools/helper", change: func(p *project) { p.helperProgram("first/libf.so", "int f(void) { return 2; }", "-shared", "-fPIC") },
		},
		"a library by a relative folder that the script sets": {
			before: func(p *project) {
				p.helperProgram("tools/libf.so", "int f(void) { return 1; }", "-shared", "-fPIC")
				p.write("first/none", "")
			},
			helper: "int f(void);" + fmt.Sprintf(count, "n = f();"), flags: []string{"-Wl,-rpath,$ORIGIN"},
			run: "LD_LIBRARY_PATH=first:tools tools/helper", change: func(p *project) { p.helperProgram("first/libf.so", "int f(void) { return 2; }", "-shared", "-fPIC") },
		},
		"what a library needs": {
			before: func(p *project) {
				p.helperProgram("tools/libf.so", "int f(void) { return 1; }", "-shared", "-fPIC")
				p.helperProgram("tools/libg.so", "int f(void); int g(void) { return f(); }", "-shared", "-fPIC", "-Ltools", "-l:libf.so", "-Wl,-soname,libg.so,-rpath,$ORIGIN/../first:$ORIGIN")
				p.write("first/none", "")
			},
			helper: "int g(void);" + fmt.Sprintf(count, "n = g();"), flags: []string{"-Wl,-rpath,$ORIGIN,--allow-shlib-undefined", "-Ltools", "-l:libg.so"},
			run: "tools/helper", change: func(p *project) { p.helperProgram("first/libf.so", "int f(void) { return 2; }", "-shared", "-fPIC") },
		},
		"no library": {
			before: func(p *project) { p.write("first/none", "") },
			helper: "#include <dlfcn.h>\n" + fmt.Sprintf(count, `n = dlopen("libnone.so", RTLD_NOW) != 0;`), flags: []string{"-Wl,-rpath,$ORIGIN/../first"},
			run: "tools/helper", change: func(p *project) { p.helperProgram("first/libnone.so", "int f(void) { return 2; }", "-shared", "-fPIC") },
		},
		"another PATH": {
			before: func(p *project) {
				for i, dir := range []string{"b1", "b2"} {
					p.write(dir+"/adv-number", fmt.Sprintf("#!/bin/sh\necho %d\n", i+1))
					check(p, os.Chmod(p.path(dir+"/adv-number"), 0o755))
				}
				p.env = withVariable(p.env, "PATH", p.path("b1")+":"+os.Getenv("PATH"))
			},
			run: "adv-number", change: func(p *project) { p.env = withVariable(p.env, "PATH", p.path("b2")+":"+os.Getenv("PATH")) },
		},
		"a static program": {
			helper: fmt.Sprintf(count, `char b[9] = {0}; read(open("tools/f", O_RDONLY), b, 8); n = atoi(b);`), flags: []string{"-static"},
			run: "tools/helper", change: func(p *project) { p.write("tools/f", "2\n") },
		},
		"a counter": {
			run: "n=$(cat tools/f); echo $((n + 1)) >tools/f; echo $n", change: func(p *project) {}, doubt: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				p.write("tools/f", "1\n")
				p.write("tools/d/a", "")
				p.write("main.cpp", "int f() { return V; }\n")
				if tt.before != nil {
					tt.before(p)
				}
				if tt.helper != "" {
					flags := tt.flags
					if strings.HasPrefix(name, "a library ") {
						flags = append([]string{"-L" + p.path("tools"), "-lf"}, flags...)
					}
					p.helperProgram("tools/helper", "#include <stdlib.h>\n"+tt.helper, flags...)
				}
				p.numbered(tt.run)
				p.build("main.cpp")
				if again := p.build("main.cpp"); tt.doubt != (again.Status == ipc.StatusCompiled) {
					t.Errorf("again: %s, %s", again.Status, again.Reason.Text)
				}
				tt.change(p)
				if changed := p.build("main.cpp"); changed.Status != ipc.StatusCompiled {
					t.Errorf("changed: %s, %s", changed.Status, changed.Reason.Text)
				}
				if !tt.doubt {
					p.sameAsPlain("main.cpp")
				}
			})
		})
	}
}

func check(p *project, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// withVariable returns an environment with another value of a variable.
func withVariable(env []string, name, value string) (out []string) {
	for _, kv := range env {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return append(out, name+"="+value)
}

// A wrapper that shows its environment names the tracer, and is traced all the same.
func TestWrapperShowsEnvironment(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("main.cpp", "int main() {}\n")
	p.wrap(`env >&2; exec "$real" "$@"`)
	p.build("main.cpp")
	if traced, untraced := p.s.tracers.status(); untraced[p.tool.CXX] != "" {
		t.Errorf("traced %q, not %q", traced, untraced)
	}
	p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
}

// The first compile of a service is traced: it waits for the tracer.
func TestFirstCompileIsTraced(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.depfile = true // a folder of our own
		p.cfg.TracerDir = filepath.Join(t.TempDir(), "new")
		p.write("table.inc", ".long 1\n")
		p.write("main.cpp", "asm(\".data\\n.globl table\\ntable:\\n.include \\\"table.inc\\\"\\n.text\");\nint main() {}\n")
		p.start()
		results, err := p.run(t.Context(), p.batch("main.cpp"))
		if err != nil || results["main.cpp"].Status != ipc.StatusCompiled {
			t.Fatalf("%+v %v", results, err)
		}
		p.write("table.inc", ".long 2\n")
		p.expect("changed", "main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
		p.sameAsPlain("main.cpp")
	})
}

// What was found by a dependency file is made again where it can be traced.
func TestObservedWorse(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.depfile = true
		p.write("main.cpp", "int main() {}\n")
		p.expect("by the dependency file", "main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
		p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
		p.stop()
		p.depfile = false
		if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
			t.Errorf("traced: %s, %s", r.Status, r.Reason.Text)
		}
		p.expect("again traced", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	})
}

// Headers are inputs whatever their names and wherever they lie.
func TestNamesOfInputs(t *testing.T) {
	t.Parallel()
	for _, header := range []string{".rb-config.h", "replibuild-args-table.h", ".rb-dir/v.h", "/dev/shm/", "/proc/self/cwd/own/v.h"} {
		t.Run(strings.ReplaceAll(header, "/", "_"), func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				file := header
				switch {
				case header == "/dev/shm/":
					dir, err := os.MkdirTemp(header, "replibuild-test-")
					if err != nil {
						t.Skip(err)
					}
					t.Cleanup(func() { os.RemoveAll(dir) })
					file = dir + "/v.h"
					p.writeAbs(file, "#define V 1\n")
				case strings.HasPrefix(header, "/proc/"):
					p.write("own/v.h", "#define V 1\n")
				default:
					p.write(header, "#define V 1\n")
				}
				p.write("main.cpp", "#include \""+file+"\"\nint f() { return V; }\n")
				p.build("main.cpp")
				p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				target := file
				if strings.HasPrefix(header, "/proc/") {
					target = p.path("own/v.h")
				} else if !filepath.IsAbs(file) {
					target = p.path(file)
				}
				p.writeAbs(target, "#define V 2\n")
				testkit.Until(t, "the clock's tick", func() bool { return stamps.Now() > ipc.StatSignature(target).Ctime })
				p.expect("changed", "main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
				p.sameAsPlain("main.cpp")
			})
		})
	}
}

// The operand of __has_embed is asked about, and not read: it is an input, and no gap in the trace.
func TestHasEmbed(t *testing.T) {
	t.Parallel()
	clang, found := toolchains(t)["clang"]
	if !found || tracerDir == "" {
		t.Skip("no clang, or nothing is traced")
	}
	p := newProject(t, clang)
	p.write("src/probe.cpp", "#ifndef __has_embed\n#error\n#endif\n")
	if exec.Command(clang.CXX, "-E", p.path("src/probe.cpp")).Run() != nil {
		t.Skip("this clang does not know __has_embed")
	}
	p.args = append(p.args, "-w")
	p.write("src/main.cpp", "#if __has_embed(\"d.bin\") == 2\nint f() { return 2; }\n#elif __has_embed(\"d.bin\")\nint f() { return 1; }\n#else\nint f() { return 0; }\n#endif\n")
	p.write("src/d.bin", "x")
	p.expect("first", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	p.write("src/d.bin", "")
	p.expect("emptied", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
	p.remove("src/d.bin")
	p.expect("gone", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonRemoved)
	p.expect("gone, again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
}
