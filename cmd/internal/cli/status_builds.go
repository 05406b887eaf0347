package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// buildWatch prints a line for what happens to builds: queued, started, planned, what
// fails, how it ended. Successful compiles are counted with their reasons, not listed.
type buildWatch struct {
	app     *app
	told    time.Time      // builds that started before this are printed already, or are older than the watch
	running string         // id
	reasons map[string]int // of what the running build compiled
	hits    int            // units that the cache delivered to it
}

func newBuildWatch(a *app) *buildWatch {
	return &buildWatch{app: a, told: time.Now(), reasons: map[string]int{}}
}

func (w *buildWatch) event(e ipc.Event) {
	if w.app.json {
		w.json(e)
		return
	}
	switch b := e.Body.(type) {
	case ipc.Snapshot:
		w.snapshot(b)
	case ipc.BuildQueued:
		w.print(e.Build, "waits in the queue, position %d%s", b.Position, forWhat(b.Targets, b.Files))
	case ipc.BuildStarted:
		w.told = e.Time
		w.begin(e.Build, "started by "+b.Trigger+forWhat(b.Targets, b.Files))
	case ipc.BuildPlanned:
		w.print(e.Build, "%d of %s to check%s", b.Dirty, words.Plural(b.Units, "unit"), expected(b.Expected))
	case ipc.StepFinished:
		w.failure(e.Build, "the step "+strings.TrimPrefix(b.Step, "step:"), b.Status, b.Reason)
	case ipc.UnitFinished:
		switch b.Status {
		case ipc.StatusCompiled:
			w.reasons[b.Reason.Text]++
		case ipc.StatusCached:
			w.hits++
		}
		w.failure(e.Build, b.File, b.Status, b.Reason)
	case ipc.LinkFinished:
		w.failure(e.Build, "the link of "+b.Target, b.Status, b.Reason)
	case ipc.BuildFinished:
		w.finished(e.Build, b)
	case ipc.FilesChanged:
		if w.running == "" { // else it is what the build made
			w.changed(b)
		}
	case ipc.Notice:
		w.notice(b)
	}
}

// json prints the events that a line would be printed for.
func (w *buildWatch) json(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.BuildQueued, ipc.BuildStarted, ipc.BuildPlanned, ipc.BuildFinished, ipc.FilesChanged, ipc.Notice:
		w.app.printJSON(e)
	case ipc.StepFinished:
		w.jsonFailure(e, b.Status)
	case ipc.UnitFinished:
		w.jsonFailure(e, b.Status)
	case ipc.LinkFinished:
		w.jsonFailure(e, b.Status)
	}
}

func (w *buildWatch) jsonFailure(e ipc.Event, status string) {
	if status == ipc.StatusFailed {
		w.app.printJSON(e)
	}
}

func (w *buildWatch) print(build, format string, args ...any) {
	w.app.printf("build %s: %s\n", shortBuild(build), fmt.Sprintf(format, args...))
}

// shortBuild is the part of a build's id that tells it from others.
func shortBuild(id string) string { return id[max(0, len(id)-8):] }

func (w *buildWatch) begin(build, text string) {
	w.running, w.reasons, w.hits = build, map[string]int{}, 0
	w.print(build, "%s", text)
}

// finished tells how a build ended: the one that runs, or one that never left the queue.
func (w *buildWatch) finished(build string, b ipc.BuildFinished) {
	if build != w.running {
		w.end(build, words.Build(b.OK, b.Cancelled), b.Seconds, b.Detail, words.Outcome(b.Counts, 0))
		return
	}
	w.end(build, words.Build(b.OK, b.Cancelled), b.Seconds, b.Detail, words.Outcome(b.Counts, w.hits)+w.why())
	w.running = ""
}

// end prints "build 33fa2b7c: failed in 0.4s: a.cpp failed; 1 failed, 2 compiled".
func (w *buildWatch) end(build, word string, seconds float64, detail, counts string) {
	text := fmt.Sprintf("%s in %.1fs", word, seconds)
	if detail != "" && word != words.Cancelled {
		text += ": " + detail
	}
	if counts != "" {
		text += "; " + counts
	}
	w.print(build, "%s", text)
}

// why is the most frequent reasons of what was compiled: "; compiled because a.h changed",
// "; compiled because a.h changed (12), b.h changed (3)".
func (w *buildWatch) why() string {
	const most = 3
	all := slices.SortedFunc(maps.Keys(w.reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(w.reasons[b], w.reasons[a]), cmp.Compare(a, b))
	})
	switch len(all) {
	case 0:
		return ""
	case 1:
		return "; compiled because " + all[0]
	}
	var parts []string
	for _, text := range all[:min(len(all), most)] {
		parts = append(parts, fmt.Sprintf("%s (%d)", text, w.reasons[text]))
	}
	if more := len(all) - most; more > 0 {
		parts = append(parts, words.Plural(more, "more reason"))
	}
	return "; compiled because " + strings.Join(parts, ", ")
}

func (w *buildWatch) failure(build, what, status string, reason ipc.Reason) {
	if status == ipc.StatusFailed {
		w.print(build, "%s failed: %s", what, reason.Text)
	}
}

// snapshot tells what was missed while there was no orchestrator to listen to.
func (w *buildWatch) snapshot(s ipc.Snapshot) {
	for _, r := range slices.Backward(s.Recent) { // newest first
		if r.Build == w.running || r.Started.After(w.told) {
			w.told = r.Started
			w.end(r.Build, words.Build(r.Success, r.Cancelled), r.Seconds, r.Detail, words.Outcome(r.Counts, r.Hits))
			if r.Build == w.running {
				w.running = ""
			}
		}
	}
	now := s.Queue.Running
	if w.running != "" && (now == nil || now.Build != w.running) {
		w.print(w.running, "ended with the orchestrator")
		w.running = ""
	}
	if now != nil && now.Build != w.running {
		w.told = now.Since
		w.begin(now.Build, fmt.Sprintf("runs, started by %s%s; %d of %s done", now.Trigger, forWhat(now.Targets, now.Files), now.Done, words.Plural(now.Units, "unit")))
	}
}

func (w *buildWatch) changed(b ipc.FilesChanged) {
	what := ""
	switch n := len(b.Paths); {
	case n == 1:
		what = b.Paths[0] + " changed; "
	case n > 1:
		what = fmt.Sprintf("%s and %d more changed; ", b.Paths[0], n-1)
	}
	w.app.printf("files: %s%d to rebuild\n", what, b.Dirty)
}

func (w *buildWatch) notice(b ipc.Notice) {
	hint := ""
	if b.Hint != "" {
		hint = " (" + b.Hint + ")"
	}
	w.app.printf("%s: %s%s\n", b.Level, b.Message, hint)
}

func forWhat(targets, files []string) string {
	if what := strings.Join(slices.Concat(targets, files), ", "); what != "" {
		return " for " + what
	}
	return ""
}

func expected(seconds float64) string {
	if seconds <= 0 {
		return ""
	}
	return fmt.Sprintf(", expected to take %.1fs", seconds)
}
