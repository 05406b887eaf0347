package orchestrator

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

var quietLog = slog.New(slog.DiscardHandler)

func record(build string, units int) ipc.BuildRecord {
	r := ipc.BuildRecord{Build: build, Started: time.Unix(1e9, 0).UTC(), Success: true, Counts: ipc.Counts{Compiled: units}}
	for i := range units {
		r.Units = append(r.Units, ipc.UnitRecord{ID: fmt.Sprintf("app:src/%d.cpp", i), File: fmt.Sprintf("src/%d.cpp", i), Status: ipc.StatusCompiled})
	}
	return r
}

func names(h *history) (ids []string) {
	for _, r := range h.builds(ipc.HistoryRequest{Limit: 10000}) {
		ids = append(ids, r.Build)
	}
	return ids
}

func TestHistorySurvives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHistory(dir, "root test", quietLog)
	for i := range 3 {
		h.add(record(fmt.Sprint("b", i), 2))
		if err := h.flush(); err != nil {
			t.Fatal(err)
		}
	}
	h = openHistory(dir, "root test", quietLog)
	equal(t, "builds", names(h), []string{"b2", "b1", "b0"})
	equal(t, "units", h.builds(ipc.HistoryRequest{Build: "b1"}), []ipc.BuildRecord{record("b1", 2)})
	equal(t, "limit", len(h.builds(ipc.HistoryRequest{Limit: 2})), 2)
	equal(t, "units unasked", h.builds(ipc.HistoryRequest{})[0].Units, []ipc.UnitRecord(nil))
}

func TestHistoryDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"nothing":   func(b []byte) []byte { return b },
		"torn line": func(b []byte) []byte { return append(b, `{"build":"torn","sta`...) },
		"binary":    func(b []byte) []byte { return append([]byte("\x00\xff\x7f\n\n{}\n[1]\n"), b...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := openHistory(dir, "root test", quietLog)
			h.add(record("a", 1))
			h.add(record("b", 1))
			h.flush()
			text, err := os.ReadFile(h.file.path)
			if err != nil {
				t.Fatal(err)
			}
			os.WriteFile(h.file.path, damage(text), 0o600)
			h = openHistory(dir, "root test", quietLog)
			equal(t, "read", names(h), []string{"b", "a"})
			h.add(record("c", 1))
			h.flush()
			equal(t, "written after it", names(openHistory(dir, "root test", quietLog)), []string{"c", "b", "a"})
		})
	}
}

func TestHistoryInAFolderThatVanishes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	os.Mkdir(dir, 0o700)
	h := openHistory(dir, "root test", quietLog)
	os.RemoveAll(dir)
	h.add(record("a", 1))
	if err := h.flush(); err == nil {
		t.Error("no error")
	}
	os.Mkdir(dir, 0o700)
	h.add(record("b", 1))
	if err := h.flush(); err != nil {
		t.Error(err)
	}
	equal(t, "written", names(openHistory(dir, "root test", quietLog)), []string{"b", "a"})
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHistory(dir, "root test", quietLog)
	for i := range 3*maxBuilds + 7 {
		h.add(record(fmt.Sprint("b", i), 60))
		if i%50 == 0 {
			h.flush()
		}
	}
	h.flush()
	check := func(h *history) {
		t.Helper()
		units := 0
		for _, r := range h.records {
			units += len(r.Units)
		}
		if len(h.records) != maxBuilds || units > maxUnitRecords || units != h.units {
			t.Errorf("%d builds, %d units, counted %d", len(h.records), units, h.units)
		}
	}
	check(h)
	text, _ := os.ReadFile(h.file.path)
	if n := bytes.Count(text, []byte("\n")); n > 2*maxBuilds+50 {
		t.Errorf("%d lines", n)
	}
	h = openHistory(dir, "root test", quietLog)
	check(h)
	equal(t, "newest", names(h)[0], fmt.Sprint("b", 3*maxBuilds+6))
	h.add(record("huge", maxUnitRecords+500))
	check(h)
	h.flush()
	h = openHistory(dir, "root test", quietLog)
	check(h)
	equal(t, "newest", names(h)[0], "huge")
	equal(t, "its units", len(h.records[len(h.records)-1].Units), maxUnitRecords)
}

func TestBuildsWithNothingToDoAreOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHistory(dir, "root test", quietLog)
	h.add(record("real", 1))
	for i := range 50 {
		h.add(record(fmt.Sprint("nothing", i), 0))
		h.flush()
	}
	equal(t, "builds", names(h), []string{"nothing49", "real"})
	equal(t, "read", names(openHistory(dir, "root test", quietLog)), []string{"nothing49", "real"})
	failed := record("failed", 0)
	failed.Success = false
	h.add(failed)
	equal(t, "builds", names(h), []string{"failed", "nothing49", "real"})
}

func TestCosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := openCosts(dir, "root test", quietLog)
	add := func(id, status string, seconds, saved float64, peak int64) {
		c.add(ipc.ActionResult{ID: id, Status: status, Seconds: seconds, Saved: saved, Peak: peak})
	}
	add("a", ipc.StatusCompiled, 2, 0, 100)
	add("b", ipc.StatusCached, 0.01, 3, 0)
	add("c", ipc.StatusFailed, 9, 0, 0)
	add("d", ipc.StatusCached, 0, 0, 0) // in place
	add("a", ipc.StatusCached, 0.01, 4, 0)
	want := map[string]unitCost{"a": {Seconds: 4, Peak: 100, Recent: []float64{2}}, "b": {Seconds: 3}}
	equal(t, "costs", c.snapshot(), want)
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	f, _ := os.OpenFile(c.file.path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString("{damage\n\"x\"\n{\"id\":\"e\",\"seconds\":-1}\n{\"id\":\"to")
	f.Close()
	c = openCosts(dir, "root test", quietLog)
	equal(t, "read", c.snapshot(), want)
	for i := range 3 * minCostLines {
		add("a", ipc.StatusCompiled, float64(i), 0, 1)
		c.save()
	}
	text, _ := os.ReadFile(c.file.path)
	if n := strings.Count(string(text), "\n"); n > minCostLines+1 {
		t.Errorf("%d lines for two nodes", n)
	}
	const n = 3.0 * minCostLines
	equal(t, "last", openCosts(dir, "root test", quietLog).snapshot()["a"], unitCost{
		Seconds: n - 1, Peak: 1, Recent: []float64{n - 5, n - 4, n - 3, n - 2, n - 1},
	})
	equal(t, "expected", openCosts(dir, "root test", quietLog).snapshot()["a"].expected(), n-3)
	c.keep(map[string]bool{"b": true})
	equal(t, "kept", c.snapshot(), map[string]unitCost{"b": {Seconds: 3}})
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lines")
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"a\nb\n", []string{"a", "b"}},
		{"a\n\n\nb", []string{"a", "b"}},
		{long + "\nb\n" + long + "c\nd", []string{long, "b", "d"}}, // one byte too long
		{long + long + long + "\nb\n", []string{"b"}},
		{"a\n" + long + long, []string{"a"}},
		{"a\n" + long, []string{"a", long}},
	} {
		os.WriteFile(path, []byte(c.text), 0o600)
		var got []string
		if err := readLines(path, 100_001, func(line []byte) { got = append(got, string(line)) }); err != nil {
			t.Error(err)
		}
		equal(t, fmt.Sprintf("%.20q", c.text), got, c.want)
	}
}

func TestHistoryOfAnotherRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHistory(dir, "root a", quietLog)
	h.add(record("a", 1))
	h.costs.add(ipc.ActionResult{ID: "a", Status: ipc.StatusCompiled, Seconds: 1})
	h.flush()
	h = openHistory(dir, "root b", quietLog)
	equal(t, "of a copy", names(h), []string(nil))
	equal(t, "costs of a copy", len(h.costs.snapshot()), 0)
	h.add(record("b", 1))
	h.costs.add(ipc.ActionResult{ID: "b", Status: ipc.StatusCompiled, Seconds: 1})
	h.flush()
	h = openHistory(dir, "root b", quietLog)
	equal(t, "its own", names(h), []string{"b"})
	equal(t, "its own costs", len(h.costs.snapshot()), 1)
}
