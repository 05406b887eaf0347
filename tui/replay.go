package tui

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
	"github.com/RepliBuild/replibuild/tui/internal/state"
)

// maxReplayLine bounds a line of an event log: a snapshot of a great project.
const maxReplayLine = 64 << 20

// Recorded is an event log: what `compile --record`, `--json` and the dashboard
// write, one JSON object a line.
type Recorded struct {
	Events []ipc.Event
	Lines  []logring.Line    // log lines, which only the dashboard saves
	Plan   *ipc.Plan         // which only the dashboard saves; nil = unknown
	Last   []ipc.ExplainFact // what became of every node before, which only the dashboard saves
}

// savedLine is a log line in an event log. Readers that do not know it see an event
// of an unknown kind, which they skip.
type savedLine struct {
	Schema int       `json:"schema"`
	Event  string    `json:"event"` // "log_line"
	Time   time.Time `json:"time"`
	Source string    `json:"source"`
	Level  string    `json:"level"`
	Text   string    `json:"text"`
}

// savedPlan is the plan in an event log.
type savedPlan struct {
	Schema int               `json:"schema"`
	Event  string            `json:"event"` // "plan"
	Plan   *ipc.Plan         `json:"plan"`
	Last   []ipc.ExplainFact `json:"last,omitempty"`
}

// Kinds of lines that are no events.
const (
	eventLogLine = "log_line"
	eventPlan    = "plan"
)

// ReadRecorded reads an event log.
func ReadRecorded(path string) (*Recorded, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "cannot replay: %v", err).
			WithHint("`replibuild compile --record FILE` writes an event log")
	}
	defer f.Close()
	r, err := decodeRecorded(f)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "cannot replay %s: %v", path, err).
			WithHint("`replibuild compile --record FILE` writes an event log")
	}
	return r, nil
}

func decodeRecorded(in io.Reader) (*Recorded, error) {
	r := &Recorded{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxReplayLine)
	for n := 1; lines.Scan(); n++ {
		text := lines.Bytes()
		if len(text) == 0 {
			continue
		}
		var e ipc.Event
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if e.Name == "" {
			return nil, fmt.Errorf("line %d is no event", n)
		}
		if err := r.add(e, text); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(r.Events) == 0 {
		return nil, errors.New("there is no event in it")
	}
	return r, nil
}

// add takes a line in: an event, or what only the dashboard saves.
func (r *Recorded) add(e ipc.Event, text []byte) error {
	switch e.Name {
	case eventPlan:
		var p savedPlan
		err := json.Unmarshal(text, &p)
		r.Plan, r.Last = p.Plan, p.Last
		return err
	case eventLogLine:
		var l savedLine
		err := json.Unmarshal(text, &l)
		if l.Source != panes.SourceEvents { // those are made from the events again
			r.Lines = append(r.Lines, logring.Line{Time: l.Time, Source: l.Source, Level: logring.LevelOf(l.Level), Text: paint.Clean(l.Text)})
		}
		return err
	}
	r.Events = append(r.Events, e)
	return nil
}

// player plays an event log: it has a clock of its own that runs at a speed.
type player struct {
	rec   *Recorded
	event int // next of rec.Events
	line  int // next of rec.Lines
	clock time.Time
	speed float64
	held  bool
}

// maxGap is the longest pause in a replay: the hours between two builds are cut.
const maxGap = 2 * time.Second

// Limits of a replay's speed.
const (
	minSpeed = 1.0 / 16
	maxSpeed = 256
)

func newPlayer(r *Recorded, speed float64, from time.Duration) *player {
	p := &player{rec: r, speed: speed, clock: r.Events[0].Time.Add(from)}
	if speed <= 0 {
		p.speed, p.held = 1, true
	}
	return p
}

// at is the time of the next thing that happens.
func (p *player) at() (time.Time, bool) {
	switch {
	case p.event < len(p.rec.Events) && (p.line >= len(p.rec.Lines) || !p.rec.Lines[p.line].Time.Before(p.rec.Events[p.event].Time)):
		return p.rec.Events[p.event].Time, true
	case p.line < len(p.rec.Lines):
		return p.rec.Lines[p.line].Time, true
	}
	return time.Time{}, false
}

// ended reports whether everything was played.
func (p *player) ended() bool {
	_, more := p.at()
	return !more
}

// advance moves the clock by real time and gives what happened meanwhile, in order.
func (p *player) advance(real time.Duration, event func(ipc.Event), line func(logring.Line)) {
	if !p.held {
		if next, more := p.at(); more {
			p.clock = p.clock.Add(time.Duration(float64(real) * p.speed))
			if next.Sub(p.clock) > maxGap {
				p.clock = next.Add(-maxGap)
			}
		}
	}
	for {
		next, more := p.at()
		if !more || next.After(p.clock) {
			return
		}
		if p.event < len(p.rec.Events) && p.rec.Events[p.event].Time.Equal(next) {
			event(p.rec.Events[p.event])
			p.event++
			continue
		}
		line(p.rec.Lines[p.line])
		p.line++
	}
}

// recording keeps what a live dashboard saw, so that it can be saved.
type recording struct {
	first  *ipc.Event // the oldest snapshot
	blocks [][]ipc.Event
}

// Bounds of a recording: the oldest events go a block at a time.
const (
	recordedBlock  = 1000
	recordedBlocks = 50
)

func (r *recording) add(e ipc.Event) {
	if _, snapshot := e.Body.(ipc.Snapshot); snapshot && r.first == nil {
		r.first = &e
		return
	}
	last := len(r.blocks) - 1
	if last < 0 || len(r.blocks[last]) == recordedBlock {
		if len(r.blocks) == recordedBlocks {
			r.blocks = slices.Delete(r.blocks, 0, 1)
		}
		r.blocks = append(r.blocks, make([]ipc.Event, 0, recordedBlock))
		last = len(r.blocks) - 1
	}
	r.blocks[last] = append(r.blocks[last], e)
}

// save writes the recording with the plan and the log lines.
func (r *recording) save(path string, s *state.State, ring *logring.Ring) (int, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	n := 0
	put := func(v any) {
		if err == nil {
			err = enc.Encode(v)
			n++
		}
	}
	if r.first != nil {
		put(*r.first)
	}
	if plan := s.Plan(); plan != nil {
		shared := *plan
		shared.Env, shared.Track = nil, ipc.Track{} // a bug report must not contain the environment
		put(savedPlan{ipc.Schema, eventPlan, &shared, s.Last()})
	}
	for _, block := range r.blocks {
		for _, e := range block {
			put(e)
		}
	}
	for i := ring.Next() - uint64(ring.Len()); i < ring.Next(); i++ {
		if l, ok := ring.At(i); ok && l.Source != panes.SourceEvents {
			put(savedLine{ipc.Schema, eventLogLine, l.Time, l.Source, l.Level.String(), l.Text})
		}
	}
	return n, errors.Join(err, out.Flush(), f.Close())
}
