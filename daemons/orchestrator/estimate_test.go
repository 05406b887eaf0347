package orchestrator

import (
	"log/slog"
	"testing"

	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
)

// Estimates follow how long similar builds really took; one that was disturbed does not
// change them, and a build of everything says nothing of one of a file.
func TestEstimatesAreCorrected(t *testing.T) {
	t.Parallel()
	h := openHistory("", rootid.Of(t.TempDir()), slog.New(slog.DiscardHandler))
	add := func(units int, expected, seconds float64, success bool) {
		h.add(ipc.BuildRecord{
			Build: "b", Success: success, Seconds: seconds, Expected: expected,
			Counts: ipc.Counts{Compiled: units}, Units: []ipc.UnitRecord{{ID: "u"}},
		})
	}
	equal(t, "without history", h.correction(1), 1.0)
	add(40, 40, 20, true)
	equal(t, "of everything", h.correction(40), 0.5)
	equal(t, "of one unit, by a build of everything", h.correction(1), 1.0)
	for range 5 {
		add(1, 2, 0.5, true)
	}
	add(1, 2, 60, true)   // disturbed
	add(1, 2, 0.1, false) // failed at once
	add(1, 0, 7, true)    // without an estimate
	equal(t, "of one unit", h.correction(1), 0.25)
	equal(t, "of everything", h.correction(40), 0.5)
}
