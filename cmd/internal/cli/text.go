package cli

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxCachedLines is how many cached files are named one a line; more become one
// line that counts them.
const maxCachedLines = 10

// textReporter prints the specification's lines.
type textReporter struct {
	app      *app
	verbose  bool
	progress *progress
	started  bool
	cached   []string // names of cached files not printed yet
	counted  int      // cached files, printed or not, named or not
	hits     int      // those that the cache delivered
	targets  int
	failures []string
	finished *ipc.BuildFinished
}

func (r *textReporter) event(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.BuildPlanned:
		r.targets = b.Targets
	case ipc.UnitsCached:
		r.cached = append(r.cached, b.Files...)
		r.counted += b.Count
	case ipc.UnitFinished:
		if b.Status == ipc.StatusCached {
			r.cached = append(r.cached, b.File)
			r.counted++
			r.hits++
		}
	}
	r.progress.event(e)
	r.line(e)
	r.progress.draw()
}

// line prints what e is worth as lines that stay.
func (r *textReporter) line(e ipc.Event) {
	switch b := e.Body.(type) {
	case ipc.BuildQueued:
		r.print("   Waiting for another build (position %d)...", b.Position)
	case ipc.BuildStarted:
		r.header(b)
	case ipc.StepFinished:
		r.step(b)
	case ipc.UnitFinished:
		r.unit(b)
	case ipc.LinkFinished:
		r.link(b)
	case ipc.Notice:
		r.notice(b)
	case ipc.BuildFinished:
		r.flushCached()
		r.finished = &b
	}
}

// header is printed once, also when another process takes over in mid-build.
func (r *textReporter) header(b ipc.BuildStarted) {
	if r.started {
		return
	}
	r.started = true
	if b.Daemons {
		r.print("🔨 Compiling with daemon system...")
		return
	}
	r.print("🔨 Compiling without daemons...")
}

// flushCached prints the cached files that have not been printed.
func (r *textReporter) flushCached() {
	if r.counted == 0 {
		return
	}
	if r.counted > maxCachedLines || len(r.cached) < r.counted {
		r.print("   Using cached %s ✅", words.Plural(r.counted, "file"))
	} else {
		for _, f := range r.cached {
			r.print("   Using cached %s ✅", f)
		}
	}
	r.cached, r.counted = nil, 0
}

func (r *textReporter) unit(b ipc.UnitFinished) {
	if b.Status == ipc.StatusCached {
		r.diagnostics(b.Diagnostics)
		return
	}
	r.flushCached()
	verb := "Compiling"
	if b.Seen {
		verb = "Recompiling"
	}
	switch b.Status {
	case ipc.StatusCompiled:
		r.print("   %s %s... %s%s", verb, b.File, seconds(b.Seconds), r.why(b.Reason))
	case ipc.StatusFailed:
		r.print("   %s %s... %s", verb, b.File, style(r.app.Stdout, red, "failed"))
		r.failures = append(r.failures, b.File)
		if b.Diagnostics == "" || b.Reason.Code == ipc.ReasonTimeout {
			r.print("   %s: %s", b.File, b.Reason.Text)
		}
	case ipc.StatusSkipped:
		r.print("   Skipping %s (%s)", b.File, b.Reason.Text)
	}
	r.diagnostics(b.Diagnostics)
}

func (r *textReporter) why(reason ipc.Reason) string {
	if !r.verbose || reason.Text == "" {
		return ""
	}
	return " (" + reason.Text + ")"
}

func (r *textReporter) step(b ipc.StepFinished) {
	name := strings.TrimPrefix(b.Step, "step:")
	switch b.Status {
	case ipc.StatusCompiled:
		r.print("   Generating %s... %s%s", name, seconds(b.Seconds), r.why(b.Reason))
	case ipc.StatusFailed:
		r.print("   Generating %s... %s", name, style(r.app.Stdout, red, "failed"))
		r.failures = append(r.failures, name)
		if b.Diagnostics == "" {
			r.print("   %s: %s", name, b.Reason.Text)
		}
	}
	r.diagnostics(b.Diagnostics)
}

// link prints the specification's "Linking... 0.5s"; with several targets the line
// names the one.
func (r *textReporter) link(b ipc.LinkFinished) {
	r.flushCached()
	name := ""
	if r.targets > 1 {
		name = " " + b.Target
	}
	switch b.Status {
	case ipc.StatusCompiled:
		r.print("   Linking%s... %s%s", name, seconds(b.Seconds), r.why(b.Reason))
	case ipc.StatusCached:
		r.print("   Using cached %s ✅", b.Output)
	case ipc.StatusFailed:
		r.print("   Linking%s... %s", name, style(r.app.Stdout, red, "failed"))
		r.failures = append(r.failures, b.Output)
		if b.Diagnostics == "" {
			r.print("   %s: %s", b.Output, b.Reason.Text)
		}
	case ipc.StatusSkipped:
		r.print("   Skipping %s (%s)", b.Output, b.Reason.Text)
	}
	r.diagnostics(b.Diagnostics)
}

func (r *textReporter) notice(b ipc.Notice) {
	mark := "ℹ️"
	if b.Level != "info" {
		mark = "⚠️"
	}
	r.print("%s  %s", mark, b.Message)
	if b.Hint != "" {
		r.print("   %s", b.Hint)
	}
}

// diagnostics prints what a compiler said, in its colours on a terminal.
func (r *textReporter) diagnostics(text string) {
	if text == "" {
		return
	}
	r.progress.clear()
	fmt.Fprint(r.app.Stdout, strings.TrimRight(text, "\n")+"\n")
}

func (r *textReporter) print(format string, args ...any) {
	r.progress.clear()
	r.app.printf(format+"\n", args...)
}

func (r *textReporter) done(result replibuild.Result, err error, detached bool) {
	r.progress.clear()
	switch {
	case err != nil:
	case detached:
		r.print("🔨 Building in the background (build %s); `replibuild status` and `replibuild history` tell more", result.Build)
	case result.Success:
		r.print("✅ Complete (%s)%s", seconds(result.Seconds), cachedShare(result.Counts))
	case result.Cancelled:
		r.print("🚫 Cancelled (%s): %s", seconds(result.Seconds), r.summary(result))
	default:
		r.print("❌ Failed (%s): %s", seconds(result.Seconds), r.summary(result))
	}
}

// cachedShare is " [50% cached]", or nothing when nothing was cached or there are
// no units.
func cachedShare(c ipc.Counts) string {
	if c.Cached == 0 || c.Total() == 0 {
		return ""
	}
	return fmt.Sprintf(" [%d%% cached]", 100*c.Cached/c.Total())
}

// summary is the one line that ends a failed build.
func (r *textReporter) summary(result replibuild.Result) string {
	s := words.Outcome(result.Counts, r.hits)
	switch {
	case len(r.failures) > 3:
		s += fmt.Sprintf("; first: %s", strings.Join(r.failures[:3], ", "))
	case len(r.failures) > 0:
		s += "; see " + strings.Join(r.failures, ", ")
	case result.Detail != "":
		s += "; " + result.Detail
	}
	return strings.TrimPrefix(s, "; ")
}
