package compilation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// shares has a project use the store that its user's projects share.
func (p *project) shares(home string) {
	p.t.Helper()
	p.cfg.Home, p.cfg.SharedDir = home, filepath.Join(home, "cache", "shared")
	if err := os.MkdirAll(home, 0o700); err != nil {
		p.t.Fatal(err)
	}
	p.writeAbs(filepath.Join(home, "config.toml"), "[cache]\nshared = true\n")
}

// twoTrees are two projects of one user in folders whose names have different lengths.
func twoTrees(t *testing.T, tool ipc.Toolchain) (a, b *project) {
	t.Helper()
	a, b = newProject(t, tool), newProject(t, tool)
	longer := filepath.Join(filepath.Dir(b.root), "another-folder", "project")
	if err := os.MkdirAll(filepath.Dir(longer), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.root, longer); err != nil {
		t.Fatal(err)
	}
	b.root = longer
	home := filepath.Join(filepath.Dir(a.root), "home")
	a.shares(home)
	b.shares(home)
	return a, b
}

// flags gives a project arguments in which ROOT is its folder.
func (p *project) flags(text string) {
	p.args = append(p.args, strings.Fields(strings.ReplaceAll(text, "ROOT", p.root))...)
}

// share finishes storing what may be shared.
func (p *project) share() ipc.SharingStats {
	p.t.Helper()
	r, err := p.start().CacheShare(p.t.Context(), ipc.CacheShareRequest{})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.SharingStats
}

// fromShared expects that a unit came from the shared store, or was compiled, and that it is
// what the plain compiler makes here.
func (p *project) fromShared(what, source string, want bool) ipc.ActionResult {
	p.t.Helper()
	r := p.build(source)
	if is := r.Reason.Tier == ipc.TierShared; is != want {
		p.t.Errorf("%s: from the shared store: %v, want %v (%s: %s; %v)", what, is, want, r.Status, r.Reason.Text, p.share().Kept)
	}
	made := p.builtFiles()
	p.sameFiles(what, made, p.plainFiles(source), nil)
	return r
}

const hashOf = `constexpr unsigned hash(const char *s) { unsigned h = 7; while (*s) h = h * 31 + *s++; return h; }
`

// sharedCases are compiles with what they may do with the name of their folder. "shared" says
// whether another folder may have the result.
var sharedCases = []struct {
	name, only, flags, header, source string
	shared                            bool
}{
	{name: "release", flags: "-O2", source: "const char *f() { return __FILE__; }\n", shared: true},
	{name: "absolute folder", flags: "-IROOT/include", header: "inline int v() { return 1; }\n", source: "#include <v.h>\nint f() { return v(); }\n", shared: true},
	{name: "mapped debug", flags: "-g -ffile-prefix-map=ROOT=/_/n", source: "int f(int a) { return a; }\n", shared: true},
	{name: "mapped macro", only: "clang", flags: "-IROOT/include -fmacro-prefix-map=ROOT/=", header: hashOf + "constexpr unsigned v = hash(__FILE__);\n", source: "#include <v.h>\nunsigned f() { return v; }\n", shared: true},
	{name: "dependency file", flags: "-IROOT/include -MD -MF build/own.d", header: "inline int v() { return 1; }\n", source: "#include <v.h>\nint f() { return v(); }\n", shared: true},
	{name: "debug", flags: "-g", source: "int f(int a) { return a; }\n"},
	{name: "compressed debug", flags: "-g -gz", source: "int f(int a) { return a; }\n"},
	{name: "compressed and mapped", flags: "-g -gz -ffile-prefix-map=ROOT=/_/n", source: "int f(int a) { return a; }\n"},
	{name: "define", flags: "-DHERE=\"ROOT\"", source: "int f() { return 1; }\n"},
	{name: "hash of __FILE__", flags: "-IROOT/include", header: hashOf + "constexpr unsigned v = hash(__FILE__);\n", source: "#include <v.h>\nunsigned f() { return v; }\n"},
	{name: "hash of __builtin_FILE", flags: "-IROOT/include", header: hashOf + "constexpr unsigned v = hash(__builtin_FILE());\n", source: "#include <v.h>\nunsigned f() { return v; }\n"},
	{name: "hash of source_location", flags: "-std=c++20 -IROOT/include", header: "#include <source_location>\n" + hashOf + "constexpr unsigned v = hash(std::source_location::current().file_name());\n", source: "#include <v.h>\nunsigned f() { return v; }\n"},
	{name: "unique names", only: "clang", flags: "-funique-internal-linkage-names", source: "static int g(int a) { return a + 1; }\nint (*f())(int) { return g; }\n"},
	{name: "profile", flags: "-fprofile-generate", source: "int f() { return 1; }\n"},
	{name: "coverage mapping", only: "clang", flags: "-fprofile-instr-generate -fcoverage-mapping", source: "int f() { return 1; }\n"},
	{name: "coverage", flags: "--coverage", source: "int f() { return 1; }\n"},
	{name: "sanitizer", flags: "-fsanitize=address", source: "int f(int *a) { return *a; }\n"},
	{name: "recorded switches", flags: "-frecord-gcc-switches -IROOT/include", source: "int f() { return 1; }\n"},
	{name: "target region", only: "clang", flags: "-fopenmp", source: "int f(int *p) {\n#pragma omp target map(tofrom: p[0:1])\n p[0]++; return p[0]; }\n"},
}

