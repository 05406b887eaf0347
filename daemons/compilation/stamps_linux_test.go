package compilation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// touch sets the time of a file's last change.
func (p *project) touch(name string, at time.Time) {
	p.t.Helper()
	if err := os.Chtimes(p.path(name), at, at); err != nil {
		p.t.Fatal(err)
	}
	p.waitPast(name)
}

// TestTimestamp: the time of a file is in the object, so that a touch changes it.
func TestTimestamp(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.args = append(p.args, "-Iinclude", "-w")
		p.write("include/when.h", "inline const char *when() { return __TIMESTAMP__; }\n")
		p.write("main.cpp", "#include \"when.h\"\nconst char *f() { return when(); }\nconst char *g() { return __TIMESTAMP__; }\n")
		for i, file := range []string{"main.cpp", "include/when.h"} {
			p.build("main.cpp")
			p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
			p.touch(file, time.Date(2001+i, 1, 1, 0, 0, 0, 0, time.UTC))
			if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
				t.Errorf("%s touched: %+v", file, r)
			}
			p.sameAsPlain("main.cpp")
		}
	})
}

// TestTimestampByMacro: __TIMESTAMP__ in a macro is that of the file where the macro stands.
func TestTimestampByMacro(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		const outside = "../outside/outside.h"
		p.args = append(p.args, "-Iinclude", "-I"+filepath.Dir(p.path(outside)), "-w", "-include", "include/when.h")
		p.write("include/when.h", "#define WHEN __TIMESTAMP__\n")
		p.write("include/part.h", "inline const char *part() { return WHEN; }\n")
		p.write(outside, "inline const char *elsewhere() { return WHEN; }\n")
		p.write("main.cpp", "#include \"part.h\"\n#include <outside.h>\nconst char *f() { return part(); }\nconst char *g() { return WHEN; }\nconst char *h() { return elsewhere(); }\n")
		for i, file := range []string{"main.cpp", "include/part.h", outside} {
			p.build("main.cpp")
			p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
			p.touch(file, time.Date(2001+i, 1, 1, 0, 0, 0, 0, time.UTC))
			if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
				t.Errorf("%s touched: %+v", file, r)
			}
			p.sameAsPlain("main.cpp")
		}
	})
}

// TestPrecompiledByStep: clang refuses a precompiled header of which a part was touched,
// so the step that made it runs again; one that made anything else does not.
func TestPrecompiledByStep(t *testing.T) {
	t.Parallel()
	tool, ok := toolchains(t)["clang"]
	if !ok || tracerDir == "" {
		t.Skip("clang-19 is not installed, or nothing is traced on this system")
	}
	const pch, list = "build/gen/all.pch", "build/gen/list.txt"
	p := newProject(t, tool)
	precompile := strings.Join(append([]string{tool.CXX}, p.args...), " ") + " -x c++-header include/all.h -o " + pch
	const concatenate = "cat include/*.h > " + list
	p.args = append(p.args, "-include-pch", pch)
	p.write("api.txt", "")
	p.write("include/part.h", "inline int part() { return 1; }\n")
	p.write("include/all.h", "#include \"part.h\"\n")
	p.write("main.cpp", "int f() { return part(); }\n")
	p.generate(precompile, pch)
	p.generate(concatenate, list)
	p.build("main.cpp")
	p.touch("include/part.h", time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	if r := p.generate(concatenate, list); !r.InPlace {
		t.Errorf("a step that keeps no times: %+v", r)
	}
	if r := p.generate(precompile, pch); r.Status != ipc.StatusCompiled || r.Reason.Path != "include/part.h" {
		t.Errorf("touched: %+v", r)
	}
	if r := p.generate(precompile, pch); !r.InPlace {
		t.Errorf("again: %+v", r)
	}
	p.write("main.cpp", "int f() { return part() + 1; }\n")
	p.build("main.cpp")
	p.sameAsPlain("main.cpp")
}

// TestCopiesOfOneHeader: whether a header with #pragma once, or one that is imported, is
// read again depends on what files it is compared by, not on its content.
func TestCopiesOfOneHeader(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ include, first string }{
		"pragma":   {"include", "#pragma once\n"},
		"operator": {"include", "_Pragma(\"once\")\n"},
		"import":   {"import", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				p.args = append(p.args, "-Iinclude", "-w")
				text := tt.first + "#ifdef SEEN\n#define TWICE\n#endif\n#define SEEN\n"
				p.write("include/a/x.h", text)
				p.write("include/b/x.h", text)
				p.write("main.cpp", "#"+tt.include+" \"a/x.h\"\n#"+tt.include+" \"b/x.h\"\n#ifdef TWICE\nint twice;\n#else\nint once;\n#endif\n")
				same := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
				for what, change := range map[string]func(){
					"the same time": func() { p.touch("include/a/x.h", same); p.touch("include/b/x.h", same) },
					"another time":  func() { p.touch("include/b/x.h", same.Add(time.Hour)) },
					"one file": func() {
						p.remove("include/b/x.h")
						if err := os.Link(p.path("include/a/x.h"), p.path("include/b/x.h")); err != nil {
							t.Fatal(err)
						}
						p.waitPast("include/b/x.h")
					},
					"two files": func() { p.remove("include/b/x.h"); p.write("include/b/x.h", text) },
				} {
					change()
					p.build("main.cpp")
					p.sameAsPlain("main.cpp")
					p.expect(what+", again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
					p.remove("build")
					p.expect(what+", deleted", "main.cpp", ipc.StatusCached, ipc.ReasonHit)
					p.sameAsPlain("main.cpp")
				}
			})
		})
	}
}
