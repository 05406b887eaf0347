package compilation

import (
	"cmp"
	"os"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// small is a project of one source and two headers.
func small(p *project) {
	p.args = append(p.args, "-Isrc/first", "-Iinclude")
	p.write("include/value.h", "#pragma once\ninline int value() { return 1; }\n")
	p.write("src/first/other.h", "")
	p.write("src/main.cpp", "#include \"value.h\"\n#include <other.h>\nint f() { return value(); }\n")
}

func TestCompileLife(t *testing.T) {
	t.Parallel()
	eitherCompiler(t, "gcc", func(t *testing.T, p *project) {
		small(p)
		object := unitOf("src/main.cpp").Output()
		r := p.expect("first", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
		if r.Key == "" || !r.Changed || r.Seconds <= 0 || r.Bytes == 0 || r.Peak == 0 {
			t.Errorf("first: %+v", r)
		}
		p.sameAsPlain("src/main.cpp")
		if r := p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged); !r.InPlace || r.Changed {
			t.Errorf("again: %+v", r)
		}

		p.remove(object)
		r = p.expect("object deleted", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
		if r.InPlace || !r.Changed || r.Saved <= 0 || r.Reason.Path != object {
			t.Errorf("object deleted: %+v", r)
		}
		p.sameAsPlain("src/main.cpp")
		p.expect("after the hit", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)

		p.write("include/value.h", "#pragma once\ninline int value() { return 2; }\n")
		r = p.expect("same size, other content", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonInput)
		if r.Reason.Path != "include/value.h" || r.Reason.Text != "include/value.h changed" || r.Reason.Old == r.Reason.New || len(r.Reason.Old) != 64 {
			t.Errorf("reason %+v", r.Reason)
		}
		p.sameAsPlain("src/main.cpp")

		p.write("include/value.h", "#pragma once\ninline int value() { return 1; }\n")
		p.expect("switched back", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
		p.sameAsPlain("src/main.cpp")
		p.write("include/value.h", "#pragma once\ninline int value() { return 1; }\n")
		p.expect("touched", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)

		st, err := p.s.CacheStats(t.Context(), ipc.CacheStatsRequest{})
		if err != nil || st.Hits != 2 || st.Misses != 2 || st.Stored != 2 || st.MissReasons["new"] != 1 || st.MissReasons["input"] != 1 {
			t.Errorf("%+v, %v", st, err)
		}
	})
}

// What was looked for in vain counts: each case makes something appear, after the
// object was in place, that a plain compile would take.
func TestCompileMisses(t *testing.T) {
	t.Parallel()
	asks := "#if __has_include(<opt.h>)\n#include <opt.h>\n#else\nint opt() { return 0; }\n#endif\n"
	wraps := "#define HAS(x) __has_include(x)\n#if HAS(<opt.h>)\nint opt() { return 1; }\n#else\nint opt() { return 0; }\n#endif\n"
	either := func(t *testing.T, test func(*testing.T, *project)) { t.Helper(); eitherCompiler(t, "clang", test) }
	for _, tt := range []struct {
		name, source, appears, text string
		folder                      string // the one that appears with it
		with                        func(*testing.T, func(*testing.T, *project))
	}{
		{"header in an earlier folder", "#include \"value.h\"\nint f() { return value(); }\n", "src/first/value.h", "inline int value() { return 5; }\n", "", eachCompiler},
		{"header beside the source", "#include \"value.h\"\nint f() { return value(); }\n", "src/value.h", "inline int value() { return 6; }\n", "", either},
		{"folder that was missing", "#include <value.h>\nint f() { return value(); }\n", "absent/value.h", "inline int value() { return 7; }\n", "absent", either},
		{"__has_include", asks, "include/opt.h", "inline int opt() { return 9; }\n", "", eachCompiler},
		{"wrapped __has_include", wraps, "include/opt.h", "\n", "", eachCompiler},
		{"CPATH", "#include <value.h>\nint f() { return value(); }\n", "cpath/value.h", "inline int value() { return 8; }\n", "cpath", either},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.with(t, func(t *testing.T, p *project) {
				if tt.name == "CPATH" {
					p.env = append(p.env, "CPATH="+p.path("cpath"))
				} else {
					p.args = append(p.args, "-Iabsent", "-Isrc/first")
				}
				p.args = append(p.args, "-isystem", "include")
				p.write("include/value.h", "inline int value() { return 1; }\n")
				p.write("src/first/other.h", "")
				p.write("src/main.cpp", tt.source)
				p.expect("first", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
				p.expect("again", "src/main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
				p.write(tt.appears, tt.text)
				r := p.expect("appeared", "src/main.cpp", ipc.StatusCompiled, ipc.ReasonAppeared)
				if !strings.Contains(r.Reason.Text, "appeared") || !strings.HasPrefix(tt.appears, strings.TrimPrefix(r.Reason.Path, p.root+"/")) {
					t.Errorf("reason %+v", r.Reason)
				}
				p.sameAsPlain("src/main.cpp")
				p.remove(cmp.Or(tt.folder, tt.appears))
				p.expect("gone again", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
			})
		})
	}
}

// Whatever lies in an object's place is replaced and never written through.
func TestCompileReplacesOutput(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	small(p)
	object := p.path(unitOf("src/main.cpp").Output())
	p.build("src/main.cpp")
	for _, tt := range []struct {
		name  string
		place func() error
	}{
		{"symlink", func() error { return os.Symlink(p.path("precious"), object) }},
		{"hard link", func() error { return os.Link(p.path("precious"), object) }},
		{"other content", func() error { return os.WriteFile(object, []byte("x"), 0o644) }},
		{"unreadable", func() error { return os.WriteFile(object, nil, 0) }},
	} {
		for _, noCache := range []bool{false, true} {
			p.write("precious", "precious")
			p.remove(unitOf("src/main.cpp").Output())
			if err := tt.place(); err != nil {
				t.Fatal(err)
			}
			req := p.batch("src/main.cpp")
			req.NoCache = noCache
			out, err := p.run(t.Context(), req)
			r := out["src/main.cpp"]
			want := ipc.ReasonHit
			if noCache {
				want = ipc.ReasonForced
			}
			if err != nil || r.Reason.Code != want || !r.Changed {
				t.Errorf("%s: %+v, %v", tt.name, r, err)
			}
			if p.read("precious") != "precious" {
				t.Errorf("%s was written through", tt.name)
			}
			p.sameAsPlain("src/main.cpp")
		}
	}
	p.remove(unitOf("src/main.cpp").Output())
	if err := os.Mkdir(object, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := p.try("src/main.cpp"); r.Status != ipc.StatusFailed || !strings.Contains(r.Diagnostics, "folder") {
		t.Errorf("folder in its place: %+v", r)
	}
}

// Clang takes the newest installation of GCC that it finds by listing folders, so
// another one there compiles again.
func TestListedFolder(t *testing.T) {
	t.Parallel()
	tool, ok := toolchains(t)["clang"]
	if !ok {
		t.Skip("clang++-19 is not installed")
	}
	p := newProject(t, tool)
	p.args = append(p.args, "--gcc-toolchain="+p.path("tc"))
	install := func(version, value string) {
		p.write("tc/lib/gcc/x86_64-linux-gnu/"+version+"/crtbegin.o", "")
		p.write("tc/include/c++/"+version+"/probe.h", "inline int probe() { return "+value+"; }\n")
	}
	install("12", "1")
	p.write("main.cpp", "#include <probe.h>\nint f() { return probe(); }\n")
	r := p.expect("first", "main.cpp", ipc.StatusCompiled, ipc.ReasonNew)
	if node := p.track[r.ID]; len(node.Listings) == 0 {
		t.Errorf("discovery gets %+v", node)
	}
	p.stop()
	p.expect("again", "main.cpp", ipc.StatusCached, ipc.ReasonUnchanged)
	install("13", "2")
	r = p.expect("newer installation", "main.cpp", ipc.StatusCompiled, ipc.ReasonListing)
	if r.Reason.Path != "tc/lib/gcc/x86_64-linux-gnu" {
		t.Errorf("reason %+v", r.Reason)
	}
	p.sameAsPlain("main.cpp")
	p.remove("tc/lib/gcc/x86_64-linux-gnu/13")
	p.expect("gone again", "main.cpp", ipc.StatusCached, ipc.ReasonHit)
}
