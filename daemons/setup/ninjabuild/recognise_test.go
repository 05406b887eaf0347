package ninjabuild

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
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
		// Left to the shell.
		{`c++ -o p.o -c p.hh`, "p.o", "p.hh", ""},
		{`c++ -x c++-header -o p.o -c p.cxx`, "p.o", "p.cxx", ""},
		{`c++ -x c++ -o p.gch -c p.cxx`, "p.gch", "p.cxx", ""},
		{`c++ -o p.gch -c p.cxx -x`, "p.gch", "p.cxx", ""},
		{`ar qc l.a a.o && ranlib l.a`, "l.a", "a.o", ""},
		{`rm -f l.a && ar csrDT l.a a.o`, "l.a", "a.o", ""},
		{`rm -f l.a && ar csru l.a a.o`, "l.a", "a.o", ""},
		{`rm -f l.a && ar csrD l.a other.o`, "l.a", "a.o", ""},
		{`rm -f l.a && ar csrD l.a $X`, "l.a", "a.o", ""},
		{`rm -rf l.a && ar csrD l.a a.o`, "l.a", "a.o", ""},
		{`rm -f l.a && gcc-ar csrD l.a a.o`, "l.a", "a.o", ""},
		{`rm -f l.a && ar qc l.a a.o && x/ranlib l.a`, "l.a", "a.o", ""},
		{`rm -f l.a && ar qc l.a a.o && ranlib l.a && touch done`, "l.a", "a.o", ""},
		{`ccache c++ -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`cd x && c++ -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ $FLAGS -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{"c++ `flags` -o a.o -c a.cpp", "a.o", "a.cpp", ""},
		{`c++ *.cpp -o app`, "app", "a.cpp", ""},
		{`c++ -o a.o -c a.cpp > log`, "a.o", "a.cpp", ""},
		{`X=1 c++ -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ -o b.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ -c a.cpp -o b.o`, "a.o", "a.cpp", ""},
		{`c++ -c a.cpp b.cpp -o a.o`, "a.o", "a.cpp", ""},
		{`c++ -c -o a.o a.cpp -O2`, "a.o", "a.cpp", ""},
		{`c++ -c a.cpp -c b.cpp -o a.o -c c.cpp`, "a.o", "a.cpp", ""},
		{`c++ -E -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ -frecord-gcc-switches -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ @flags.rsp -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ -o a.o -c a.f90`, "a.o", "a.f90", ""},
		{`: && c++ a.o -o app && cmake -E copy app x && :`, "app", "a.o", ""},
		{`python3 gen.py -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
		{`c++ -o app -lz`, "app", "", ""},
		{`c++ 'open -o a.o -c a.cpp`, "a.o", "a.cpp", ""},
	} {
		got := ""
		if r, ok := Recognise(Command{Line: c.line, Outputs: []string{c.output}, Inputs: strings.Fields(c.inputs)}); ok {
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
		"console": {Console: true}, "generator": {Generator: true}, "response file": {Rspfile: "x"}, "two outputs": {Outputs: []string{"a.o", "a.dwo"}},
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
