package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// tracer collects the events of one build and writes them in the form that
// chrome://tracing, Perfetto and speedscope read: a row for the pipeline, a row a slot
// for what compilers and linkers did, and rows for what went on around them (look-up,
// wait, storing).
type tracer struct {
	file  *os.File // opened before the build: a path that cannot be written is said at once
	units string   // folder of clang's own traces, "" = none
	spans []traceSpan
}

// traceSpan is one thing that took time.
type traceSpan struct {
	name, kind string // kind: "phase", ipc.SpanRun, or another ipc.Span's name
	start      time.Time
	seconds    float64
	unit       string // ID, for clang's trace
	args       map[string]any
}

// traceEvent is a record of the format; see "Trace Event Format" of Chromium's tracing
// documentation. Times are in microseconds.
type traceEvent struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"` // "X" complete, "M" metadata
	TS    float64        `json:"ts"`
	Dur   float64        `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Cat   string         `json:"cat,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// newTracer makes the file, and with deep a folder for clang's traces.
func newTracer(path string, deep bool) (*tracer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "cannot write a trace: %v", err)
	}
	t := &tracer{file: f}
	if deep {
		if t.units, err = os.MkdirTemp("", "replibuild-time-trace-"); err != nil {
			f.Close()
			return nil, ipc.Errorf(ipc.CodeBadRequest, "cannot keep the compilers' traces: %v", err)
		}
	}
	return t, nil
}

// configure asks the build for what the trace shows.
func (t *tracer) configure(o *replibuild.CompileOptions) { o.Trace, o.TimeTrace = true, t.units }

func (t *tracer) event(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.BuildPhase:
		t.add(traceSpan{name: b.Phase, kind: "phase", start: b.Start, seconds: b.Seconds})
	case ipc.StepFinished:
		start := e.Time.Add(-time.Duration(b.Seconds * float64(time.Second)))
		t.add(traceSpan{name: strings.TrimPrefix(b.Step, "step:"), kind: ipc.SpanRun, start: start, seconds: b.Seconds,
			args: map[string]any{"status": b.Status, "reason": b.Reason.Text}})
	case ipc.UnitFinished:
		t.made(b.File, b.Target+":"+b.File, b.Spans, map[string]any{"target": b.Target, "status": b.Status,
			"reason": b.Reason.Text, "cpu_seconds": b.CPU, "peak_bytes": b.Peak, "object_bytes": b.Bytes, "saved_seconds": b.Saved})
	case ipc.LinkFinished:
		t.made("link "+b.Output, "", b.Spans, map[string]any{"target": b.Target, "status": b.Status, "reason": b.Reason.Text, "bytes": b.Bytes})
	}
}

func (t *tracer) made(name, unit string, spans []ipc.Span, args map[string]any) {
	for _, s := range spans {
		span := traceSpan{name: name, kind: s.Name, start: s.Start, seconds: s.Seconds, args: args}
		if s.Name == ipc.SpanRun {
			span.unit = unit
		} else {
			span.name = s.Name + " " + name
		}
		t.add(span)
	}
}

func (t *tracer) add(s traceSpan) { t.spans = append(t.spans, s) }

// Rows of the picture; slots and what is around them count on from theirs.
const (
	rowPipeline = 0
	rowSlots    = 1
	rowAround   = 1000
)

// close writes the file and removes clang's own.
func (t *tracer) close() error {
	defer os.RemoveAll(t.units)
	slices.SortStableFunc(t.spans, func(a, b traceSpan) int { return a.start.Compare(b.start) })
	slots, around := &lanes{first: rowSlots, name: "slot"}, &lanes{first: rowAround, name: "look-up, wait, store"}
	var out []traceEvent
	for _, s := range t.spans {
		e := traceEvent{Name: s.name, Phase: "X", TS: t.micros(s.start), Dur: s.seconds * 1e6, PID: 1, Cat: s.kind, Args: s.args}
		switch s.kind {
		case "phase":
			e.TID = rowPipeline
		case ipc.SpanRun:
			e.TID = slots.row(s)
			out = append(out, t.compilers(s, e)...)
		default:
			e.TID = around.row(s)
		}
		out = append(out, e)
	}
	out = append(out, rowName(rowPipeline, "pipeline"))
	out = append(append(out, slots.names()...), around.names()...)
	err := json.NewEncoder(t.file).Encode(map[string]any{"displayTimeUnit": "ms", "traceEvents": out})
	if err2 := t.file.Close(); err == nil {
		err = err2
	}
	return err
}

// micros is the time since the first span.
func (t *tracer) micros(at time.Time) float64 {
	return float64(at.Sub(t.spans[0].start).Nanoseconds()) / 1e3
}

// lanes hands out rows so that nothing in a row overlaps.
type lanes struct {
	first int
	name  string
	until []time.Time // when each row is free again
}

func (l *lanes) row(s traceSpan) int {
	end := s.start.Add(time.Duration(s.seconds * float64(time.Second)))
	for i, free := range l.until {
		if !s.start.Before(free) {
			l.until[i] = end
			return l.first + i
		}
	}
	l.until = append(l.until, end)
	return l.first + len(l.until) - 1
}

func (l *lanes) names() (out []traceEvent) {
	for i := range l.until {
		name := l.name
		if l.first == rowSlots {
			name = fmt.Sprintf("%s %d", l.name, i+1)
		}
		out = append(out, rowName(l.first+i, name))
	}
	return out
}

func rowName(row int, name string) traceEvent {
	return traceEvent{Name: "thread_name", Phase: "M", PID: 1, TID: row, Args: map[string]any{"name": name}}
}

// compilers returns what clang says of a unit's compile, within its span.
func (t *tracer) compilers(s traceSpan, span traceEvent) (out []traceEvent) {
	if t.units == "" || s.unit == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(t.units, ipc.TimeTraceFile(s.unit)))
	if err != nil {
		return nil // cached, or a compiler without traces
	}
	var theirs struct {
		Events []traceEvent `json:"traceEvents"`
	}
	if json.Unmarshal(text, &theirs) != nil {
		return nil
	}
	for _, e := range theirs.Events {
		// The sums over all of a kind have rows of their own there, and no time.
		if e.Phase != "X" || strings.HasPrefix(e.Name, "Total ") || e.TS > span.Dur {
			continue
		}
		e.Dur = min(e.Dur, span.Dur-e.TS)
		e.TS += span.TS
		e.PID, e.TID, e.Cat = 1, span.TID, "clang"
		out = append(out, e)
	}
	return out
}