// What may serve in another folder is decided by rules, not by a look for the folder's name:
// each of these was tried by hand to differ between two folders, or not to.
func TestSharedBetweenFolders(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		for _, c := range sharedCases {
			if c.only != "" && c.only != family {
				continue
			}
			t.Run(family+" "+c.name, func(t *testing.T) {
				t.Parallel()
				a, b := twoTrees(t, tool)
				for _, p := range []*project{a, b} {
					p.flags(c.flags)
					p.write("main.cpp", c.source)
					p.write("include/v.h", c.header)
					p.write("build/kept", "")
				}
				if r := a.build("main.cpp"); r.Status != ipc.StatusCompiled {
					t.Fatalf("%s: %s", r.Status, r.Diagnostics)
				}
				stored := a.share()
				switch {
				case c.shared:
					b.fromShared(c.name, "main.cpp", true)
				case stored.Stored != 0 || len(stored.Kept) == 0: // other trees cannot get what is not stored
					t.Errorf("%d results were stored, and these were kept: %v", stored.Stored, stored.Kept)
				}
			})
		}
	}
}

// The asking tree decides by its own files: what lies in the tree that made a result does not
// matter.
func TestSharedByContent(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			a, b := twoTrees(t, tool)
			for _, p := range []*project{a, b} {
				p.flags("-Iinc1 -Iinc2")
				p.write("main.cpp", "#include <v.h>\n#if __has_include(<opt.h>)\n#include <opt.h>\n#endif\n#ifndef V\n#define V 0\n#endif\nint f() { return v() + V; }\n")
				p.write("inc1/kept", "")
				p.write("inc2/v.h", "#warning of v.h\ninline int v() { return 1; }\n")
				p.write("build/kept", "")
			}
			a.build("main.cpp")
			a.share()
			if r := b.fromShared("the same", "main.cpp", true); !strings.Contains(r.Diagnostics, "of v.h") {
				t.Errorf("the warning is lost: %q", r.Diagnostics)
			}
			b.write("inc2/v.h", "inline int v() { return 2; }\n")
			b.fromShared("an edited header", "main.cpp", false)
			b.write("inc1/v.h", "inline int v() { return 3; }\n")
			b.fromShared("a shadowing header", "main.cpp", false)
			b.write("inc1/opt.h", "#define V 10\n")
			b.fromShared("a header that was looked for", "main.cpp", false)

			// What the second tree made serves the first, which then has the same files.
			b.share()
			for _, name := range []string{"inc2/v.h", "inc1/v.h", "inc1/opt.h"} {
				a.write(name, b.read(name))
			}
			a.fromShared("the files of the second tree", "main.cpp", true)
			if _, err := a.start().CacheClear(t.Context(), ipc.CacheClearRequest{}); err != nil {
				t.Fatal(err)
			}
			a.stop()
			a.remove("build")
			a.remove("../state")
			a.fromShared("after the project's cache was cleared", "main.cpp", true)
		})
	}
}

