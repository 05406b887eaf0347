package driverline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "args"), []byte("-c 'a b.c' -o \"x y.o\"\n-DQ=\\\"1\\\""), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args             string
		outputs, sources string
		why              string
	}{
		{"-c a.c", "", "a.c", ""},
		{"-c a.c -o a.o -MMD -MF a.d -MT x.c", "a.o a.d", "a.c", ""},
		{"-oa.o -MFa.d -S a.cpp -I x.c", "a.o a.d", "a.cpp", ""},
		{"-c a.c b.c", "", "a.c b.c", ""},
		{"@args", "x y.o", "a b.c", ""},
		{"@absent -c a.c", "", "a.c", ""},
		{"a.c -o a", "a", "a.c", "-c"},
		{"-c - -x c", "", "", "standard input"},
		{"-c a.c -o -", "", "", "standard output"},
		{"-E -c a.c", "", "", "-E"},
		{"-### -c a.c", "", "", "itself"},
		{"-print-prog-name=as", "", "", "itself"},
		{"-c -fmodules a.c", "", "", "own"},
		{"-c a.cu", "", "", "machine"},
		{"-x cuda -c a.c", "", "", "machine"},
		{"-c a.c -foptimization-record-file=r.yaml", "r.yaml", "a.c", ""},
		{"-c a.c -objective", "bjective", "a.c", ""},
	} {
		l, why := Read(dir, strings.Fields(tt.args))
		if (why == "") != (tt.why == "") || !strings.Contains(why, tt.why) {
			t.Errorf("%s: refused with %q, want %q", tt.args, why, tt.why)
		}
		if why != "" {
			continue
		}
		if got := strings.Join(l.Outputs, " "); got != tt.outputs {
			t.Errorf("%s: outputs %q, want %q", tt.args, got, tt.outputs)
		}
		if got := strings.Join(l.Sources, " "); got != tt.sources {
			t.Errorf("%s: sources %q, want %q", tt.args, got, tt.sources)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":             nil,
		" a\tb\n":      {"a", "b"},
		`'a b' "c d"e`: {"a b", "c de"},
		`a\ b \\ ""`:   {"a b", `\`, ""},
	} {
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
