package depfile

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		outs, ins  []string
	}{
		{"basic", "build/ninja.o: ninja.cc ninja.h eval_env.h manifest_parser.h\n", []string{"build/ninja.o"}, []string{"ninja.cc", "ninja.h", "eval_env.h", "manifest_parser.h"}},
		{"newline first", " \\\n  out: in\n", []string{"out"}, []string{"in"}},
		{"continuation", "foo.o: \\\n  bar.h baz.h\n", []string{"foo.o"}, []string{"bar.h", "baz.h"}},
		{"continuation by CR LF", "foo.o: \\\r\n  bar.h baz.h\r\n", []string{"foo.o"}, []string{"bar.h", "baz.h"}},
		{"backslashes", `Project\Dir\Build\Release8\Foo\Foo.res : \` + "\n  Dir\\Library\\Foo.rc \\\n  Dir\\Library\\Version\\Bar.h\n", []string{`Project\Dir\Build\Release8\Foo\Foo.res`}, []string{`Dir\Library\Foo.rc`, `Dir\Library\Version\Bar.h`}},
		{"spaces", `a\ bc\ def:   a\ b c d`, []string{"a bc def"}, []string{"a b", "c", "d"}},
		{"even backslashes before a space", `a\ b\#c.h: \\\\\ \\\\ \\share\info\\#1`, []string{"a b#c.h"}, []string{`\\ \\\\`, `\\share\info\#1`}},
		{"odd names", `\!\@\#$$\%\^\&\[\]\\:`, []string{`\!\@#$\%\^\&\[\]\\`}, nil},
		{"hash", `foo\#bar: a`, []string{"foo#bar"}, []string{"a"}},
		{"colon", `c\:\gcc\x86_64\include\stddef.o: c:\gcc\x86_64\include\stddef.h ` + "\n", []string{`c:\gcc\x86_64\include\stddef.o`}, []string{`c:\gcc\x86_64\include\stddef.h`}},
		{"backslash and colon at a target's end", `foo1\: x` + "\n" + `foo1\:` + "\n" + `foo1\:` + "\r\n" + `foo1\:` + "\t\n" + `foo1\:`, []string{`foo1\`}, []string{"x"}},
		{"several rules", "foo: x\nfoo: y\nfoo: z\n", []string{"foo"}, []string{"x", "y", "z"}},
		{"phony targets of -MP", "foo: x y z\nx:\ny:\nz:\n", []string{"foo"}, []string{"x", "y", "z"}},
		{"two outputs", "foo bar: x\n", []string{"foo", "bar"}, []string{"x"}},
		{"no input", "foo:\n", []string{"foo"}, nil},
		{"empty", "", nil, nil},
		{"only newlines", "\n\n", nil, nil},
		{"trailing backslashes", "a: b\\\\\nc: d\n", []string{"a", "c"}, []string{`b\\`, "d"}},
	} {
		got, err := Parse(tt.text)
		if err != nil || !slices.Equal(got.Outputs, tt.outs) || !slices.Equal(got.Inputs, tt.ins) {
			t.Errorf("%s: %q, %v; want %q and %q", tt.name, got, err, tt.outs, tt.ins)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"foo\n":               errNoColon,
		"foo.o foo.c\n":       errNoColon,
		"foo: x y\nx: alsoin": errNested,
	} {
		if _, err := Parse(text); err != want {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: b\\\n c\n", `a\ b: c\#d $$ e\:`, "\\", "\\\r\n:", "a\\: \r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := Parse(text); err == nil && len(r.Inputs) > len(text) {
			t.Errorf("%q has more inputs than bytes", text)
		}
	})
}
