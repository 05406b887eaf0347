package logring

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is found is what a plain loop over the last lines finds, whatever was done in
// what order.
func TestRingIsALoop(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		r := New(limit)
		var model []Line
		filter := Filter{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				filter = Filter{Source: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "source"), Level: Level(rapid.IntRange(0, 3).Draw(t, "level")),
					Text: rapid.SampledFrom([]string{"", "x", "!x", "X y"}).Draw(t, "text")}
				r.SetFilter(filter)
			case 1:
				r.Scan(rapid.IntRange(0, 3).Draw(t, "n"))
			default:
				l := Line{Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "s"), Level: Level(rapid.IntRange(0, 3).Draw(t, "l")), Text: rapid.StringMatching(`[xyzX ]{0,4}`).Draw(t, "t")}
				r.Add(l)
				model = append(model, l)
				model = model[max(0, len(model)-limit):]
			}
		}
		for r.Scan(1) {
		}
		var want, got []string
		for _, l := range model {
			if l.Level >= filter.Level && (filter.Source == "" || filter.Source == l.Source) && Match(strings.Fields(strings.ToLower(filter.Text)), l.Source, l.Text) {
				want = append(want, l.Text)
			}
		}
		r.Each(func(l *Line) { got = append(got, l.Text) })
		if fmt.Sprint(want) != fmt.Sprint(got) || r.Len() != len(model) || r.Matches() != len(want) {
			t.Fatalf("found %q, want %q", got, want)
		}
	})
}

// Twice as many lines as may be kept leave the last half, and long ones less.
func TestRingIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 10*blockLines + 1
	r := New(limit)
	for i := range 2 * limit {
		r.Add(Line{Source: "a", Level: Info, Text: strconv.Itoa(i)})
	}
	if r.Len() != limit || r.Matches() != limit || len(r.blocks) > limit/blockLines+2 {
		t.Errorf("%d lines in %d blocks, %d found", r.Len(), len(r.blocks), r.Matches())
	}
	if _, l := r.Match(0); l.Text != strconv.Itoa(limit) {
		t.Errorf("the oldest is %s", l.Text)
	}
	r = New(MaxLines)
	long := strings.Repeat("x", 1<<20)
	for range 300 {
		r.Add(Line{Text: long})
	}
	if r.bytes > MaxBytes || r.Len() < 60 {
		t.Errorf("%d bytes in %d lines", r.bytes, r.Len())
	}
}

func TestMarksAndPlaces(t *testing.T) {
	t.Parallel()
	r := New(10)
	for i := range 5 {
		r.Add(Line{Time: time.Unix(int64(i), 0), Level: Level(i % 4), Text: fmt.Sprint(i)})
	}
	r.Mark(3)
	if l, ok := r.At(3); !ok || !l.Marked || l.Text != "3" {
		t.Errorf("line 3: %+v", l)
	}
	if i := r.Find(3); i != 3 {
		t.Errorf("place of line 3: %d", i)
	}
	if LevelOf("WARN") != Warn || LevelOf("ERROR+4") != Error || LevelOf("") != Error || LevelOf("DEBUG-4") != Debug {
		t.Error("levels")
	}
}
