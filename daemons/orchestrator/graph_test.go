package orchestrator

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

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
