package ninja

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// load reads a manifest from a table of files.
func load(files map[string]string) (*Graph, error) {
	read := func(path string) (string, error) {
		if text, ok := files[path]; ok {
			return text, nil
		}
		return "", errors.New("No such file or directory")
	}
	return Load("build.ninja", read, Options{Version: "1.13.0"})
}

func paths(nodes []*Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Path)
	}
	return strings.Join(all, ",")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	g, err := load(map[string]string{
		"build.ninja": `
x = top
pool deep
  depth = 4
rule r
  command = do $in : $out $x ${local} $$ $:
  depfile = $out.d
  pool = deep
build a$ b | imp1 ./imp2: r in1 sub//in2 | dep1 || order1 |@ valid1
  local = [$x]
  x = edge
build other: r in1
include inc
subninja sub
build $x: phony a$ b
default $x
x = changed later
`,
		"inc": "x = included\nrule fromInclude\n  command = f\n",
		"sub": "x = inner\nbuild suba: fromInclude y$x\nbuild subb: r\nrule r\n  command = another $out\nbuild subc: r\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	e := g.Lookup("a b").In
	for _, tt := range []struct{ what, got, want string }{
		{"command", e.Command(), "do in1 sub/in2 : 'a b' edge [top] $ :"},
		{"depfile", e.Depfile(), "a b.d"},
		{"inputs", paths(e.Inputs), "in1,sub/in2,dep1,order1"},
		{"explicit", paths(e.Explicit()), "in1,sub/in2"},
		{"regular", paths(e.Regular()), "in1,sub/in2,dep1"},
		{"outputs", paths(e.Outputs), "a b,imp1,imp2"},
		{"validations", paths(e.Validations), "valid1"},
		{"pool", e.Pool.Name, "deep"},
		{"an edge without variables sees the file's, as they are at its end", g.Lookup("other").In.Command(), "do in1 : other changed later  $ :"},
		{"variables come before", paths(g.Lookup("included").In.Inputs), "a b"},
		{"included rules", g.Lookup("suba").In.Command(), "f"},
		{"variables of a subninja", paths(g.Lookup("suba").In.Inputs), "yinner"},
		{"rules from above", g.Lookup("subb").In.Command(), "do  : subb inner  $ :"},
		{"rules of a subninja", g.Lookup("subc").In.Command(), "another subc"},
		{"files", strings.Join(g.Files, ","), "build.ninja,inc,sub"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	if n := g.Lookup("in1"); len(n.Out) != 2 || n.In != nil {
		t.Errorf("in1: %+v", n)
	}
}

// The place of a mistake, and the line with its caret.
func TestSyntaxError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"foobar":        "build.ninja:1: expected '=', got eof\nfoobar\n      ^ near here",
		"x = $\n $[\n":  "build.ninja:2: bad $-escape (literal $ must be written as $$)\n $[\n ^ near here",
		"\tx = 1":       "build.ninja:1: tabs are not allowed, use spaces\n",
		"build x: r\n":  "build.ninja:1: unknown build rule 'r'\nbuild x: r\n         ^ near here",
		"build x y z\n": "build.ninja:1: expected ':', got newline ($ also escapes ':')\nbuild x y z\n           ^ near here",
		"default x\n":   "build.ninja:1: unknown target 'x'\ndefault x\n         ^ near here",
		"include x\n":   "build.ninja:1: loading 'x': No such file or directory\ninclude x\n         ^ near here",
		"a = b\n" + strings.Repeat("x", 60) + " " + strings.Repeat("y", 60): "build.ninja:2: expected '=', got identifier\n" + strings.Repeat("x", 60) + " " + strings.Repeat("y", 11) + "...\n" + strings.Repeat(" ", 61) + "^ near here",
		strings.Repeat("x", 100) + " y":                                     "build.ninja:1: expected '=', got identifier\n",
		"include build.ninja\n":                                             "files include each other",
		"ninja_required_version = 1.14\n":                                   "ninja version (1.13.0) incompatible with build file ninja_required_version version (1.14).",
		"rule r\n  command = r\nbuild a a: r\n":                             "a is defined as an output multiple times",
		"rule r\n  command = r\nbuild a ./a:r\n":                            "a is defined as an output multiple times",
	} {
		if _, err := load(map[string]string{"build.ninja": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"foo.h": "foo.h", "./foo.h": "foo.h", "./foo/./bar.h": "foo/bar.h", "./x/foo/../bar.h": "x/bar.h", "./x/foo/../../bar.h": "bar.h",
		"foo//bar": "foo/bar", "foo//.//..///bar": "bar", "./x/../foo/../../bar.h": "../bar.h", "foo/./.": "foo", "foo/bar/..": "foo",
		"foo/.hidden_bar": "foo/.hidden_bar", "/foo": "/foo", "//foo": "/foo", "/": "/", "..": "..", "../": "..", "../foo/": "../foo", "../..": "../..",
		"/foo/../..": "/..", "../../foo/..": "../..", "../x/../..": "../..", "foo/..": ".", ".": ".", "./.": ".", "foo/": "foo", "a/..b": "a/..b", "..a": "..a", "/../a": "/../a",
	} {
		if got := Canonical(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestShellEscape(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"a/b-1_2+3.c": "a/b-1_2+3.c", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "é": "'é'"} {
		if got := ShellEscape(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	g, err := load(map[string]string{"build.ninja": "build a: phony b\nbuild c: phony\n"})
	if err != nil {
		t.Fatal(err)
	}
	if nodes, err := g.DefaultNodes(); err != nil || paths(nodes) != "a,c" {
		t.Errorf("%s, %v", paths(nodes), err)
	}
	g, err = load(map[string]string{"build.ninja": "build a: phony b\nbuild b: phony a\n"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.DefaultNodes(); !errors.Is(err, ErrNoRoots) {
		t.Error(err)
	}
}

func TestRulesAreListed(t *testing.T) {
	t.Parallel()
	g, err := load(map[string]string{"build.ninja": "rule b\n  command = x\n  description = D $out ${in}$ \nrule a\n  command = y\n"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range g.Rules() {
		names = append(names, r.Name)
	}
	text, ok := g.Rule("b").Description()
	if !slices.Equal(names, []string{"a", "b", "phony"}) || !ok || text != "D ${out} ${in} " {
		t.Errorf("%q, %q", names, text)
	}
}

// No text makes the reader panic, and what it reads is consistent.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"rule r\n  command = $in $out ${x}\n  rspfile = $out.rsp\n  rspfile_content = $in_newline\nbuild a$ b | c: r d | e || f |@ g\n  x = $y$:\n",
		"include build.ninja\n", "subninja build.ninja\n", "pool p\n  depth = 3\n# c\nx = $\n  y\r\n", "rule r\n  command = $command\nbuild a: r\ndefault a\n", "build a: phony $",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := load(map[string]string{"build.ninja": text})
		if err != nil {
			if err.Error() == "" {
				t.Error("a mistake without words")
			}
			return
		}
		for _, e := range g.Edges {
			e.HashedCommand()
			for _, o := range e.Outputs {
				if o.In != e || g.Lookup(o.Path) != o || Canonical(o.Path) != o.Path {
					t.Errorf("%q is not an output of its edge", o.Path)
				}
			}
			for _, in := range e.Inputs {
				if !slices.Contains(in.Out, e) {
					t.Errorf("%q does not know who reads it", in.Path)
				}
			}
		}
	})
}
