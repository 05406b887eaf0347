package preload

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// both runs a test for clang and for gcc.
func both(t *testing.T, test func(t *testing.T, cxx string)) {
	for _, cxx := range []string{"clang++-19", "g++"} {
		t.Run(cxx, func(t *testing.T) {
			t.Parallel()
			test(t, cxx)
		})
	}
}

func isGCC(cxx string) bool { return cxx == "g++" }

// headers leaves out what only g++ probes for: precompiled headers.
func headers(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return strings.HasSuffix(p, ".gch") })
}

func TestSearchPath(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, cxx string) {
		dir := write(t, "src/a.cpp", `
#include <foo.h>
#include "near.h"
#if __has_include("maybe.h")
#endif
#if __has_include("yes.h")
#endif
#include <half>
`, "src/near.h", "", "inc1/half/x", "", "inc2/foo.h", "", "inc2/yes.h", "", "inc2/half", "")
		o := traced(t, dir, []string{"a.o"}, cxx, "-nostdinc", "-Iinc1", "-Igone", "-Iinc2", "-c", "src/a.cpp", "-o", "a.o")
		expect(t, "read", o.Read, "src/a.cpp src/near.h inc2/foo.h inc2/yes.h inc2/half")
		expect(t, "seen", o.Seen, "")
		got := slices.DeleteFunc(headers(o.Missed), func(p string) bool { return strings.Contains(p, "stdc-predef") })
		expect(t, "missed", got, "inc1/foo.h src/maybe.h inc1/maybe.h inc2/maybe.h src/yes.h inc1/yes.h gone")
		for _, f := range []string{"inc1", "inc2", "inc1/half"} {
			if !slices.Contains(o.Folders, f) {
				t.Errorf("%s is not among the folders %q", f, beneath(o.Folders))
			}
		}
		expect(t, "written", o.Written, "a.o")
	})
}

func TestHeaderLinks(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, cxx string) {
		dir := write(t, "a.cpp", "#include \"inc/l.h\"\n#include \"d/b.h\"\n", "real/r.h", "", "real/b.h", "", "inc/x", "")
		symlink(t, "../real/r.h", filepath.Join(dir, "inc/l.h"))
		symlink(t, "real", filepath.Join(dir, "d"))
		o := traced(t, dir, []string{"a.o"}, cxx, "-nostdinc", "-c", "a.cpp", "-o", "a.o")
		expect(t, "read", o.Read, "a.cpp inc/l.h d/b.h") // as they were named, and they are followed
	})
}

// What is an input without being a header.
func TestOtherInputs(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, cxx string) {
		dir := write(t, "a.cpp", `
extern "C" const char blob[];
__asm__(".section .rodata\nblob: .incbin \"blob.bin\"\n.text\n");
int main() { return blob[0]; }
`, "blob.bin", "x", "args.rsp", "-DX @more.rsp", "more.rsp", "-Iinc", "inc/x", "", "forced.h", "", "macros.h", "")
		o := traced(t, dir, []string{"a.o"}, cxx, "@args.rsp", "-include", "forced.h", "-imacros", "macros.h", "-c", "a.cpp", "-o", "a.o")
		expect(t, "read", o.Read, "a.cpp blob.bin args.rsp more.rsp forced.h macros.h")
	})
}

func TestGCCInputs(t *testing.T) {
	t.Parallel()
	dir := write(t, "a.cpp", "int main() {}", "my.specs", "*cpp:\n+ -DFROM_SPECS\n\n")
	o := traced(t, dir, []string{"a.o"}, "g++", "-specs=my.specs", "-c", "a.cpp", "-o", "a.o")
	expect(t, "read", o.Read, "a.cpp my.specs")
	if n := len(o.Executed); n != 3 || !strings.HasSuffix(o.Executed[1], "cc1plus") || !strings.HasSuffix(o.Executed[2], "as") {
		t.Errorf("executed %q", o.Executed)
	}
	if len(o.Volatile) > 0 {
		t.Errorf("volatile %q", o.Volatile)
	}
}

func TestClangInputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, files, args, read string }{
		{"embed", "a.c=const char a[] = {\n#embed \"data.bin\"\n};|data.bin=xyz", "-std=c23 -x c a.c", "a.c data.bin"},
		{"ignore list", "a.c=int a;|ignore.txt=src:*\n", "-fsanitize=address -fsanitize-ignorelist=ignore.txt a.c", "a.c ignore.txt"},
		{"overlay", "a.c=#include \"v.h\"\n|real.h=|o.yaml={version: 0, roots: [{name: 'v.h', type: file, external-contents: 'real.h'}]}",
			"-ivfsoverlay o.yaml a.c", "a.c real.h o.yaml"},
		{"configuration", "a.c=int a;|my.cfg=-DX", "--config=./my.cfg a.c", "a.c my.cfg"},
		{"module map", "a.c=#include \"m.h\"\n|m.h=int m;|module.modulemap=module m { header \"m.h\" }",
			"-fmodule-map-file=module.modulemap -fmodules-strict-decluse -fmodule-name=a a.c", "a.c m.h module.modulemap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var files []string
			for _, f := range strings.Split(tt.files, "|") {
				name, text, _ := strings.Cut(f, "=")
				files = append(files, name, text)
			}
			dir := write(t, files...)
			o := traced(t, dir, []string{"a.o"}, "clang-19", append(strings.Fields(tt.args), "-c", "-o", "a.o")...)
			for _, p := range strings.Fields(tt.read) {
				if !slices.Contains(o.Read, p) {
					t.Errorf("%s was not read: %q", p, beneath(o.Read))
				}
			}
		})
	}
}

