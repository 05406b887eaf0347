package panes

import (
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/state"
	"github.com/RepliBuild/replibuild/tui/internal/widgets"
)

func daemonLines(c *Context, s *state.Daemon, w int) []rich {
	sign, role := daemonSign(c.P, s)
	lines := []rich{{{role, sign + " " + daemonWord(s)}}}
	if s.LastError != "" {
		for i, piece := range widgets.WrapWords(paint.Clean(s.LastError), max(10, w-11)) {
			label := ""
			if i == 0 {
				label = "last error"
			}
			lines = append(lines, pair(label, piece, paint.Bad))
		}
	}
	if !s.Died.IsZero() {
		lines = append(lines, pair("crashed", widgets.Age(c.S.Now.Sub(s.Died))+" ago, at "+when(c, s.Died), paint.Text))
	}
	if s.PID != 0 && s.State != ipc.StateCrashed {
		lines = append(lines, pair("pid", fmt.Sprint(s.PID), paint.Text), pair("port", fmt.Sprint(s.Port), paint.Text))
	}
	if !s.Since.IsZero() {
		lines = append(lines, pair("up", widgets.Age(c.S.Now.Sub(s.Since))+" since "+when(c, s.Since), paint.Text))
	}
	lines = append(lines, pair("restarts", fmt.Sprint(s.Restarts), paint.Text))
	if s.LastCrash != "" && s.State != ipc.StateCrashed {
		lines = append(lines, pair("last crash", s.LastCrash, paint.Warn))
	}
	if s.DaemonStatus.RSS > 0 {
		lines = append(lines, pair("memory", widgets.Bytes(s.DaemonStatus.RSS), paint.Text),
			rich{{paint.Dim, "trend      "}, {paint.Busy, sparkText(c.P, level(s.RSS, min(40, max(4, w-12))), 40)}})
	}
	if s.Requests > 0 {
		lines = append(lines, pair("requests", widgets.Count(int64(s.Requests)), paint.Text))
	}
	lines = append(lines, rich{{paint.Dim, duty[s.Name]}})
	return append(lines, lastWords(c, s.Name)...)
}

// lastWords are the last lines of a daemon's log, the newest first: what a daemon that
// crashed had to say.
func lastWords(c *Context, daemon string) []rich {
	const most, lookBack = 20, 2000
	lines := []rich{section("last log lines")}
	for n, seen := c.Log.Next(), 0; seen < lookBack && len(lines) <= most; seen++ {
		n--
		l, ok := c.Log.At(n)
		if !ok {
			break
		}
		if l.Source == daemon {
			lines = append(lines, rich{{paint.Dim, "  " + when(c, l.Time) + " "}, {levelRole(l.Level), l.Level.String() + " "}, {paint.Text, l.Text}})
		}
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}

// duty says what a daemon is for.
var duty = map[string]string{
	ipc.NameDiscovery:    "knows which files changed",
	ipc.NameSetup:        "knows how each file is compiled",
	ipc.NameCompilation:  "compiles, and never the same thing twice",
	ipc.NameOrchestrator: "decides what runs when; the dashboard listens to it",
}
