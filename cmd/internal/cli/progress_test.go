package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/ipc"
)

func TestProgressKeepsItsLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			strings.Repeat("源码", 40) + ".cpp", "with\ttabs\tin.cpp", strings.Repeat("👩‍👩‍👧‍👦-", 9), "odd\x1b[2J\xff.cpp",
		})).Draw(t, "name")
		width := rapid.IntRange(1, 120).Draw(t, "width")
		p := &progress{total: 7, done: rapid.IntRange(0, 7).Draw(t, "done"), running: []string{name}}
		p.estimate.Planned(time.Now(), 7, 3)
		line := p.line(width)
		if n := ansi.StringWidth(line); n >= width && n > 0 {
			t.Fatalf("%q takes %d cells of %d", line, n, width)
		}
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\t\n\r\x1b") {
			t.Fatalf("not one line of text: %q", line)
		}
	})
}

func TestNothingIsLeftAtTheEnd(t *testing.T) {
	t.Parallel()
	p, now := &progress{}, time.Now()
	tell := func(body ipc.EventBody) { p.event(ipc.Event{Time: now, Body: body}) }
	tell(ipc.BuildPlanned{Units: 9, Dirty: 2, Expected: 100})
	tell(ipc.UnitStarted{File: "a.cpp", Target: "app", Expected: 50})
	if got := p.left(now); got != "  ~100s left" {
		t.Errorf("at the beginning: %q", got)
	}
	now = now.Add(10 * time.Second)
	tell(ipc.UnitFinished{File: "a.cpp", Target: "app", Status: ipc.StatusCompiled, Seconds: 10})
	if got := p.left(now); got != "  ~17s left" {
		t.Errorf("five times as fast: %q", got)
	}
	tell(ipc.UnitFinished{File: "b.cpp", Target: "app", Status: ipc.StatusCached})
	if got := p.left(now); got != "" {
		t.Errorf("at the end: %q", got)
	}
}
