package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestTracer writes the trace of a build of two units at a time and a link, and looks
// where each thing stands.
func TestTracer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trace.json")
	tr, err := newTracer(path, true)
	if err != nil {
		t.Fatal(err)
	}
	base := time.Now()
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	unit := func(file string, from, to int) ipc.Event {
		return ipc.NewEvent("b", ipc.UnitFinished{File: file, Target: "app", Status: ipc.StatusCompiled, Spans: []ipc.Span{
			{Name: ipc.SpanLookup, Start: at(from - 5), Seconds: 0.005},
			{Name: ipc.SpanRun, Start: at(from), Seconds: float64(to-from) / 1000},
		}})
	}
	clang := `{"traceEvents":[{"ph":"X","pid":7,"tid":7,"ts":1000,"dur":900000,"name":"Frontend"},
		{"ph":"X","pid":7,"tid":8,"ts":0,"dur":5000,"name":"Total Frontend"},{"ph":"M","name":"process_name"}],"beginningOfTime":1}`
	if err := os.WriteFile(filepath.Join(tr.units, ipc.TimeTraceFile("app:a.cpp")), []byte(clang), 0o600); err != nil {
		t.Fatal(err)
	}
	tr.event(ipc.NewEvent("b", ipc.BuildPhase{Phase: "sync", Start: at(0), Seconds: 0.004}))
	tr.event(unit("b.cpp", 12, 30))
	tr.event(unit("a.cpp", 10, 20))
	tr.event(ipc.NewEvent("b", ipc.LinkFinished{Output: "build/app", Spans: []ipc.Span{{Name: ipc.SpanRun, Start: at(31), Seconds: 0.002}}}))
	if err := tr.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tr.units); !os.IsNotExist(err) {
		t.Errorf("clang's traces are left in %s", tr.units)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Events []traceEvent `json:"traceEvents"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string][3]float64{ // row, start and duration in ms
		"sync": {rowPipeline, 0, 4}, "lookup a.cpp": {rowAround, 5, 5}, "lookup b.cpp": {rowAround + 1, 7, 5},
		"a.cpp": {rowSlots, 10, 10}, "b.cpp": {rowSlots + 1, 12, 18}, "link build/app": {rowSlots, 31, 2}, "Frontend": {rowSlots, 11, 9},
	}
	seen := 0
	for _, e := range got.Events {
		if e.Phase == "M" {
			continue
		}
		seen++
		row := [3]float64{float64(e.TID), e.TS / 1e3, e.Dur / 1e3}
		for i := range row {
			if diff := row[i] - want[e.Name][i]; diff > 1e-6 || diff < -1e-6 {
				t.Errorf("%s: %v, want %v", e.Name, row, want[e.Name])
				break
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d events of %d: %s", seen, len(want), text)
	}
}

func TestTracerOfNothing(t *testing.T) {
	t.Parallel()
	tr, err := newTracer(filepath.Join(t.TempDir(), "trace.json"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.close(); err != nil {
		t.Error(err)
	}
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	for want, values := range map[string][]float64{
		"":     nil,
		"▁▁":   {0, 0},
		"▁▅█▁": {0, 2, 4, 0.1},
		"█":    {7},
	} {
		if got := sparkline(values); got != want {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
}
