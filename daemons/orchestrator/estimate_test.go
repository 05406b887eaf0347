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
	equal(t, "of one unit, where there was none like it", h.correction(1), 0.5)
	for range 5 {
		add(1, 2, 0.5, true)
	}
	add(1, 2, 60, true)   // disturbed
	add(1, 2, 0.1, false) // failed at once
	add(1, 0, 7, true)    // without an estimate
	equal(t, "of one unit", h.correction(1), 0.25)
	equal(t, "of everything", h.correction(40), 0.5)
	add(1, 2, 6, true)
	add(1, 2, 6, true)
	equal(t, "after other work began", h.correction(1), 3.0)
}

// After the first build nothing is known but how busy the machine was.
func TestFirstEstimateOnABusyMachine(t *testing.T) {
	t.Parallel()
	h := openHistory("", rootid.Of(t.TempDir()), slog.New(slog.DiscardHandler))
	unit := func(status string, seconds, cpu float64) ipc.UnitRecord {
		return ipc.UnitRecord{ID: "u", Status: status, Seconds: seconds, CPU: cpu}
	}
	h.add(ipc.BuildRecord{Build: "b", Success: true, Seconds: 30, Counts: ipc.Counts{Compiled: 2}, Units: []ipc.UnitRecord{
		unit(ipc.StatusCompiled, 20, 4), unit(ipc.StatusCompiled, 10, 2), unit(ipc.StatusCached, 90, 1), unit(ipc.StatusCompiled, 90, 0),
	}})
	equal(t, "busy", h.correction(1), 5.0)
	h.add(ipc.BuildRecord{Build: "c", Success: true, Counts: ipc.Counts{Compiled: 1}, Units: []ipc.UnitRecord{unit(ipc.StatusCompiled, 2, 3)}})
	equal(t, "several threads in a compiler", h.correction(1), 1.0)
}

// Steps that have to run, and what they lead to, are in the estimate, and it is corrected
// as those of units are.
func TestStepsAreInTheEstimate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	withSteps(w)
	w.compilation.seconds = map[string]float64{"step:build/gen/a.txt": 30, "step:build/gen/b.h": 4, "app:src/main.cpp": 2, "link:app": 1}
	s := w.service(t)
	built(t, s)
	expected := func() (o outcome, first, last float64) {
		t.Helper()
		o = built(t, s)
		planned := bodies[ipc.BuildPlanned](o)
		return o, planned[0].Expected, planned[len(planned)-1].Expected
	}
	w.write("api.json", "two")
	s.history.records = nil // no build to correct by
	o, first, last := expected()
	equal(t, "before the steps, with what waits for them", first, 37.0)
	equal(t, "after them", last, 3.0)
	equal(t, "all of it, for the history", s.history.records[0].Expected, 37.0)
	equal(t, "the step itself", bodies[ipc.StepStarted](o)[0].Expected, 30.0)

	s.history.records[0].Seconds = 2 * 37
	w.write("api.json", "three")
	o, _, last = expected()
	equal(t, "after the steps, corrected", last, 6.0)
	equal(t, "the link", bodies[ipc.BuildPlanned](o)[1].Dirty, 1)

	w.write("src/main.cpp", "new")
	_, first, _ = expected()
	equal(t, "without steps", first, 6.0)
}
