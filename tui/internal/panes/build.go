package panes

import (
	"fmt"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

// Build shows the build that runs with its jobs, what waits, and the builds before.
type Build struct {
	List widgets.List
	ui   uint64
	top  int
	rows []buildRow
}

// buildRow is one row of the list.
type buildRow struct {
	unit  *state.Unit      // a job that runs
	wait  string           // what waits for what
	queue *ipc.BuildInfo   // a request that waits
	place int              // in the queue
	past  *ipc.BuildRecord // a build that is over
	fail  *state.Unit      // what failed in the last build
}

// Rev implements [Pane].
func (b *Build) Rev(c *Context) uint64 {
	rev := b.ui + c.S.Rev(state.Builds, state.Queue, state.Connection)
	if c.S.Running() || len(c.S.Queue.Waiting) > 0 {
		return rev + c.S.Rev(state.Clock)
	}
	return rev + c.S.Rev(state.Clock) // the age of the last build
}

// Refresh makes the list anew.
func (b *Build) Refresh(c *Context) {
	b.rows = b.rows[:0]
	if c.S.Running() {
		for _, u := range c.S.Current.Jobs() {
			b.rows = append(b.rows, buildRow{unit: u})
		}
		for _, w := range Waits(c.S) {
			b.rows = append(b.rows, buildRow{wait: w})
		}
	}
	if cur := c.S.Current; cur != nil {
		for _, u := range cur.Units {
			if u.Status == ipc.StatusFailed {
				b.rows = append(b.rows, buildRow{fail: u})
			}
		}
	}
	for i := range c.S.Queue.Waiting {
		b.rows = append(b.rows, buildRow{queue: &c.S.Queue.Waiting[i], place: i + 1})
	}
	for i := range c.S.History {
		b.rows = append(b.rows, buildRow{past: &c.S.History[i]})
	}
	b.List.Set(b.List.Cursor, len(b.rows))
}

// Want is how many rows the pane could use, its border included.
func (b *Build) Want() int { return len(b.rows) + 5 }

// Waits says what waits for what in the running build.
func Waits(s *state.State) []string {
	c := s.Current
	var out []string
	done, of := c.Progress()
	jobs := c.Jobs()
	if queued := of - done - len(jobs); queued > 0 {
		out = append(out, widgets.Plural(int64(queued), "unit")+" queued")
	}
	plan := s.Plan()
	if plan == nil {
		return out
	}
	left := c.LeftByTarget()
	for _, t := range plan.Targets {
		if linking(jobs, t.Name) {
			continue
		}
		var parts []string
		if n := left[t.Name]; n > 0 {
			parts = append(parts, widgets.Plural(int64(n), "unit"))
		}
		for _, d := range t.Depends {
			if left[d] > 0 {
				parts = append(parts, d)
				left[t.Name]++ // what depends on this one waits too
			}
		}
		if len(parts) > 0 {
			out = append(out, "link "+t.Name+" waits for "+strings.Join(parts, ", "))
		}
	}
	return out
}

func linking(jobs []*state.Unit, target string) bool {
	for _, u := range jobs {
		if u.Kind == state.KindLink && u.Target == target {
			return true
		}
	}
	return false
}

// Move implements [Pane].
func (b *Build) Move(_ *Context, n int) {
	b.List.Move(n, len(b.rows))
	b.ui++
}

// Click implements [Pane].
func (b *Build) Click(_ *Context, y int) bool {
	row := y - b.top + b.List.Offset
	if y < b.top || row >= len(b.rows) {
		return false
	}
	b.List.Set(row, len(b.rows))
	b.ui++
	return true
}

// Selected is what the cursor is on: the ID of a unit that runs, or of a build; ""
// for neither.
func (b *Build) Selected() (unit *state.Unit, build string) {
	if b.List.Cursor >= len(b.rows) {
		return nil, ""
	}
	r := b.rows[b.List.Cursor]
	switch {
	case r.unit != nil:
		return r.unit, r.unit.Build
	case r.fail != nil:
		return r.fail, r.fail.Build
	case r.queue != nil:
		return nil, r.queue.Build
	case r.past != nil:
		return nil, r.past.Build
	}
	return nil, ""
}

// Copy implements [Pane].
func (b *Build) Copy(c *Context) string {
	if b.List.Cursor >= len(b.rows) {
		return ""
	}
	r := b.rows[b.List.Cursor]
	switch {
	case r.unit != nil:
		return r.unit.Name
	case r.fail != nil:
		return r.fail.Name + ": " + r.fail.Reason.Text
	case r.queue != nil:
		return r.queue.Build
	case r.past != nil:
		return r.past.Build
	}
	return r.wait
}

// Render implements [Pane].
func (b *Build) Render(c *Context, w, h int, focused bool) []string {
	iw, ih := widgets.Inside(w, h)
	body := b.summary(c, iw, ih)
	b.top = 1 + len(body)
	rows := ih - len(body)
	b.List.Fit(len(b.rows), rows)
	for i := b.List.Offset; i < min(len(b.rows), b.List.Offset+rows); i++ {
		body = append(body, b.row(c, b.rows[i], iw, i == b.List.Cursor, focused))
	}
	switch {
	case len(b.rows) > 0 || rows <= 0 || c.S.Current != nil:
	case isUntold(c):
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Dim, untold).String())
	case c.S.Launched:
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Dim, "no compile yet: make, ninja and shells start them").String())
	default:
		body = append(body, c.P.Line(iw).Skip(1).Put(paint.Dim, "no builds yet: ").Put(paint.Key, "b").Put(paint.Dim, " builds").String())
	}
	return box(c, b.frame(c, w, len(b.rows) > rows), w, h, focused, body)
}

