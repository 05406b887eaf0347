package orchestrator

import (
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

func explained(t *testing.T, s *Service, subject string) ipc.ExplainReply {
	t.Helper()
	r, err := s.Explain(t.Context(), ipc.ExplainRequest{Subject: subject})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func reasons(r ipc.ExplainReply) (texts []string) {
	for _, f := range r.Records {
		texts = append(texts, f.ID+": "+f.Reason.Text)
	}
	return texts
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	withSteps(w)
	dir := t.TempDir()
	s := w.service(t, func(c *Config) { c.StateDir = dir })
	built(t, s)
	w.write("include/util.h", "new")
	built(t, s)
	w.write("src/util.cpp", "newer")
	s.Close()
	s = w.service(t, func(c *Config) { c.StateDir = dir }) // the facts survive

	unit := explained(t, s, s.cfg.Root+"/src/util.cpp")
	equal(t, "kind", unit.Kind, "unit")
	equal(t, "subject", unit.Subject, "src/util.cpp")
	equal(t, "reasons", reasons(unit), []string{"app:src/util.cpp: include/util.h changed", "app:src/util.cpp: never compiled before"})
	equal(t, "dirty", unit.Dirty, []ipc.DirtyNode{{ID: "app:src/util.cpp", Causes: []ipc.Cause{{Kind: ipc.CauseChanged, Path: "src/util.cpp"}}}})
	equal(t, "dependents", unit.Dependents, []string{"link:app"})

	target := explained(t, s, "math")
	equal(t, "kind", target.Kind, "target")
	equal(t, "reasons", reasons(target)[0], "link:math: never linked before")
	equal(t, "dependents", target.Dependents, []string{"link:app"})
	equal(t, "dirty units of a target", len(explained(t, s, "app").Dirty), 1)

	header := explained(t, s, "include/math.h")
	equal(t, "kind", header.Kind, "header")
	equal(t, "dependents", header.Dependents, []string{"app:src/main.cpp", "math:src/math.cpp"})
	equal(t, "reasons", reasons(explained(t, s, "include/util.h")), []string{"app:src/util.cpp: include/util.h changed"})
	generated := explained(t, s, "build/gen/b.h")
	equal(t, "made by", generated.Records[len(generated.Records)-1].ID, "step:build/gen/b.h")

	_, err := s.Explain(t.Context(), ipc.ExplainRequest{Subject: "nothing"})
	equal(t, "code", ipc.CodeOf(err), ipc.CodeUnknownFile)
	w.planErr = ipc.Errorf(ipc.CodeConfig, "broken")
	s = w.service(t, func(c *Config) { c.StateDir = dir })
	equal(t, "without a plan", explained(t, s, "src/util.cpp").Kind, "unit")
	if n := w.compilation.running; n != 0 {
		t.Error("something was made")
	}
}
