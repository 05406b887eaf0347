package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
)

// loadedModel is the dashboard in a build of n files.
func loadedModel(b *testing.B, n int) *Model {
	m, err := New(Config{
		Replay: &Recorded{Events: []ipc.Event{{Time: sampleNow}}}, Settings: Settings{Theme: "dark"}, Env: testEnv(), Location: time.UTC,
		now: func() time.Time { return sampleNow },
	})
	if err != nil {
		b.Fatal(err)
	}
	m.player = nil
	m.size(200, 60)
	m.take(eventsMsg{ipc.NewEvent("b1", ipc.BuildStarted{Project: "app", Root: "/src"}), ipc.NewEvent("b1", ipc.BuildPlanned{Units: n, Dirty: n})})
	for i := range n {
		m.take(eventsMsg{ipc.NewEvent("b1", ipc.UnitStarted{File: name(i), Target: "app"})})
	}
	m.press("4", ">", ">", ">") // sorted by time: the dearest order
	return m
}

func name(i int) string { return fmt.Sprintf("src/module_%03d/part_%05d.cpp", i%200, i) }

// batch is what comes in a thirtieth of a second at 1,000 events a second.
func batch(k, n int) eventsMsg {
	var all eventsMsg
	for j := range 33 {
		i := (k*33 + j) % n
		all = append(all, ipc.NewEvent("b1", ipc.UnitFinished{File: name(i), Target: "app", Status: ipc.StatusCompiled,
			Reason: ipc.Reason{Code: "input", Text: "include/a.h changed"}, Seconds: float64((i*7919)%9973) / 997, CPU: 1, Peak: 100 << 20}))
	}
	return all
}

// BenchmarkUpdateView holds goal 3: 10,000 files and 1,000 events a second, in
// batches as they come, Update and View together p99 at most 16 ms, View 2 ms.
func BenchmarkUpdateView(b *testing.B) {
	m := loadedModel(b, 10_000)
	var both, views []time.Duration
	for k := 0; b.Loop(); k++ {
		msg := batch(k, 10_000)
		began := time.Now()
		m.Update(msg)
		mid := time.Now()
		m.View()
		both, views = append(both, time.Since(began)), append(views, time.Since(mid))
	}
	report(b, both, "update+view")
	report(b, views, "view")
}

// BenchmarkKey is a key in the same build: down the list, with its frame.
func BenchmarkKey(b *testing.B) {
	m := loadedModel(b, 10_000)
	var all []time.Duration
	for b.Loop() {
		began := time.Now()
		m.press("j")
		m.View()
		all = append(all, time.Since(began))
	}
	report(b, all, "key")
}

// BenchmarkLog adds lines to a full log of a million that is filtered and seen.
func BenchmarkLog(b *testing.B) {
	m := loadedModel(b, 100)
	for i := range logring.MaxLines {
		m.log.Ring.Add(logring.Line{Time: sampleNow, Source: "compilation", Level: logring.Info, Text: fmt.Sprintf("compiled file=%s", name(i))})
	}
	m.press("5", "/", "9", "9")
	var all []time.Duration
	for b.Loop() {
		began := time.Now()
		m.update(scanMsg{})
		m.update(logMsg{{Time: sampleNow, Source: "setup", Text: "compiled file=99"}})
		m.View()
		all = append(all, time.Since(began))
	}
	report(b, all, "log")
}

func report(b *testing.B, all []time.Duration, what string) {
	slices.Sort(all)
	if len(all) > 0 {
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, what+"-p99-ms")
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, what+"-p50-ms")
	}
}