// A profile is read, and a missing one is looked for.
func TestProfile(t *testing.T) {
	t.Parallel()
	dir := write(t, "a.c", "int main(void) { return 0; }", "p.proftext", ":ir\nmain\n146835646621254984\n1\n1\n\n")
	profdata := program(t, "llvm-profdata-19")
	if out, err := run(t.Context(), buildLimit, testEnv(), dir, profdata, "merge", "p.proftext", "-o", "p.profdata"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o := traced(t, dir, []string{"a.o"}, "clang-19", "-fprofile-use=p.profdata", "-c", "a.c", "-o", "a.o")
	expect(t, "clang read", o.Read, "a.c p.profdata")
	o = traced(t, dir, []string{"a.o"}, "g++", "-fprofile-use=none.gcda", "-c", "a.c", "-o", "a.o")
	if !slices.ContainsFunc(o.Missed, func(p string) bool { return strings.HasPrefix(p, "none.gcda/") }) {
		t.Errorf("g++ missed %q", beneath(o.Missed))
	}
}

// Plugins are loaded by dlopen.
func TestPlugins(t *testing.T) {
	t.Parallel()
	dir := write(t, "a.c", "int a;", "plugin.c", `
int plugin_is_GPL_compatible;
int plugin_init(void *info, void *version) { return info == version; }`)
	compileC(t, dir, "plugin.so", "-shared", "-fPIC", "plugin.c")
	o := traced(t, dir, []string{"a.o"}, "g++", "-fplugin=./plugin.so", "-c", "a.c", "-o", "a.o")
	expect(t, "g++", o.Read, "a.c plugin.so")
	o = traced(t, dir, []string{"a.o"}, "clang-19", "-fplugin=./plugin.so", "-c", "a.c", "-o", "a.o")
	expect(t, "clang", o.Read, "a.c plugin.so")
}

// Files beside the object, and those that are gone when the compiler ends.
func TestOutputs(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, cxx string) {
		dir := write(t, "a.cpp", "int main() {}", "a.o", "an old object")
		o := traced(t, dir, []string{"a.o"}, cxx, "-save-temps", "-MD", "-MF", "a.d", "-c", "a.cpp", "-o", "a.o")
		for _, p := range []string{"a.o", "a.d", "a.ii", "a.s"} {
			if !slices.Contains(o.Written, p) {
				t.Errorf("%s is not among the outputs %q", p, o.Written)
			}
			for _, list := range [][]string{o.Read, o.Seen, o.Missed} {
				if slices.Contains(list, p) {
					t.Errorf("%s is an input", p)
				}
			}
		}
		for _, p := range slices.Concat(o.Read, o.Seen, o.Missed, o.Written) {
			if strings.HasPrefix(p, "/tmp/cc") {
				t.Errorf("temporary %s", p)
			}
		}
	})
}

func TestLinkers(t *testing.T) {
	t.Parallel()
	dir := write(t, "main.c", "int f(void); int main(void) { return f(); }", "f.c", "int f(void) { return 0; }", "l1/x", "", "l2/x", "",
		"s.ld", "INPUT(-lf)")
	compileC(t, dir, "main.o", "-c", "main.c")
	compileC(t, dir, "l2/libf.so", "-shared", "-fPIC", "f.c")
	for _, linker := range []string{"lld-19", "mold", "bfd"} {
		t.Run(linker, func(t *testing.T) {
			t.Parallel()
			program(t, map[string]string{"lld-19": "ld.lld-19", "mold": "mold", "bfd": "ld.bfd"}[linker])
			driver, use := "clang-19", "-fuse-ld="+linker
			if linker == "lld-19" {
				use = "-fuse-ld=lld"
			}
			exe := "exe-" + linker
			o := traced(t, dir, []string{exe}, driver, use, "main.o", "-Ll1", "-Ll2", "s.ld", "-o", exe)
			expect(t, "read", o.Read, "main.o l2/libf.so s.ld")
			missed := slices.DeleteFunc(beneath(o.Missed), func(p string) bool { return !strings.Contains(p, "libf.") })
			expect(t, "missed of libf", missed, "l1/libf.so l1/libf.a")
			for _, p := range []string{"l1/libc.so", "l2/libc.so", "l1/libgcc.a", "l2/libgcc.a"} {
				if !slices.Contains(o.Missed, p) {
					t.Errorf("%s is not among the missed %q", p, beneath(o.Missed))
				}
			}
			expect(t, "written", o.Written, exe)
			if len(o.Executed) != 2 {
				t.Errorf("executed %q", o.Executed)
			}
			if !slices.ContainsFunc(o.Read, func(p string) bool { return strings.HasSuffix(p, "crt1.o") }) {
				t.Errorf("crt1.o was not read: %q", o.Read)
			}
		})
	}
}
