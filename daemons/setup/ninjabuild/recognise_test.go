package ninjabuild

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestRecognise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, output, inputs, want string }{
		{`/usr/bin/c++ -O2 -MD -MT a.o -MF a.o.d -o a.o -c ../a.cpp`, "a.o", "../a.cpp",
			`compile ["-O2" "-MD" "-MT" "a.o" "-MF" "a.o.d"] ../a.cpp`},
		{`clang-19 "-DTEXT=\"a b\"" -DX='$y' -o a.o -c a.c`, "a.o", "a.c", `compile ["-DTEXT=\"a b\"" "-DX=$y"] a.c`},
		{`: && /usr/bin/c++ -O2 a.o b.o -o app -Wl,-rpath,/x libl.a -lz && :`, "app", "a.o b.o libl.a",
			`link ["-O2"] [a.o b.o] ["-Wl,-rpath,/x" "libl.a" "-lz"]`},
		{`g++-12 -shared -Wl,-soname,libs.so -o libs.so a.o -lm`, "libs.so", "a.o",
			`link ["-shared" "-Wl,-soname,libs.so"] [a.o] ["-lm"]`},
		{`x86_64-linux-gnu-gcc -o a.o -c a.c`, "a.o", "a.c", `compile [] a.c`},
		{`clang++ -MMD -MF a.o.d -c a.cpp -o a.o`, "a.o", "a.cpp", `compile ["-MMD" "-MF" "a.o.d"] a.cpp`},
		{`cc -O2 -c -o a.o a.c`, "a.o", "a.c", `compile ["-O2"] a.c`},
		{`: && /usr/bin/cmake -E rm -f l.a && /usr/bin/ar qc l.a  a.o b.o && /usr/bin/ranlib l.a && :`, "l.a", "a.o b.o", `archive ["qcs"] [a.o b.o] []`},
		{`: && cmake -E remove l.a && llvm-ar-19 qc l.a a.o && llvm-ranlib-19 l.a && :`, "l.a", "a.o", `archive ["qcs"] [a.o] []`},
		{`rm -f l.a && ar csrD l.a a.o`, "l.a", "a.o", `archive ["csrD"] [a.o] []`},
		{`c++ -x c++-header -include p.hxx -o p.hxx.gch -c p.hxx.cxx`, "p.hxx.gch", "p.hxx.cxx", `compile ["-x" "c++-header" "-include" "p.hxx"] p.hxx.cxx`},
		{`cc -x c-header -Xclang -emit-pch -o p.pch -c p.c`, "p.pch", "p.c", `compile ["-x" "c-header" "-Xclang" "-emit-pch"] p.c`},
		{`c++ -o p.hh.gch -c p.hh`, "p.hh.gch", "p.hh", `compile [] p.hh`},
		{`cc -O2 -o a.o -c a.S`, "a.o", "a.S", `compile ["-O2"] a.S`},
		{`clang-19 -o a.o -c a.s`, "a.o", "a.s", `compile [] a.s`},
		// As lines of a shell: pure ones.
		{`c++ -o p.o -c p.hh`, "p.o", "p.hh", "command stored"},
		{`c++ -x c++-header -o p.o -c p.cxx`, "p.o", "p.cxx", "command stored"},
		{`c++ -x c++ -o p.gch -c p.cxx`, "p.gch", "p.cxx", "command stored"},
		{`c++ -o p.gch -c p.cxx -x`, "p.gch", "p.cxx", "command stored"},
		{`rm -f l.a && ar csrDT l.a a.o`, "l.a", "a.o", "command stored"},
		{`cd x && c++ -o a.o -c a.cpp`, "a.o", "a.cpp", "command stored"},
		{`c++ -o a.o -c a.cpp > log`, "a.o", "a.cpp", "command stored"},
		{`c++ -o b.o -c a.cpp`, "a.o", "a.cpp", "command stored"},
		{`c++ -c a.cpp -o b.o`, "a.o", "a.cpp", "command stored"},
		{`c++ -c a.cpp b.cpp -o a.o`, "a.o", "a.cpp", "command stored"},
		{`c++ -c -o a.o a.cpp -O2`, "a.o", "a.cpp", "command stored"},
		{`c++ -c a.cpp -c b.cpp -o a.o -c c.cpp`, "a.o", "a.cpp", "command stored"},
		{`c++ -E -o a.o -c a.cpp`, "a.o", "a.cpp", "command stored"},
		{`c++ -frecord-gcc-switches -o a.o -c a.cpp`, "a.o", "a.cpp", "command stored"},
		{`c++ @flags.rsp -o a.o -c a.cpp`, "a.o", "a.cpp", "command stored"},
		{`c++ -o a.o -c a.f90`, "a.o", "a.f90", "command stored"},
		{`: && c++ a.o -o app && cmake -E copy app x && :`, "app", "a.o", "command stored"},
		{`python3 gen.py -o a.o -c a.cpp`, "a.o", "a.cpp", "command in_place"},
		{`c++ -o app -lz`, "app", "", "command stored"},
		{`: && c++ a.o -o app && cd /b && cmake -E copy app x/app && strip x/app && :`, "app", "a.o", "command stored"},
		{`cd /b && /usr/bin/cmake -E echo "a && b > c" > gen.h`, "gen.h", "", "command stored"},
		{`cd /b && /usr/bin/cmake -E env A=1 protoc --cpp_out=. a.proto`, "a.pb.cc", "a.proto", "command stored"},
		{`/usr/lib/qt6/libexec/moc a.h -o a.moc`, "a.moc", "a.h", "command stored"},
		{`bison-3.8 -o y.c y.y 2>&1`, "y.c", "y.y", "command stored"},
		{`/usr/bin/meson --internal exe --capture x.h -- x86_64-linux-gnu-strip a`, "x.h", "a", "command stored"},
		{`cd /b && /b/tools/gen x > y`, "y", "x", "command stored"},
		{`rm -f l.a && gcc-ar csrDT l.a a.o`, "l.a", "a.o", "command stored"},
		{`/usr/bin/meson --internal symbolextractor /b l.so l.so l.so.p/l.so.symbols`, "l.symbols", "l.so", "command stored"},
		{`ar qc l.a a.o && ranlib l.a`, "l.a", "a.o", "command in_place"},
		{`rm -f l.a && ar csrD l.a other.o`, "l.a", "a.o", "command stored"},
		{`rm -rf l.a && ar csrD l.a a.o`, "l.a", "a.o", "command stored"},
		{`rm -f l.a && ar qc l.a a.o && x/ranlib l.a`, "l.a", "a.o", "command in_place"},
		{`rm -f l.a && ar qc l.a a.o && ranlib l.a && touch done`, "l.a", "a.o", "command in_place"},
		// Others that are only skipped.
		{`: && cmake -E rm -f l.a && gcc-ar-12 qc l.a a.o && gcc-ranlib-12 l.a && :`, "l.a", "a.o", "command in_place"},
		{`protoc --grpc_out=. --plugin=protoc-gen-grpc=/usr/bin/x a.proto`, "a.pb.cc", "a.proto", "command in_place"},
		{`cd /b && /usr/bin/python3.11 gen.py x y && cmake -E touch stamp`, "stamp", "x", "command in_place"},
		// Left to the shell.
		{`rm -f l.a && ar csru l.a a.o`, "l.a", "a.o", ""},
		{`rm -f l.a && ar csrD l.a $X`, "l.a", "a.o", ""},
		{`cd /b && /usr/bin/cmake --build . --target x`, "x", "", ""},
		{`cmake -P x.cmake`, "x", "", ""},
		{`cmake -E cmake_symlink_library a b c && :`, "b", "a", ""},
		{`/usr/bin/meson --internal exe --unpickle x.dat`, "x", "a", ""},
		{`python3 -m pytest`, "x", "a", ""},
		{`cat a >> b`, "b", "a", ""},
		{`echo $X > b`, "b", "a", ""},
		{`cat a | sort > b`, "b", "a", ""},
		{`cd x && ./tools/gen x > y`, "y", "x", ""},
		{`sh gen.sh`, "b", "a", ""},
		{`cmake -E touch x`, "sub/CMakeFiles/utility", "a", ""},
		{`ccache c++ -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ $FLAGS -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{"c++ `flags` -o a.o -c a.cpp", "a.o", "a.cpp", ""},
		{`c++ *.cpp -o app`, "app", "a.cpp", ""},
		{`X=1 c++ -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ 'open -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
	} {
		got := ""
		linked := func(program string) bool { return strings.HasSuffix(program, "tools/gen") }
		r, ok := Recognise(Command{Line: c.line, Outputs: []string{c.output}, Inputs: strings.Fields(c.inputs), Linked: linked})
		switch {
		case r.Action.Kind == ipc.ActionCommand:
			got = "command " + r.Action.Reuse
		case ok:
			if got = fmt.Sprintf("%s %q ", r.Action.Kind, r.Command.Args); r.Action.Source != "" {
				got += r.Action.Source
			} else {
				got += fmt.Sprintf("%v %q", r.Action.Inputs, r.Command.Libs)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
	for what, c := range map[string]Command{
		"console": {Console: true}, "generator": {Generator: true}, "in each build": {Always: true, Rspfile: "x"},
	} {
		c.Line = `c++ -o a.o -c a.cpp`
		if c.Outputs == nil {
			c.Outputs = []string{"a.o"}
		}
		if _, ok := Recognise(c); ok {
			t.Errorf("%s is recognised", what)
		}
	}
}

// What is split as one simple command is split as the shell does it.
func FuzzSplitWords(f *testing.F) {
	for _, line := range []string{`a b`, `a "b c"`, `a 'b' \c`, `a "\$"`, `a $b`, `a;b`, "a\tb", `""`, `a=b c`, `'a'"b"c`, `a\\\ b`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, ok := splitWords(line)
		if !ok || strings.ContainsRune(line, 0) {
			return
		}
		out, err := exec.Command("sh", "-c", "set -- "+line+"; printf '%s\\0' \"$@\"").Output()
		if want := strings.Join(words, "\x00") + "\x00"; err != nil || string(out) != want {
			t.Errorf("%q: %q, the shell says %q, %v", line, want, out, err)
		}
	})
}
