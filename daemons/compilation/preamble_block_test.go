package compilation

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Each text has a | where its block ends; without one there is no block.
func TestLeadingIncludes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":                         "",
		"no includes":                   "int a;\n#include <b>\n",
		"one":                           "#include <a>\n|int b;\n",
		"no line end":                   "#include <a>\n|#include <b>",
		"comments":                      "// x\n/* y\n#include <z>\n*/ #include <a> // z\n|\n// end\nint b;\n",
		"comment over the line end":     "#include <a> /* x\n*/ int b;\n#include <c>\n|int d;\n",
		"open comment":                  "#include <a>\n|/* #include <b>\n",
		"quoted":                        "#include \"a.h\"\n#include \"b//c.h\"\n|int c;\n",
		"slashes in brackets":           "#include <a//b>\n|int c;\n",
		"comment in brackets":           "#include <a/*b>\n|int c; /**/\n",
		"macro":                         "#define H <a>\n#include H\n|int c;\n",
		"defines after the last":        "#include <a>\n|#define X 1\nint c;\n",
		"defines before the last":       "#define X \"/*\" \\\n 2\n#undef Y\n#include <a>\n|int c;\n",
		"code between":                  "#include <a>\n|int b;\n#include <c>\n",
		"whole conditional":             "#include <a>\n#if X && \\\n  Y\n#include <b>\n#elif Z\n#else\n#error \"no\"\n#endif // X\n#include <c>\n|int d;\n",
		"last in a conditional":         "#include <a>\n|#ifdef X\n#include <b>\n#endif\nint c;\n",
		"open conditional":              "#include <a>\n|#ifdef X\n#include <b>\nint c;\n#endif\n",
		"include guard":                 "#ifndef A\n#define A\n#include <a>\nint b;\n#endif\n",
		"endif too many":                "#include <a>\n|#endif\n#include <b>\n",
		"code in a conditional":         "#include <a>\n|#ifdef X\nint b;\n#endif\n#include <c>\n",
		"error":                         "#include <a>\n|#error no\n#include <b>\n",
		"apostrophe":                    "#include <a>\n|#ifdef X\n#error can't\n#endif\n#include <b>\n",
		"digit separators":              "#include <a>\n|#define N 1'000\n#include <b>\n",
		"raw string":                    "#include <a>\n|#define R R\"(\n#include <b>\n)\"\n#include <c>\n",
		"raw string in code":            "#include <a>\n|const char *s = R\"(\n#include <b>\n)\";\n",
		"pragma once":                   "#pragma once\n#include <a>\n",
		"pragma after":                  "#include <a>\n|#pragma pack(1)\n#include <b>\n",
		"diagnostics pushed":            "#include <a>\n#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wall\"\n#include <b>\n#pragma GCC diagnostic pop\n#include <c>\n|int d;\n",
		"diagnostics left pushed":       "#include <a>\n|#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wall\"\n#include <b>\nint c;\n",
		"diagnostics changed":           "#include <a>\n|#pragma GCC diagnostic ignored \"-Wall\"\n#include <b>\n",
		"include_next":                  "#include <a>\n|#include_next <b>\n#include <c>\n",
		"import":                        "#include <a>\n|#import <b>\n#include <c>\n",
		"line":                          "#include <a>\n|#line 7\n#include <b>\n",
		"line marker":                   "#include <a>\n|# 7 \"x\"\n#include <b>\n",
		"null directive":                "#\n # include <a>\n|int b;\n",
		"carriage returns":              "#include <a>\r\n// x\r\n#include <b>\r\n|int c;\r\n",
		"carriage return alone":         "#include <a>\n|#include <b>\r#include <c>\n",
		"byte order mark":               "\xef\xbb\xbf#include <a>\n|int b;\n",
		"byte order mark later":         "#include <a>\n|\xef\xbb\xbf#include <b>\n",
		"trigraph":                      "#include <a>\n|// x ??/\n#include <b>\n",
		"trigraph for #":                "#include <a>\n|??=include <b>\n",
		"digraph":                       "#include <a>\n|%:include <b>\n",
		"continued":                     "#inc\\\nlude \\\n <a>\n|int b;\n",
		"continued behind blanks":       "#include \\ \t\n <a>\n|int b;\n",
		"continued comment":             "#include <a>\n#include <b> // x \\\n#include <c>\n|int d;\n",
		"continued comment mark":        "#include <a>\n/\\\n* x *\\\n/ #include <b>\n|int d;\n",
		"NUL":                           "#include <a>\n|#include <b>\x00\n",
		"linkage":                       "#include <a>\n|extern \"C\" {\n#include <b>\n}\n",
		"module":                        "module;\n#include <a>\n",
		"import of a module":            "#include <a>\n|import b;\n#include <c>\n",
		"form feed":                     "\f\v #include <a>\n|int b;\n",
		"unclosed":                      "#include <a>\n|#include <b\n#include <c>\n",
		"unclosed quote":                "#include <a>\n|#define X \"a\n#include <c>\n",
		"name that begins like include": "#includes <a>\n",
	} {
		before, after, found := strings.Cut(text, "|")
		want := 0
		if found {
			want = len(before)
		}
		if got := leadingIncludes([]byte(before + after)); got != want {
			t.Errorf("%s: the block of %q has %d bytes, want %d", name, before+after, got, want)
		}
	}
}

// What follows a block does not change it, nor does cutting it off; and it ends with
// a line.
func FuzzLeadingIncludes(f *testing.F) {
	for _, seed := range []string{
		"#include <a>\n#if X\n#include \"b\"\n#endif\n#include <c> // d \\\ne\nint f;\n",
		"/*\n*/#include <a>\r\n#define R R\"(\n)\"\n", "\xef\xbb\xbf#inc\\ \nlude <a>\n#pragma GCC diagnostic push\n??/",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n := leadingIncludes(text)
		switch {
		case n < 0 || n > len(text):
			t.Fatalf("the block of %q has %d bytes", text, n)
		case n > 0 && text[n-1] != '\n':
			t.Fatalf("the block of %q ends within a line", text)
		case leadingIncludes(text[:n]) != n:
			t.Fatalf("the block of %q is another one when the rest is cut off", text)
		case n > 0 && leadingIncludes(append(bytes.Clone(text[:n]), "int a;\n#include <x>\n"...)) != n:
			t.Fatalf("the block of %q is another one with another rest", text)
		}
	})
}

// A text that is made of lines that are understood has the block that one expects.
func TestLeadingIncludesOfLines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		include := rapid.SampledFrom([]string{"#include <a>\n", " # include \"b\" // c\n", "#include H /* d\n*/\n", "#inc\\\nlude <e>\r\n"})
		other := rapid.SampledFrom([]string{"\n", "// #include <f>\n", "/*\n#include <g>\n*/\n", "#define X \"/*\"\n", "#if 0\n#include <h>\n#endif\n"})
		end := rapid.SampledFrom([]string{"", "int a;\n", "#pragma once\n", "#if X\nint b;\n", "R\"(\n", "/*", "%:include <i>\n"})
		text, want := "", 0
		for range rapid.IntRange(0, 12).Draw(t, "lines") {
			if rapid.Bool().Draw(t, "include") {
				text += include.Draw(t, "line")
				want = len(text)
			} else {
				text += other.Draw(t, "line")
			}
		}
		last := end.Draw(t, "end")
		text += last + include.Draw(t, "after")
		if last == "" {
			want = len(text)
		}
		if got := leadingIncludes([]byte(text)); got != want {
			t.Fatalf("the block of %q has %d bytes, want %d", text, got, want)
		}
	})
}
