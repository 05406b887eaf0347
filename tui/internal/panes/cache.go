package panes

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Cache shows what the cache holds and what it saves.
type Cache struct {
	offset int
	ui     uint64
}

// Want is how many rows the pane could use, its border included.
func (k *Cache) Want(c *Context) int { return len(c.S.Cache.MissReasons) + len(c.S.Cache.Tiers) + 6 }

// Rev implements [Pane].
func (k *Cache) Rev(c *Context) uint64 {
	return k.ui + c.S.Rev(state.Cache, state.Builds, state.Clock)
}

// Move implements [Pane].
func (k *Cache) Move(c *Context, n int) {
	k.offset = max(0, min(k.offset+n, len(c.S.Cache.MissReasons)+len(c.S.Cache.Tiers)+4))
	k.ui++
}

// Click implements [Pane].
func (k *Cache) Click(*Context, int) bool { return false }

// Copy implements [Pane].
func (k *Cache) Copy(c *Context) string {
	n := c.S.Cache
	return fmt.Sprintf("hits %d misses %d bytes %d of %d objects %d", n.Hits, n.Misses, n.Bytes, n.MaxBytes, n.Entries)
}

// Render implements [Pane].
func (k *Cache) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	n := c.S.Cache
	body := []string{hitLine(c, iw), sizeLine(c, iw)}
	if n.Known {
		body = append(body, objectsLine(c, iw), savedLine(c, iw))
	}
	for _, t := range n.Tiers {
		body = append(body, tierLine(c, t, iw))
	}
	if n.ReadOnly != "" {
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Bad, "read-only: "+n.ReadOnly).String())
	}
	body = append(body, missLines(c, iw)...)
	k.offset = max(0, min(k.offset, len(body)-ih))
	body = pad(c.P, body[k.offset:], iw, ih)
	f := widgets.Frame{Number: "3", Title: "Cache"}
	if n.Hits+n.Misses > 0 {
		f.Notes = append(f.Notes, note(paint.Good, widgets.Percent(n.Hits, n.Hits+n.Misses)+" hit"))
	}
	return box(c, f, w, h, focused, body)
}

func hitLine(c *Context, w int) string {
	trend := c.S.HitTrend(min(40, max(0, w-34)))
	n := c.S.Cache
	l := c.P.Line(w).Skip(1).Put(paint.Dim, "hit rate ")
	if len(trend) == 0 {
		return l.Put(paint.Text, fmt.Sprintf("%s hits, %s misses", widgets.Count(n.Hits), widgets.Count(n.Misses))).String()
	}
	widgets.Spark(c.P, l, paint.Good, trend, len(trend), 1)
	l.Put(paint.Text, fmt.Sprintf(" %.0f%%", 100*trend[len(trend)-1]))
	if len(trend) > 1 {
		l.Put(paint.Dim, fmt.Sprintf("  last %d builds", len(trend)))
	}
	return l.String()
}

func sizeLine(c *Context, w int) string {
	n := c.S.Cache
	l := c.P.Line(w).Skip(1).Put(paint.Dim, "size     ")
	if n.MaxBytes <= 0 {
		return l.Put(paint.Text, widgets.Bytes(n.Bytes)).String()
	}
	share := float64(n.Bytes) / float64(n.MaxBytes)
	role := paint.Good
	if share > 0.9 {
		role = paint.Warn
	}
	text := fmt.Sprintf(" %s of %s", widgets.Bytes(n.Bytes), widgets.Bytes(n.MaxBytes))
	if bar := min(40, l.Left()-len(text)-1); bar >= 6 {
		widgets.Gauge(c.P, l, role, share, bar)
	}
	return l.Put(paint.Text, text).String()
}

