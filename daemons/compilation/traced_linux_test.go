package compilation

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// eachTraced runs a test with each compiler, traced.
func eachTraced(t *testing.T, test func(t *testing.T, p *project)) {
	t.Helper()
	for family := range toolchains(t) {
		runWith(t, family, false, test)
	}
}

// Only a trace knows of these inputs.
func TestTracedInputs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		source  string
		before  func(p *project)
		change  func(p *project)
		gccOnly bool
	}{
		"incbin": {
			source: "asm(\".section .rodata\\n.incbin \\\"data.bin\\\"\\n.text\");\nint f() { return 1; }\n",
			before: func(p *project) { p.write("data.bin", "one") },
			change: func(p *project) { p.write("data.bin", "two") },
		},
		"a name that macros make": {
			source: "#define Q(x) #x\n#define S(x) Q(x)\n#define NAME(a) S(a-conf.h)\n#if __has_include(NAME(my))\n#include NAME(my)\n#endif\n" +
				"#ifndef VALUE\n#define VALUE 1\n#endif\nint f() { return VALUE; }\n",
			change: func(p *project) { p.write("include/my-conf.h", "#define VALUE 2\n") },
		},
		"a link to the same text": {
			source: "#include \"one.h\"\n#include \"two.h\"\n#ifdef TWICE\nint twice;\n#endif\nint f() { return 1; }\n",
			before: func(p *project) {
				p.write("include/one.h", "#pragma once\n#ifdef ONCE\n#define TWICE\n#endif\n#define ONCE\n")
				p.turn("include/two.h", "one.h")
			},
			change: func(p *project) {
				text := p.read("include/one.h")
				p.remove("include/two.h")
				p.write("include/two.h", text)
			},
		},
		"specs": {
			source: "int f() { return V; }\n", gccOnly: true,
			before: func(p *project) {
				p.write("my.specs", "%include <more.specs>\n")
				p.write("more.specs", "*cc1plus:\n+ -DV=1\n\n")
				p.args = append(p.args, "-specs=my.specs", "-B.")
			},
			change: func(p *project) { p.write("more.specs", "*cc1plus:\n+ -DV=2\n\n") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTraced(t, func(t *testing.T, p *project) {
				if tt.gccOnly && p.tool.Family != "gcc" {
					t.Skip("not with this compiler")
				}
				p.args = append(p.args, "-Iinclude")
				p.write("include/unused.h", "")
				p.write("main.cpp", tt.source)
				if tt.before != nil {
					tt.before(p)
				}
				p.expect("first", "main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
				p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				tt.change(p)
				if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
					t.Errorf("changed: %+v", r)
				}
				p.sameAsPlain("main.cpp")
			})
		})
	}
}

// A compile that is traced says nothing of files that do not matter: outputs,
// temporaries, folders that are searched.
func TestTracedNeedsNothingMore(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.args = append(p.args, "-Iempty", "-Iinclude", "-I.")
		p.write("include/value.h", "inline int value() { return 1; }\n")
		p.write("empty/unused.h", "")
		p.write("main.cpp", "#include \"value.h\"\nint f() { return value(); }\n")
		r := p.build("main.cpp")
		var inputs []string
		for _, f := range p.files[r.ID] {
			if !strings.HasPrefix(f.Path, "/") {
				inputs = append(inputs, f.Path)
			}
		}
		slices.Sort(inputs)
		inputs = slices.Compact(inputs) // by content, and g++'s source by signature as well
		if want := []string{"include/value.h", "main.cpp"}; !slices.Equal(inputs, want) {
			t.Errorf("inputs %q, want %q", inputs, want)
		}
		p.write("empty/more.h", "")
		p.write("include/more.h", "")
		p.write("build/obj/app/more.o", "")
		p.write("more.cpp", "int g;\n")
		p.build("more.cpp")
		p.expect("other files", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	})
}

