package setup

import (
	"context"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestMistakes compares what is said of each wrong configuration, and that Validate
// says the same as Plan.
func TestMistakes(t *testing.T) {
	t.Parallel()
	golden(t, "mistakes", func(t *testing.T, w *world) string {
		_, err := w.tryPlan()
		if err == nil {
			return "no mistake\n"
		}
		text := problemText(err)
		r, err := w.s.Validate(context.Background(), ipc.ValidateRequest{Env: w.env})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, p := range r.Problems {
			lines = append(lines, p.String())
		}
		if _, listed, _ := strings.Cut(text, "\n"); listed != strings.Join(lines, "\n")+"\n" {
			t.Errorf("Validate says:\n%s", strings.Join(lines, "\n"))
		}
		return text
	})
}
