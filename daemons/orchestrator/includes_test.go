package orchestrator

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestScanIncludes(t *testing.T) {
	t.Parallel()
	got := scanIncludes([]byte(`#include "a.h" // b.h
  #  include <x/y.h>
/* #include "no.h"
#include "no.h" */ #include "after.h"
int x; /* y */ #include "within.h"
#include_next <z.h>
#import "i.h"
#define X "no.h"
#include CONFIG
#includes "no.h"
#include
#include "unended
#
`))
	want := []directive{
		{name: "a.h", quoted: true}, {name: "x/y.h"}, {name: "after.h", quoted: true}, {name: "z.h", next: true}, {name: "i.h", quoted: true},
	}
	equal(t, "directives", got.directives, want)
	equal(t, "macro", got.macro, true)
}

// tree writes files and returns the includes of src/main.cpp among them.
func tree(t *testing.T, args string, files map[string]string) (string, *includes) {
	t.Helper()
	root := t.TempDir()
	var inputs []string
	for name, text := range files {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(root, name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, name)
	}
	slices.Sort(inputs)
	p := &ipc.Plan{Root: root, Commands: []ipc.Command{{Args: strings.Fields(strings.ReplaceAll(args, "ROOT", root))}}}
	return root, includesOf(newIncludeTexts(), p, &ipc.Action{Source: "src/main.cpp"}, inputs)
}

func TestShortestChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, args string
		files      map[string]string
		file, want string
	}{
		{"the shorter of two ways", "-Iinc", map[string]string{
			"src/main.cpp": "#include \"a.h\"\n#include \"c.h\"", "inc/a.h": "#include \"b.h\"", "inc/b.h": "#include \"d.h\"",
			"inc/c.h": "#include \"d.h\"", "inc/d.h": "",
		}, "inc/d.h", "src/main.cpp inc/c.h inc/d.h"},
		{"beside the file that includes", "-I inc", map[string]string{
			"src/main.cpp": "#include \"x.h\"", "src/x.h": "", "inc/x.h": "",
		}, "inc/x.h", ""},
		{"not beside it in angles", "-I inc", map[string]string{
			"src/main.cpp": "#include <x.h>", "src/x.h": "", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp inc/x.h"},
		{"the order of folders", "-isystem late -Iearly -iquote first", map[string]string{
			"src/main.cpp": "#include <x.h>", "late/x.h": "", "early/x.h": "", "first/x.h": "",
		}, "early/x.h", "src/main.cpp early/x.h"},
		{"by the name where no flag leads", "", map[string]string{
			"src/main.cpp": "#include <lib/x.h>", "third/lib/x.h": "", "third/other/x.h": "",
		}, "third/lib/x.h", "src/main.cpp third/lib/x.h"},
		{"out of the folder", "", map[string]string{
			"src/main.cpp": "#include \"../inc/x.h\"", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp inc/x.h"},
		{"the next one", "-Ia -Ib", map[string]string{
			"src/main.cpp": "#include <x.h>", "a/x.h": "#include_next <x.h>", "b/x.h": "",
		}, "b/x.h", "src/main.cpp a/x.h b/x.h"},
		{"forced", "-include pre.h -IROOT/inc", map[string]string{
			"src/main.cpp": "", "pre.h": "#include \"x.h\"", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp pre.h inc/x.h"},
		{"by a macro", "-Iinc", map[string]string{
			"src/main.cpp": "#include \"m.h\"", "inc/m.h": "#include CONFIG", "inc/config.h": "#include \"x.h\"", "inc/x.h": "",
		}, "inc/x.h", "src/main.cpp inc/m.h inc/config.h inc/x.h"},
		{"a ring", "-Iinc", map[string]string{
			"src/main.cpp": "#include \"a.h\"", "inc/a.h": "#include \"b.h\"", "inc/b.h": "#include \"a.h\"",
		}, "inc/b.h", "src/main.cpp inc/a.h inc/b.h"},
		{"not read", "-Iinc", map[string]string{"src/main.cpp": "#include \"a.h\""}, "inc/a.h", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, g := tree(t, tt.args, tt.files)
			_, parent := g.reach("src/main.cpp")
			equal(t, "chain", strings.Join(chain(parent, tt.file), " "), tt.want)
		})
	}
}

// TestGraphAndChains has the orchestrator explain real files.
func TestGraphAndChains(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := w.service(t)
	w.plan.Commands[0].Args = []string{"-Iinclude"}
	w.includes["src/main.cpp"] = []string{"include/math.h", "include/deep.h"}
	w.write("include/deep.h", "deep")
	for name, text := range map[string]string{
		"src/main.cpp": "#include \"math.h\"", "include/math.h": "#include \"deep.h\"", "include/deep.h": "", "src/math.cpp": "#include <math.h>",
	} {
		path := filepath.Join(w.root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.compilation.seconds = map[string]float64{"app:src/main.cpp": 3, "math:src/math.cpp": 2}
	built(t, s)
	w.write("include/deep.h", "deeper")
	built(t, s)

	unit := explained(t, s, "src/main.cpp")
	equal(t, "the reason", unit.Records[0].Reason.Path, "include/deep.h")
	equal(t, "its chain", unit.Chains[0], ipc.Chain{Unit: "app:src/main.cpp", Files: []string{"src/main.cpp", "include/math.h", "include/deep.h"}})
	equal(t, "inputs", unit.Inputs, []string{"include/deep.h", "include/math.h", "src/main.cpp"})
	header := explained(t, s, "include/math.h")
	equal(t, "readers", header.Chains, []ipc.Chain{
		{Unit: "app:src/main.cpp", Files: []string{"src/main.cpp", "include/math.h"}},
		{Unit: "math:src/math.cpp", Files: []string{"src/math.cpp", "include/math.h"}},
	})

	g, err := s.Graph(t.Context(), ipc.GraphRequest{Subject: "src/main.cpp"})
	if err != nil {
		t.Fatal(err)
	}
	cost := func(path string, units int, seconds float64) ipc.InputCost {
		return ipc.InputCost{Path: path, Units: units, Seconds: seconds}
	}
	equal(t, "graph", g.Files, []ipc.GraphFile{
		{InputCost: cost("src/main.cpp", 1, 3), Includes: []int{1}},
		{InputCost: cost("include/math.h", 2, 5), Includes: []int{2}},
		{InputCost: cost("include/deep.h", 1, 3)},
	})
	of, err := s.Graph(t.Context(), ipc.GraphRequest{Subject: "include/math.h"})
	equal(t, "of a header", []any{err, of.Unit, len(of.Files), of.Readers}, []any{nil, "app:src/main.cpp", 2, []string{"app:src/main.cpp", "math:src/math.cpp"}})
	_, err = s.Graph(t.Context(), ipc.GraphRequest{Subject: "nothing.h"})
	equal(t, "unknown", ipc.CodeOf(err), ipc.CodeUnknownFile)

	slow, err := s.History(t.Context(), ipc.HistoryRequest{Slow: 2})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "slow units", slow.Slow.Units, []ipc.SlowUnit{{ID: "app:src/main.cpp", Seconds: 3}, {ID: "math:src/math.cpp", Seconds: 2}})
	equal(t, "costly headers", slow.Slow.Headers[0], cost("include/math.h", 2, 5))
}