// Without its object the tracer is built again, and builds go on meanwhile.
func TestTracerIsLost(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	p.depfile = true // a folder of our own
	p.cfg.TracerDir = t.TempDir()
	p.build("src/main.cpp") // with it, after ready
	if traced, untraced := p.s.tracers.status(); !slices.Contains(traced, p.tool.CXX) {
		t.Fatalf("traced %q, not %q", traced, untraced)
	}
	if err := os.RemoveAll(p.cfg.TracerDir); err != nil {
		t.Fatal(err)
	}
	p.write("src/main.cpp", "int f() { return 3; }\n")
	p.expect("lost", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
	p.sameAsPlain("src/main.cpp")
	p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
}

// A wrapper that answers from a cache of its own has compiled nothing, so the trace says
// nothing of what a compiler would have looked for in vain.
func TestTraceOfWrapperWithCache(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.args = append(p.args, "-Ifirst", "-Iinclude")
	p.write("include/value.h", "inline int value() { return 1; }\n")
	p.write("main.cpp", "#include <value.h>\nint f() { return value(); }\n")
	real := p.tool.CXX
	p.wrap(`for a; do case $a in *.o) out=$a;; *.d) dep=$a;; esac; done
if [ -e "$PWD/kept.o" ]; then cat "$PWD/kept.o" > "$out"; cat "$PWD/kept.d" > "$dep"; read x < $PWD/include/value.h; read x < $PWD/main.cpp; exit; fi
$real "$@" && cat "$out" > "$PWD/kept.o" && cat "$dep" > "$PWD/kept.d"`)
	p.build("main.cpp")
	p.remove("build")
	p.s.store.Clear()
	p.build("main.cpp")
	if _, untraced := p.s.tracers.status(); untraced[p.tool.CXX] == "" {
		t.Error("the trace is believed")
	}
	p.write("first/value.h", "inline int value() { return 2; }\n")
	p.remove("kept.o")
	if r := p.build("main.cpp"); r.Status != ipc.StatusCompiled {
		t.Errorf("%+v", r)
	}
	p.tool.CXX = real
	p.sameAsPlain("main.cpp")
}

func TestResolveLinks(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.write("real/dir/file", "")
	p.turn("link", "real/dir")
	p.turn("real/dir/up", "../..")
	p.turn("absolute", p.path("link"))
	p.turn("dangling", "nothing")
	p.turn("loop", "loop")
	for path, want := range map[string]string{
		"real/dir/file": "real/dir/file", "link/file": "real/dir/file", "absolute/file": "real/dir/file",
		"link/../dir/file": "real/dir/file", "link/up": p.root, "link/up/link/file": "real/dir/file",
		"dangling": "", "loop": "", "missing/x": "", "/": "/", "./real//dir/": "real/dir",
	} {
		var l snapshot.Links
		if got := l.Resolve(p.root, path); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
	}
	v := snapshot.New(p.root, nil, snapshot.NewInterner(), snapshot.NewHashCache(nil))
	for _, tt := range []struct {
		fact cache.Listing
		kind string
	}{
		{cache.Listing{Dir: "link", Match: snapshot.LeadsTo, Digest: "real/dir"}, ""},
		{cache.Listing{Dir: "link", Match: snapshot.LeadsTo, Digest: "real"}, ipc.CauseChanged},
		{cache.Listing{Dir: "link", Match: snapshot.IsFolder}, ""},
		{cache.Listing{Dir: "link/file", Match: snapshot.IsFolder}, ipc.CauseAppeared},
		{cache.Listing{Dir: "dangling", Match: snapshot.IsFolder}, ipc.CauseRemoved},
		{cache.Listing{Dir: "real", Match: "*.h"}, ipc.CauseChanged},
	} {
		if kind := v.Differs(tt.fact); kind != tt.kind {
			t.Errorf("%+v: %q, want %q", tt.fact, kind, tt.kind)
		}
	}
}
