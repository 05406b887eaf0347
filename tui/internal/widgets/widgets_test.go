package widgets

import (
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/RepliBuild/replibuild/tui/internal/paint"
)

// The columns of a table fill the room that they have and no more, and those wanted
// most stay.
func TestFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		columns := make([]Column, n)
		for i := range columns {
			columns[i] = Column{Width: rapid.IntRange(1, 20).Draw(t, "w"), Pref: rapid.IntRange(0, 30).Draw(t, "p"), Max: rapid.IntRange(0, 60).Draw(t, "m"), Want: rapid.IntRange(0, 9).Draw(t, "want")}
		}
		width := rapid.IntRange(0, 150).Draw(t, "width")
		widths, used := Fit(columns, width), -1
		least := 10
		for i, w := range widths {
			if w > 0 {
				used += 1 + w
				least = min(least, columns[i].Want)
			}
		}
		if used > max(width, 0) {
			t.Fatalf("%d cells used of %d: %v", used, width, widths)
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l List
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			count, height := rapid.IntRange(0, 30).Draw(t, "count"), rapid.IntRange(-1, 12).Draw(t, "height")
			l.Move(rapid.IntRange(-40, 40).Draw(t, "by"), count)
			l.Fit(count, height)
			if l.Cursor < 0 || l.Offset < 0 || count > 0 && (l.Cursor >= count || l.Cursor < l.Offset || l.Cursor >= l.Offset+max(height, 1)) {
				t.Fatalf("cursor %d, offset %d of %d rows, %d seen", l.Cursor, l.Offset, count, height)
			}
		}
	})
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Seconds(0.004): "4ms", Seconds(0.9996): "1.0s", Seconds(2.13): "2.1s", Seconds(125): "2m05s", Seconds(3840): "1h04m", Seconds(-1): "",
		Bytes(512): "512 B", Bytes(18 << 20): "18 MB", Bytes(1200 << 20): "1.2 GB", Bytes(1023): "1.0 KB",
		Count(1203): "1,203", Count(-1203): "-1,203", Count(12): "12", Count(1234567): "1,234,567",
		Percent(0, 0): "-", Percent(999, 1000): "99%", Percent(1, 1000): "1%", Percent(1, 1): "100%", Percent(0, 5): "0%",
		Age(42 * time.Second): "42s", Age(72 * time.Minute): "1h12m", Age(5*time.Minute + 50*time.Second): "5m", Age(50 * time.Hour): "2d2h",
		Clock(7 * time.Second): "00:07", Clock(3723 * time.Second): "1:02:03", Plural(1, "unit"): "1 unit", Plural(2000, "unit"): "2,000 units",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestOverKeepsTheSize(t *testing.T) {
	t.Parallel()
	p := paint.New(paint.Dark(), paint.True, paint.UnicodeGlyphs())
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 60).Draw(t, "w"), rapid.IntRange(1, 20).Draw(t, "h")
		screen := make([]string, h)
		for i := range screen {
			screen[i] = p.Line(w).Put(paint.Good, rapid.StringMatching(`[a-z名é]{0,80}`).Draw(t, "line")).String()
		}
		dialog := Dialog(p, "title", []string{"some text that may have to be wrapped"}, []Note{{paint.Key, "y"}}, rapid.IntRange(2, w+1).Draw(t, "dw"))
		if ansi.StringWidth(dialog[0]) > w {
			t.Skip()
		}
		for i, line := range Over(screen, dialog, w, h) {
			if n := ansi.StringWidth(line); n != w {
				t.Fatalf("line %d has %d cells, want %d", i, n, w)
			}
		}
	})
}

func TestSparkAndGauge(t *testing.T) {
	t.Parallel()
	p := paint.New(paint.Dark(), paint.Bare, paint.ASCIIGlyphs())
	l := p.Line(10)
	Spark(p, l, paint.Good, []float64{0, 5, 10}, 10, 0)
	if got := l.String(); got != "       _=#" && got != "       _~#" {
		t.Errorf("%q", got)
	}
	l = p.Line(12)
	Gauge(p, l, paint.Good, 0.5, 12)
	if got := l.String(); got != "[#####-----]" {
		t.Errorf("%q", got)
	}
}