// frame is the border; more is whether there are rows that are not seen.
func (b *Build) frame(c *Context, w int, more bool) widgets.Frame {
	f := widgets.Frame{Number: "2", Title: "Build"}
	cur := c.S.Build("")
	if cur == nil {
		return f
	}
	_, word, role := buildSign(c, cur)
	if !cur.Finished {
		f.Notes = append(f.Notes, note(role, word+" "+widgets.Clock(cur.Elapsed(c.S.Clock()))))
	} else {
		f.Notes = append(f.Notes, note(role, word))
	}
	if n := len(c.S.Queue.Waiting); n > 0 {
		f.Notes = append(f.Notes, note(paint.Warn, fmt.Sprintf("%d waiting", n)))
	}
	f.Corner = state.Short(cur.ID)
	if !cur.Finished && !c.S.Lost.IsZero() {
		f.Corner = "" // contact lost needs the room
		return f
	}
	place := fmt.Sprintf("%d/%d", b.List.Cursor+1, len(b.rows))
	switch {
	case b.List.Cursor > 0 || more && len(c.S.Queue.Waiting) > 0: // what waits needs the room
		f.Corner = place
	case more && w >= 48:
		f.Corner += "  " + place
	}
	return f
}

// summary is the lines above the list: what the build is up to.
func (b *Build) summary(c *Context, w, h int) []string {
	cur := c.S.Build("")
	if cur == nil || h < 3 {
		return nil
	}
	var lines []string
	if !cur.Finished {
		lines = append(lines, progressLine(c, cur, w))
	} else {
		lines = append(lines, endLine(c, cur, w))
	}
	if h >= 5 {
		lines = append(lines, countsLine(c, cur, w))
	}
	if trend := c.S.TimeTrend(w); cur.Finished && len(trend) > 1 && h >= 7 {
		l := c.P.Line(w).Skip(1).Put(paint.Dim, fmt.Sprintf("last %d builds ", min(len(trend), w-28)))
		sw := min(len(trend), l.Left()-10)
		widgets.Spark(c.P, l, paint.Busy, trend, sw, 0)
		if sw > 0 {
			l.Put(paint.Dim, " "+widgets.Seconds(trend[len(trend)-1]))
		}
		lines = append(lines, l.String())
	}
	return lines
}

func progressLine(c *Context, b *state.Build, w int) string {
	done, of := b.Progress()
	l := c.P.Line(w).Skip(1)
	if of == 0 {
		return l.Put(paint.Busy, "looking for what changed").String()
	}
	right := fmt.Sprintf(" %d/%d", done, of)
	right += fmt.Sprintf(" %3d%%", 100*done/of)
	if left := b.Left(c.S.Clock()); left >= 0 {
		right += "  ETA " + widgets.Clock(left)
	}
	widgets.Gauge(c.P, l, paint.Busy, float64(done)/float64(of), w-2-len(right))
	return l.Put(paint.Strong, right).String()
}

func endLine(c *Context, b *state.Build, w int) string {
	sign, word, role := buildSign(c, b)
	l := c.P.Line(w).Skip(1).Put(role, sign+" "+word).Put(paint.Text, " in "+widgets.Seconds(b.Elapsed(c.S.Clock()).Seconds()))
	if d := c.S.Now.Sub(b.Ended); d >= time.Minute {
		l.Put(paint.Dim, ", "+widgets.Age(d)+" ago")
	}
	if b.Trigger != "" && b.Trigger != ipc.TriggerCommand {
		l.Put(paint.Dim, " by "+b.Trigger)
	}
	if b.Detail != "" && !b.Cancelled { // "cancelled" says it
		l.Put(paint.Dim, "  "+b.Detail)
	}
	return l.String()
}

