package driverline

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadUnnamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, rest, object, depfile, target string }{
		{"-c a.c", "-c a.c", "a.o", "", ""},
		{"-c src/a.b.c -o x/y.o", "-c src/a.b.c", "x/y.o", "", ""},
		{"-S -oy.s a.c", "-S a.c", "y.s", "", ""},
		{"-MMD -MT t -MF y.d -o y.o -c a.c", "-MMD -c a.c", "y.o", "y.d", "t"},
		{"-MMD -MQ t -MF x.d -MF y.d -c a.c", "-MMD -c a.c", "a.o", "y.d", "t"},
		{"-MMD -MT t -MT u -c a.c", "-MMD -c a.c -MT t -MT u", "a.o", "a.d", ""},
		{"-MMD -MQ $t -c a.c", "-MMD -c a.c -MQ $t target $t", "a.o", "a.d", ""},
		{"-MMD -c a.c -o ./y.o", "-MMD -c a.c target ./y.o", "./y.o", "./y.d", ""},
		{"-MMD -S a.c", "-MMD -S a.c target a.s", "a.s", "a.d", ""},
		{"-Wp,-MMD,w.d -c a.c -o y.o", "-Wp,-MMD -c a.c", "y.o", "w.d", "y.o of source"},
		{"-Wp,-MD,w.d -MD -c a.c -o y.o", "-Wp,-MD -MD -c a.c", "y.o", "w.d", "y.o"},
		{"-Wp,-MD,w.d -MT t -c a.c", "-Wp,-MD -c a.c", "a.o", "w.d", "t"},
		{"-Wp,-MD,w.d -MF y.d -MD -c a.c", "", "", "", ""},
		{"-Wp,-MD,w.d,-MP -c a.c", "", "", "", ""},
		{"-MD -o y.o -c a.c", "-MD -c a.c", "y.o", "y.d", "y.o"},
		{"-x c++ -c a.c -Ione -I two -DX -fno-rtti -fvisibility=hidden -O2", "-x c++ -c a.c -Ione -I two -DX -fno-rtti -fvisibility=hidden -O2", "a.o", "", ""},
		{"-c a.c b.c", "", "", "", ""},
		{"-c a.c -MF y.d", "", "", "", ""},
		{"-c a.c -gsplit-dwarf", "", "", "", ""},
		{"-c a.c --coverage", "", "", "", ""},
		{"-c a.c -fprofile-generate", "", "", "", ""},
		{"-c a.c -flto", "", "", "", ""},
		{"-c a.c -frecord-gcc-switches", "", "", "", ""},
		{"-c a.c -save-temps", "", "", "", ""},
		{"-c a.c -Wa,-a=list", "", "", "", ""},
		{"-c a.c -Xclang -emit-pch", "", "", "", ""},
		{"-MD -MF same -o same -c a.c", "", "", "", ""},
		{"-c a.h", "", "", "", ""}, // a.h.gch, or a.h.pch
		{"-x c++-header -c a", "", "", "", ""},
		{"-c a.h -o a.pch", "-c a.h", "a.pch", "", ""},
	} {
		s, ok := ReadUnnamed("/", strings.Fields(tt.args))
		if ok != (tt.rest != "") {
			t.Errorf("%s: ok %v", tt.args, ok)
		}
		if got := strings.Join(s.Args, " "); ok && (got != tt.rest || s.Object != tt.object || s.Depfile != tt.depfile || target(s) != tt.target) {
			t.Errorf("%s: %q, object %q, depfile %q, target %q", tt.args, got, s.Object, s.Depfile, target(s))
		}
	}
}

func target(s Unnamed) string {
	if s.OfSource {
		return s.Target + " of source"
	}
	return s.Target
}

// Objects and dependency files are equal to the byte, but for the target, whatever names and
// target are, with each kind of flag that ReadUnnamed lets pass.
func TestUnnamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := "#include <stddef.h>\nstruct s { int a; size_t b; };\nint f(struct s *x) { return x->a + __LINE__; }\nstatic int unused;\nconst char *name(void) { return __FILE__ __BASE_FILE__; }\n"
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	sets := []string{
		"-Wall -O2 -g3 -pipe -pthread -fPIC -ffunction-sections -fdata-sections -fvisibility=hidden -fstack-protector-strong",
		"-std=c11 -Os -ggdb -march=x86-64-v2 -mtune=generic -fno-strict-aliasing -fno-common -fno-ident -fwrapv -pedantic",
		"-S -O0 -gdwarf-4 -fno-omit-frame-pointer -fcf-protection -fno-asynchronous-unwind-tables -x c",
		"-x c++ -O1 -g -fno-exceptions -fno-rtti -fno-threadsafe-statics -DX=1 -UX -I. -include stddef.h -Wno-write-strings",
	}
	tried := 0
	for _, compiler := range []string{"gcc", "clang-19"} {
		path, err := exec.LookPath(compiler)
		if err != nil {
			continue
		}
		tried++
		for _, flags := range sets {
			if !strings.Contains(flags, "-S") {
				flags += " -c"
			}
			targets := []string{"one", "two"}
			var made [2][2][]byte
			for i, name := range []string{"one.o", "another/name.obj"} {
				out := filepath.Join(dir, compiler, name)
				if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
					t.Fatal(err)
				}
				args := append(strings.Fields(flags), "-MD", "-MT", targets[i], "-MF", out+".dep", "-o", out, "a.c")
				if _, ok := ReadUnnamed(dir, args); !ok {
					t.Fatalf("%v is not taken", args)
				}
				c := exec.CommandContext(t.Context(), path, args...)
				c.Dir = dir
				if text, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%s %v: %v\n%s", compiler, args, err, text)
				}
				for k, file := range []string{out, out + ".dep"} {
					if made[i][k], err = os.ReadFile(file); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !bytes.HasPrefix(made[1][1], []byte("two:")) {
				t.Fatalf("%s %s: the dependency file is not that of its target", compiler, flags)
			}
			copy(made[1][1], "one:")
			for k, what := range []string{"object", "dependency file"} {
				if !bytes.Equal(made[0][k], made[1][k]) {
					t.Errorf("%s %s: the %s depends on its name", compiler, flags, what)
				}
			}
		}
	}
	if tried == 0 {
		t.Skip("no compiler")
	}
}
