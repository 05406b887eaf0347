package portable

import (
	"strings"
	"testing"
)

func TestMark(t *testing.T) {
	t.Parallel()
	here, there := NewRoots("/w/one/build", "/w/one"), NewRoots("/home/x/second/build", "/home/x/second")
	for text, want := range map[string]string{
		"/w/one/a.h":                 "/home/x/second/a.h",
		"/w/one":                     "/home/x/second",
		"/w/one/build/gen.h":         "/home/x/second/build/gen.h",
		"/w/one/builder/x":           "/home/x/second/builder/x",
		"x.o: /w/one/a.h /w/one/b.h": "x.o: /home/x/second/a.h /home/x/second/b.h",
		"\"/w/one\":":                "\"/home/x/second\":",
		"/w/ones/a.h":                "/w/ones/a.h",
		"/w/one-more/a.h":            "/w/one-more/a.h",
		"/v/w/one/a.h":               "/v/w/one/a.h",
		"../one/a.h":                 "../one/a.h",
	} {
		if got := there.Expand(here.Mark(text)); got != want {
			t.Errorf("%q in the other roots is %q, want %q", text, got, want)
		}
		if got := here.Expand(here.Mark(text)); got != text {
			t.Errorf("%q in its own roots is %q", text, got)
		}
	}
	for text, want := range map[string]bool{"#include \"/w/one/x.h\"": true, "at /v/w/one/x.h": false, "/w/ones": false, "/w/ones /w/one": true} {
		if here.Names(text) != want {
			t.Errorf("Names(%q) says %v", text, !want)
		}
	}
	if a, b := here.MarkArg("-I/w/one/include"), there.MarkArg("-I/home/x/second/include"); a != b {
		t.Errorf("-I is %q in one tree and %q in the other", a, b)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	here, there := NewRoots("/home/a/work").WithHome("/home/a/"), NewRoots("/w").WithHome("/root")
	marked := here.Mark("/home/a/bin:/home/a/work/x:/home/ab")
	if got, want := there.Expand(marked), "/root/bin:/w/x:/home/ab"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !InHome(here.Mark("/home/a/include/x.h")) || InHome(here.Mark("/home/a/work/x.h")) {
		t.Error("what lies in the home folder is not told from what lies in the project")
	}
	if mapped, _ := Compile([]string{"-ffile-prefix-map=/home/a/work=/_/n"}, here); !mapped {
		t.Error("the home folder needs a map of its own")
	}
	for _, none := range []string{"", "/", "relative"} {
		if got := NewRoots("/w").WithHome(none); len(got.list) != 1 {
			t.Errorf("%q is a home folder", none)
		}
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	roots := NewRoots("/w/one")
	for text, want := range map[string]bool{
		"":                          true,
		"no path":                   true,
		"/w/one/a.cpp:1: warning":   true,
		"/v/w/one/a.cpp:1: warning": false, // the root is part of another name
		"a\x00b":                    false,
	} {
		if _, ok := roots.Template(text); ok != want {
			t.Errorf("Template(%q) says %v", text, ok)
		}
	}
	if _, ok := NewRoots("/w/with space").Template("x.o: /w/with\\ space/a.h"); ok {
		t.Error("a root that is written with an escape is a template")
	}
}

func FuzzMark(f *testing.F) {
	f.Add("-I/w/one/x:/w/one", "/w/one")
	f.Fuzz(func(t *testing.T, text, root string) {
		roots := NewRoots(root)
		if strings.ContainsRune(text+root, 0) {
			return
		}
		if got := roots.Expand(roots.Mark(text)); got != text {
			t.Errorf("%q, marked and expanded with %q, is %q", text, root, got)
		}
	})
}

func TestCompile(t *testing.T) {
	t.Parallel()
	roots := NewRoots("/w/one")
	for line, want := range map[string]string{
		"-O2 -g -std=c++20 -Wall -Iinclude -DNDEBUG":                      "",
		"-I/w/one/include -isystem /w/one/sys -include /w/one/config.h":   "",
		"-MD -MF x.d -MT x.o -fPIC -fno-exceptions -mavx2 -fvisibility=h": "",
		"-DROOT=\"/w/one\"":               "names a folder",
		"-D ROOT=/w/one":                  "names a folder",
		"-fsanitize=address":              "not known",
		"--coverage":                      "not known",
		"-gz":                             "not known",
		"-gsplit-dwarf":                   "not known",
		"-flto":                           "not known",
		"-march=native":                   "not known",
		"-include-pch x.pch":              "not known",
		"-x c++-header":                   "not known",
		"-frandom-seed=1":                 "not known",
		"-funique-internal-linkage-names": "not known",
		"-frecord-command-line":           "not known",
		"-Wa,-adhln=x.lst":                "not known",
		"-Wp,-MD,x.d":                     "not known",
		"-fopenmp":                        "not known",
		"-fdiagnostics-format=sarif-file": "not known",
		"@args":                           "not known",
		"-fprofile-use=/w/one/x.profdata": "not known",
		"-fmodules":                       "not known",
		"-Xclang -fno-pch-timestamp":      "not known",
	} {
		_, why := Compile(strings.Fields(line), roots)
		if want == "" && why != "" || want != "" && !strings.Contains(why, want) {
			t.Errorf("%s: %q, want %q", line, why, want)
		}
	}
}

func TestMapped(t *testing.T) {
	t.Parallel()
	roots := NewRoots("/w/one/build", "/w/one")
	for line, want := range map[string]bool{
		"-g":                               false,
		"-g -ffile-prefix-map=/w/one=/_/n": false,
		"-g -ffile-prefix-map=/w/one=/_/n -ffile-prefix-map=/w/one/build=/_/n/b":   true,
		"-g -fdebug-prefix-map=/w/one=/_/n -fdebug-prefix-map=/w/one/build=/_/n/b": false,
		"-g -ffile-prefix-map=/w/one=a=b -ffile-prefix-map=/w/one/build=/_/n/b":    false,
	} {
		if mapped, why := Compile(strings.Fields(line), roots); mapped != want || why != "" {
			t.Errorf("%s: %v %q, want %v", line, mapped, why, want)
		}
	}
}