// countsLine counts how units ended, each in its colour.
func countsLine(c *Context, b *state.Build, w int) string {
	l := c.P.Line(w).Skip(1)
	for _, e := range append(words.Ends(b.Counts, b.Hits()), words.End{N: b.Links, State: words.Linked}) {
		if e.N > 0 {
			l.Put(endRole(e.State), fmt.Sprintf("%s %s", widgets.Count(int64(e.N)), e.State)).Skip(2)
		}
	}
	switch {
	case l.Width() > 1:
	case b.Finished:
		l.Put(paint.Dim, "nothing was done")
	default:
		l.Put(paint.Dim, "nothing done yet")
	}
	return l.String()
}

func (b *Build) row(c *Context, r buildRow, w int, selected, focused bool) string {
	l := c.P.Row(w, selected && focused, focused)
	switch {
	case r.unit != nil:
		jobRow(c, l, r.unit)
	case r.fail != nil:
		l.Put(paint.Bad, c.P.Failed+" ").Put(paint.Text, c.P.Tail(c.S.Shown(r.fail.Name), max(8, l.Left()/2)))
		l.Put(paint.Bad, "  "+r.fail.Reason.Text)
	case r.queue != nil:
		what := strings.Join(append(append([]string(nil), r.queue.Targets...), r.queue.Files...), " ")
		if what == "" {
			what = "all targets"
		}
		l.Put(paint.Warn, fmt.Sprintf("%d ", r.place)).Put(paint.Text, "waits "+widgets.Age(c.S.Now.Sub(r.queue.Since)))
		l.Put(paint.Dim, "  "+r.queue.Trigger).Put(paint.Text, "  "+what)
	case r.past != nil:
		pastRow(c, l, r.past)
	default:
		l.Put(paint.Dim, c.P.Wait+" "+r.wait)
	}
	return l.String()
}

func jobRow(c *Context, l *paint.Line, u *state.Unit) {
	times := widgets.Seconds(c.S.Clock().Sub(u.Started).Seconds())
	if u.Expected > 0 {
		times += " / ~" + widgets.Seconds(u.Expected)
	}
	nameWidth := l.Left() - 4 - len(times)
	bar := 0
	if u.Expected > 0 && l.Left() > 56 {
		bar = 12
		nameWidth -= bar + 2
	}
	_, word, _ := unitSign(c.P, u)
	if u.Kind == state.KindLink {
		word = "link"
	}
	l.Put(paint.Busy, c.P.Running+" ")
	if u.Kind == state.KindLink {
		l.Put(paint.Busy, word+" ")
		nameWidth -= 5
	}
	l.Cell(paint.Text, c.P.Tail(c.S.Shown(u.Name), nameWidth), nameWidth)
	if bar > 0 {
		l.Skip(1)
		share := c.S.Clock().Sub(u.Started).Seconds() / u.Expected
		widgets.Gauge(c.P, l, paint.Busy, share, bar)
		l.Skip(1)
	}
	l.To(l.Width() + l.Left() - len(times) - 1)
	role := paint.Dim
	if u.Expected > 0 && c.S.Clock().Sub(u.Started).Seconds() > 1.5*u.Expected {
		role = paint.Warn // it takes longer than it used to
	}
	l.Put(role, times)
}

func pastRow(c *Context, l *paint.Line, r *ipc.BuildRecord) {
	sign, _, role := pastSign(c.P, r.Success, r.Cancelled)
	l.Put(role, sign+" ")
	layout := "15:04:05"
	if c.S.Now.Sub(r.Started) > 20*time.Hour {
		layout = "Jan _2 15:04"
	}
	l.Put(paint.Text, r.Started.In(c.Loc).Format(layout)).Skip(1)
	l.Right(paint.Text, widgets.Seconds(r.Seconds), 6).Skip(1)
	wide := l.Left() > 40
	if wide {
		l.Cell(paint.Dim, r.Trigger, len(ipc.TriggerDashboard))
	}
	if r.Cancelled || !r.Success && r.Detail != "" {
		l.Skip(1).Put(role, map[bool]string{true: words.Cancelled, false: r.Detail}[r.Cancelled])
		return
	}
	if hits, of := state.Lookups(*r); of > 0 {
		l.Right(paint.Dim, widgets.Percent(int64(hits), int64(of)), 4).Put(paint.Dim, " hit").Skip(1)
	} else {
		l.Skip(9)
	}
	for _, e := range words.Ends(r.Counts, r.Hits) {
		if e.N > 0 && l.Left() > 4 {
			l.Skip(1).Put(endRole(e.State), fmt.Sprintf("%s %s", widgets.Count(int64(e.N)), e.State))
		}
	}
}

// endRole is how a number of units that ended in a state is painted.
func endRole(state string) paint.Role {
	switch state {
	case words.Failed:
		return paint.Bad
	case words.Compiled, words.Linked:
		return paint.Warn
	case words.Skipped:
		return paint.Dim
	}
	return paint.Good
}