func objectsLine(c *Context, w int) string {
	n := c.S.Cache
	l := c.P.Line(w).Skip(1).Put(paint.Dim, "objects  ").Put(paint.Text, widgets.Count(n.Entries))
	if n.OldestUnix > 0 {
		l.Put(paint.Dim, "  oldest ").Put(paint.Text, widgets.Age(c.S.Now.Sub(time.Unix(n.OldestUnix, 0))))
	}
	l.Put(paint.Dim, "  evicted ").Put(paint.Text, widgets.Count(n.Evicted))
	if n.Damaged > 0 {
		l.Put(paint.Bad, fmt.Sprintf("  damaged %s", widgets.Count(n.Damaged)))
	}
	return l.String()
}

func savedLine(c *Context, w int) string {
	n := c.S.Cache
	return c.P.Line(w).Skip(1).Put(paint.Dim, "saved    ").Put(paint.Good, widgets.Seconds(n.SavedSeconds)).
		Put(paint.Dim, "  hits ").Put(paint.Text, widgets.Count(n.Hits)).
		Put(paint.Dim, "  misses ").Put(paint.Text, widgets.Count(n.Misses)).String()
}

// tierLine shows a place beyond the project's cache: what came from there, and of a server how
// it does.
func tierLine(c *Context, t ipc.TierStats, w int) string {
	l := c.P.Line(w).Skip(1).Cell(paint.Dim, t.Name, 9)
	if t.Name == ipc.TierFarm {
		return farmLine(l, t)
	}
	if t.Name == ipc.TierRemote {
		role, state := paint.Good, t.State
		if t.State == ipc.TierOff {
			role, state = paint.Bad, "off: "+t.Why
		}
		l.Put(role, state)
		if t.Latency > 0 && t.State == ipc.TierOn {
			l.Put(paint.Dim, fmt.Sprintf(" %.1f ms", t.Latency*1000))
		}
		if t.Queue > 0 {
			l.Put(paint.Busy, fmt.Sprintf("  uploading %s", widgets.Count(int64(t.Queue))))
		}
		l.Skip(2)
	}
	return l.Put(paint.Dim, "hits ").Put(paint.Text, widgets.Count(t.Hits)).Put(paint.Dim, "  stored ").Put(paint.Text, widgets.Count(t.Stored)).
		Put(paint.Dim, "  at ").Put(paint.Text, t.Place).String()
}

// farmLine ends the line of a build farm: its state and how many compiles are there.
func farmLine(l *paint.Line, t ipc.TierStats) string {
	role, state := paint.Good, t.State
	if t.State == ipc.TierOff {
		role, state = paint.Bad, "off: "+t.Why
	}
	l.Put(role, state).Put(paint.Dim, "  slots ").Put(paint.Busy, fmt.Sprintf("%d/%d", t.Running, t.Slots))
	return l.Put(paint.Dim, "  compiled ").Put(paint.Text, widgets.Count(t.Hits)).Put(paint.Dim, "  here instead ").Put(paint.Text, widgets.Count(t.Misses)).
		Put(paint.Dim, "  at ").Put(paint.Text, t.Place).String()
}

// missLines are the reasons of misses as bars, the most frequent first.
func missLines(c *Context, w int) []string {
	type reason struct {
		word string
		n    int64
	}
	var all []reason
	var most int64
	for word, n := range c.S.Cache.MissReasons {
		all = append(all, reason{word, n})
		most = max(most, n)
	}
	slices.SortFunc(all, func(a, b reason) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.word, b.word)) })
	var lines []string
	for i, r := range all {
		l := c.P.Line(w).Skip(1)
		if i == 0 {
			l.Cell(paint.Dim, "missed", 9)
		} else {
			l.Skip(9)
		}
		l.Cell(paint.Text, words.Miss(r.word), 26).Right(paint.Text, widgets.Count(r.n), 7).Skip(1)
		bar := min(30, l.Left()-1)
		l.Repeat(paint.Warn, c.P.Full, max(1, int(float64(bar)*float64(r.n)/float64(max(most, 1)))))
		lines = append(lines, l.String())
	}
	return lines
}