// Links and archives are shared by the content of their members.
func TestSharedLinks(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			a, b := twoTrees(t, tool)
			target := linkTarget{Name: "app", Kind: ipc.KindExecutable, Output: "build/app"}
			for _, p := range []*project{a, b} {
				p.write("main.cpp", "int f();\nint main() { return f(); }\n")
				p.write("f.cpp", "int f() { return 0; }\n")
			}
			a.link(target, a.objects("main.cpp", "f.cpp")...)
			a.share()
			if r := b.link(target, b.objects("main.cpp", "f.cpp")...); r.Reason.Tier != ipc.TierShared {
				t.Errorf("the link of the second tree is %s: %s (%v)", r.Status, r.Reason.Text, b.share().Kept)
			}
			b.write("f.cpp", "int f() { return 1; }\n")
			if r := b.link(target, b.objects("main.cpp", "f.cpp")...); r.Status != ipc.StatusCompiled {
				t.Errorf("with another member it is %s: %s", r.Status, r.Reason.Text)
			}
		})
	}
}

// A wrong result of the shared store that the audit finds goes from there too: the next build
// must not find it again.
func TestSharedStoreIsAudited(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	a, b := twoTrees(t, anyCompiler(t).tool)
	for _, p := range []*project{a, b} {
		p.flags("-O2")
		p.write("main.cpp", "int f() { return 1; }\n")
		p.write("build/kept", "")
	}
	a.build("main.cpp")
	a.share()
	s := a.s.tiers.opened()
	e := onlyEntry(t, s)
	a.write("wrong", "wrong")
	wrong, err := os.Open(filepath.Join(a.root, "wrong"))
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	e.Outputs = nil
	if err := s.Put(e, map[string]*os.File{"0": wrong}); err != nil {
		t.Fatal(err)
	}
	b.cfg.AuditEvery, b.cfg.AuditIdle = 1, time.Millisecond
	if r := b.build("main.cpp"); r.Reason.Tier != ipc.TierShared {
		t.Fatalf("%s: %s", r.Status, r.Reason.Text)
	}
	testkit.Until(t, "the audit", func() bool { return b.audits() == 1 })
	b.fromShared("after the audit", "main.cpp", false)
}

// onlyEntry is the entry of a store that has one.
func onlyEntry(t *testing.T, s *cache.Store) *cache.Entry {
	t.Helper()
	entries, _ := filepath.Glob(filepath.Join(s.Dir(), "entries", "*", "*"))
	if len(entries) != 1 {
		t.Fatalf("entries %q", entries)
	}
	var key cache.Digest
	if err := key.UnmarshalText([]byte(filepath.Base(entries[0]))); err != nil {
		t.Fatal(err)
	}
	e, why := s.Get(key)
	if e == nil {
		t.Fatal(why)
	}
	return e
}

// A shared store that is damaged, or that somebody has written into, costs compiles only.
func TestSharedStoreIsNotTrusted(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for name, harm := range map[string]func(t *testing.T, p *project, s *cache.Store, e *cache.Entry){
		"another content": func(t *testing.T, p *project, s *cache.Store, e *cache.Entry) {
			h := e.Outputs[0].Blob.String()
			file := filepath.Join(s.Dir(), "blobs", h[:2], h)
			p.writeAbs(file, strings.Repeat("x", int(e.Outputs[0].Size)))
		},
		"a foreign name": func(t *testing.T, p *project, s *cache.Store, e *cache.Entry) {
			f, err := s.Open(e.Outputs[0])
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			other, err := s.Open(e.Outputs[0])
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			e.Outputs = nil
			if err := s.Put(e, map[string]*os.File{"0": f, "+../outside": other}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := anyCompiler(t).tool
			a, b := twoTrees(t, tool)
			for _, p := range []*project{a, b} {
				p.write("main.cpp", "int f() { return 1; }\n")
				p.write("build/kept", "")
			}
			a.build("main.cpp")
			a.share()
			s := a.s.tiers.opened()
			e := onlyEntry(t, s)
			harm(t, b, s, e)
			b.fromShared(name, "main.cpp", false)
			if _, err := os.Stat(filepath.Join(b.root, "../outside")); err == nil {
				t.Error("a file was written outside the project")
			}
		})
	}
}

