package compilation

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDepfile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
		bad        bool
	}{
		{"one line", "x: a.cpp b.h\n", []string{"a.cpp", "b.h"}, false},
		{"continued", "x: a.cpp \\\n  b.h \\\n c.h\n", []string{"a.cpp", "b.h", "c.h"}, false},
		{"carriage returns", "x: a.cpp \\\r\n  b.h\r\n", []string{"a.cpp", "b.h"}, false},
		{"name against continuation", "x: a.cpp\\\n b.h\n", []string{"a.cpp", "b.h"}, false},
		{"no names", "x:\n", nil, false},
		{"no line end", "x: a.cpp", []string{"a.cpp"}, false},
		{"repeated", "x: a.h b.h a.h\n", []string{"a.h", "b.h"}, false},
		{"escapes", `x: a\ b.h c\#d.h e$$f.h g\h.h i\\\ j.h` + "\n", []string{"a b.h", "c#d.h", "e$f.h", `g\h.h`, `i\ j.h`}, false},
		{"colons", "C:/x.o: C:/a.cpp b:c.h\n", []string{"C:/a.cpp", "b:c.h"}, false},
		{"empty rules", "x: a.cpp b\\ c.h\n\nb\\ c.h:\n", []string{"a.cpp", "b c.h"}, false},
		{"empty", "", nil, true},
		{"no colon", "a b c\n", nil, true},
		{"variable", "x: $(A)\n", nil, true},
		{"lone dollar at end", "x: a$", nil, true},
		{"nul", "x: a\x00b\n", nil, true},
		{"second rule", "x: a.cpp\ny: b.h\n", nil, true},
		{"line end in a name", "x: a\nb.h\n", nil, true},
	} {
		got, err := parseDepfile([]byte(tt.text))
		if (err != nil) != tt.bad {
			t.Errorf("%s: error %v, want one: %v", tt.name, err, tt.bad)
		}
		if err == nil && !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// escapeDep writes a name as compilers do.
func escapeDep(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; c {
		case ' ', '\t':
			for j := i - 1; j >= 0 && name[j] == '\\'; j-- {
				b.WriteByte('\\')
			}
			b.WriteString("\\" + string(c))
		case '#':
			b.WriteString(`\#`)
		case '$':
			b.WriteString("$$")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestDepfileRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// A name that ends in a backslash cannot be told from an escape, by make either.
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-z \\#$:é/.-]{0,8}[a-z.]`), rapid.ID).Draw(t, "names")
		var b strings.Builder
		b.WriteString("x:")
		for _, n := range names {
			b.WriteString(" \\\n " + escapeDep(n))
		}
		b.WriteString("\n")
		got, err := parseDepfile([]byte(b.String()))
		if err != nil || !slices.Equal(got, names) {
			t.Fatalf("%q: got %q, %v, want %q", b.String(), got, err, names)
		}
	})
}

func FuzzDepfile(f *testing.F) {
	f.Add([]byte("x: a.cpp \\\n b\\ c.h $$\\#\n\na.cpp:\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := parseDepfile(text)
		if err != nil {
			return
		}
		for _, n := range names {
			if n == "" || strings.ContainsRune(n, 0) {
				t.Fatalf("%q gives the name %q", text, n)
			}
		}
	})
}
