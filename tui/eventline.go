package tui

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/tui/internal/logring"
	"github.com/RepliBuild/replibuild/tui/internal/paint"
	"github.com/RepliBuild/replibuild/tui/internal/panes"
)

// eventLine is an event as a line of the log, if a person would want to read it. hits is
// how many units the cache has delivered in the event's build.
func eventLine(e ipc.Event, hits int) (logring.Line, bool) {
	line := func(level logring.Level, format string, args ...any) (logring.Line, bool) {
		return logring.Line{Time: e.Time, Source: panes.SourceEvents, Level: level, Text: paint.Clean(fmt.Sprintf(format, args...))}, true
	}
	switch b := e.Body.(type) {
	case ipc.Notice:
		levels := map[string]logring.Level{"info": logring.Info, "warning": logring.Warn}
		level, known := levels[b.Level]
		if !known {
			level = logring.Error
		}
		return line(level, "%s %s", b.Message, b.Hint)
	case ipc.BuildStarted:
		return line(logring.Info, "build started by %s", b.Trigger)
	case ipc.BuildFinished:
		level, word := logring.Info, words.Build(b.OK, b.Cancelled)
		switch {
		case b.Cancelled:
			level = logring.Warn
		case !b.OK:
			level = logring.Error
		}
		return line(level, "build %s in %.1fs%s", word, b.Seconds, buildEnd(b, hits))
	case ipc.UnitFinished:
		return unitLine(line, b)
	case ipc.LinkFinished:
		if b.Status == ipc.StatusFailed {
			return line(logring.Error, "link of %s failed: %s", b.Target, b.Reason.Text)
		}
		return line(logring.Info, "%s %s in %.1fs: %s", b.Output, words.State(words.Link, b.Status, b.Reason.Code), b.Seconds, b.Reason.Text)
	case ipc.DaemonChanged:
		level := logring.Info
		if b.State == ipc.StateCrashed || b.State == ipc.StateUnresponsive {
			level = logring.Error
		}
		return line(level, "%s", daemonNews(b.DaemonStatus))
	}
	return logring.Line{}, false
}

// daemonNews says what became of a daemon.
func daemonNews(d ipc.DaemonStatus) string {
	verb, known := map[string]string{
		ipc.StateRunning: "runs", ipc.StateStopped: "stopped", ipc.StateStarting: "starts", ipc.StateCrashed: "crashed",
		ipc.StateUnresponsive: "does not answer; r restarts it", ipc.StateDisabled: "is disabled",
		ipc.StateElsewhere: "runs in another container or namespace",
	}[d.State]
	if !known {
		verb = "is " + d.State
	}
	text := "the " + d.Name + " daemon " + verb
	if d.LastError != "" && d.State != ipc.StateUnresponsive && d.State != ipc.StateElsewhere {
		text += ": " + d.LastError
	}
	return text
}

func unitLine(line func(logring.Level, string, ...any) (logring.Line, bool), b ipc.UnitFinished) (logring.Line, bool) {
	switch b.Status {
	case ipc.StatusFailed:
		return line(logring.Error, "%s failed: %s", b.File, b.Reason.Text)
	case ipc.StatusCompiled:
		return line(logring.Info, "%s compiled in %.1fs: %s", b.File, b.Seconds, b.Reason.Text)
	}
	return line(logring.Debug, "%s %s: %s", b.File, words.State(words.Unit, b.Status, b.Reason.Code), b.Reason.Text)
}

// buildEnd is why a build failed and what it did: ": a.cpp failed; 2 compiled, 1 failed".
func buildEnd(b ipc.BuildFinished, hits int) string {
	var parts []string
	if b.Detail != "" && !b.Cancelled {
		parts = append(parts, b.Detail)
	}
	if counts := words.Outcome(b.Counts, hits); counts != "" {
		parts = append(parts, counts)
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}