// A source that names a file of the first folder by its absolute name means that file in the
// second folder too.
func TestSharedAbsoluteInclude(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			a, b := twoTrees(t, tool)
			for i, p := range []*project{a, b} {
				p.write("main.cpp", "#include \""+a.root+"/v.h\"\nint f() { return V; }\n")
				p.write("v.h", "#define V 1\n")
				p.write("build/kept", "")
				if i == 0 {
					p.build("main.cpp")
					p.share()
				}
			}
			a.write("v.h", "#define V 2\n")
			b.fromShared("an absolute include", "main.cpp", false)
		})
	}
}

// The home folder is a root only where something in it matters: "</root>" in a text keeps
// nothing in its folder, a file of the home folder that a source names does.
func TestSharedHome(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		t.Run(family+" word", func(t *testing.T) {
			t.Parallel()
			a, b := twoTrees(t, tool)
			for _, p := range []*project{a, b} {
				p.env = append(p.env, "HOME=/root")
				p.write("main.cpp", "// <root>text</root>\nconst char *f() { return \"</root>\"; }\n")
				p.write("build/kept", "")
			}
			a.build("main.cpp")
			a.share()
			b.fromShared("a word that is the home folder", "main.cpp", true)
		})
		for name, source := range map[string]string{
			"file":    "#include \"HOME/v.h\"\nint f() { return V; }\n",
			"missing": "#if __has_include(\"HOME/opt.h\")\nint f() { return 1; }\n#endif\n",
		} {
			t.Run(family+" "+name, func(t *testing.T) {
				t.Parallel()
				a, b := twoTrees(t, tool)
				first := t.TempDir()
				for _, p := range []*project{a, b} {
					home := first
					if p == b {
						home = t.TempDir()
					}
					p.env = append(p.env, "HOME="+home)
					p.writeAbs(filepath.Join(home, "v.h"), "#define V 1\n")
					p.write("main.cpp", strings.ReplaceAll(source, "HOME", first))
					p.write("build/kept", "")
				}
				a.build("main.cpp")
				a.share()
				a.writeAbs(filepath.Join(first, "v.h"), "#define V 2\n")
				a.writeAbs(filepath.Join(first, "opt.h"), "")
				b.fromShared(name, "main.cpp", false)
			})
		}
	}
}

// What lies beside the project is each tree's own, whichever way it is reached.
func TestSharedBesideTheRoot(t *testing.T) {
	t.Parallel()
	if tracerDir == "" {
		t.Skip("nothing is traced on this system")
	}
	for family, tool := range toolchains(t) {
		for name, source := range map[string]string{
			"include path": "#include <v.h>\nint f() { return V; }\n",
			"by name":      "#include \"../beside/v.h\"\nint f() { return V; }\n",
			"link":         "#include \"link/v.h\"\nint f() { return V; }\n",
			"asked":        "#if __has_include(\"../beside/opt.h\")\nint f() { return 1; }\n#endif\n",
			"missing":      "#if __has_include(<opt.h>)\nint f() { return 1; }\n#endif\n",
			"incbin":       "__asm__(\".section .rodata\\n.incbin \\\"../beside/v.h\\\"\\n.previous\");\n",
		} {
			t.Run(family+" "+name, func(t *testing.T) {
				t.Parallel()
				a, b := twoTrees(t, tool)
				for i, p := range []*project{a, b} {
					p.flags("-I../beside")
					p.write("main.cpp", source)
					p.write("build/kept", "")
					p.write("../beside/v.h", "#define V "+string(rune('1'+i))+"\n")
					if err := os.Symlink("../beside", p.path("link")); err != nil {
						t.Fatal(err)
					}
				}
				b.write("../beside/opt.h", "")
				a.build("main.cpp")
				a.share()
				b.fromShared(name, "main.cpp", false)
			})
		}
	}
}
