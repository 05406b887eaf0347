package compilation

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestPreambleDepfile: a compile with a preamble makes the dependency file of a plain compile, for
// each way to ask for one.
func TestPreambleDepfile(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"CMake":             {"-MD", "-MT", "CMakeFiles/a.dir/src/a.cc.o", "-MF", "build/a.o.d"},
		"Meson":             {"-MD", "-MQ", "a.p/a.cc.o", "-MFbuild/deps.d", "-MP"},
		"autotools":         {"-MMD", "-MP", "-MF", "build/.deps"},
		"beside the object": {"-MMD"},
		"both":              {"-MMD", "-MD"},
		"all at once":       {"-MP", "-MTx", "-MD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := withPreambles(t)
			p.depfile = false
			p.write("inc/b.h", "#pragma once\ninline int b() { return 1; }\n")
			p.write("inc/c.h", "inline int c() { return 1; }\n")
			p.write("src/a.h", "#pragma once\n#include \"b.h\"\n#include <cstddef>\ninline int a() { return b(); }\n")
			source, inc := "src/a.cc", "inc"
			if name == "Meson" { // which compiles in the build folder
				source, inc, p.root = "../src/a.cc", "../inc", p.path("b")
			}
			object := unitOf(source).Output()
			p.write("build/obj/app/.keep", "")
			text := "#include \"a.h\"\n#if __has_include(\"none.h\")\n#include \"none.h\"\n#endif\n#include <cstdint>\n" +
				"int main() { return a(); }\n#include \"c.h\"\n#include \"b.h\"\n#include <cstdlib>\n"
			p.args = slices.Concat([]string{"-I" + inc}, p.args, flags)
			wish, _ := readDepfileWish(flags)
			p.edited(source, text)
			for i, edit := range []string{"int edited;\n", "#include <cstdint>\n", "#include \"" + p.path(inc+"/d.h") + "\"\n"} {
				p.write(inc+"/d.h", "\n")
				p.write(source, text+edit)
				p.remove(wish.path(object))
				if r := p.build(source); r.Reason.Preamble != "used" {
					t.Errorf("%s: preamble %q", edit, r.Reason.Preamble)
				}
				ours, made := p.read(wish.path(object)), p.read(object)
				args := slices.Concat([]string{p.tool.CXX}, p.args, []string{"-c", source, "-o", object})
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Dir, cmd.Env = p.root, p.env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if p.read(object) != made {
					t.Errorf("%s: the object is not what a plain compile makes", edit)
				}
				if plain := p.read(wish.path(object)); ours != plain {
					t.Errorf("edit %d: the dependency file is\n%s\nwant\n%s", i, ours, plain)
				}
			}
		})
	}
}

// TestPreambleDepfileRefused: where the names of a plain compile's dependency file cannot be known, or are
// not asked for in a usual way, there is no preamble.
func TestPreambleDepfileRefused(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"-MJ compdb.json", "-MD -MG", "-MD -MT a -MT b", "-MT a", "-MD -Wp,-MMD,x.d"} {
		p := withPreambles(t)
		p.args = append(p.args, strings.Fields(flags)...)
		c := p.batch("src/a.cc").Commands[0]
		if _, why := whyNoPreamble(p.tool, c, readFlags(c.Args)); why == "" {
			t.Errorf("%s goes with a preamble", flags)
		}
	}
	p := withPreambles(t)
	p.depfile = false
	p.args = append(p.args, "-Isrc", "-I"+p.path("src"), "-I", p.path("src"), "-MD")
	p.write("src/a.h", "#pragma once\n")
	text := "#include \"a.h\"\n#include <cstddef>\nint i;\n"
	p.edited("src/a.cc", text)
	p.write("src/a.cc", text+"#include <a.h>\n")
	p.plain("two names of a folder", "src/a.cc", "also has a name beneath")
}
