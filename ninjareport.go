package replibuild

import (
	"cmp"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/orchestrator"
	"github.com/RepliBuild/replibuild/daemons/setup/ninjabuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// NinjaReport turns what `replibuild ninja` does into the events of a build, and into a line
// of the history of the build folder's set. It is a [ninjabuild.Listener] for one build.
//
// Of a build that ran nothing, or that is a trial of CMake's, nothing is written.
type NinjaReport struct {
	options NinjaReportOptions
	began   time.Time

	root     string           // the build folder, "" before the plan
	started  ipc.BuildStarted // without a Root: it was not sent yet
	failures []string
	links    int
	stopped  string
	record   ipc.BuildRecord

	announcer *announcer // nil: the build is not shown while it runs
}

// NinjaReportOptions says where a report goes.
type NinjaReportOptions struct {
	Env     []string        // of the caller; nil = os.Environ()
	Dir     string          // the build folder; "" = told by the plan
	Trigger string          // ipc.TriggerCommand if ""
	Trace   bool            // with events that tell where the time went
	OnEvent func(ipc.Event) // called in order, never concurrently; may be nil
	Build   string          // ID of the build; "" = a new one
	Targets []string        // that were asked for
	Cancel  func()          // asks the build to stop, for the dashboard; may be nil
	// MakeSet lets the history begin in a folder that has no set yet. Without it a build
	// leaves nothing but ninja's files in a folder in which we never compiled.
	MakeSet bool
}

var _ ninjabuild.Listener = (*NinjaReport)(nil)

// NewNinjaReport makes a report of a build that begins now. End must be called.
func NewNinjaReport(o NinjaReportOptions) *NinjaReport {
	if o.Trigger == "" {
		o.Trigger = ipc.TriggerCommand
	}
	if o.OnEvent == nil {
		o.OnEvent = func(ipc.Event) {}
	}
	now := time.Now()
	id := now.UTC().Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:8])
	r := &NinjaReport{options: o, began: now, record: ipc.BuildRecord{Build: cmp.Or(o.Build, id), Started: now, Trigger: o.Trigger}}
	if o.Dir != "" {
		r.setRoot(o.Dir)
	}
	return r
}

// setRoot notes the build folder, with symlinks resolved: paths in events are relative to it.
func (r *NinjaReport) setRoot(dir string) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return
	}
	r.root = root
	if canonical, err := filepath.EvalSymlinks(root); err == nil {
		r.root = canonical
	}
}

func (r *NinjaReport) send(body ipc.EventBody) {
	e := ipc.NewEvent(r.record.Build, body)
	r.options.OnEvent(e)
	if r.announcer != nil {
		r.announcer.add(e)
	}
}

// announce shows the build in the orchestrator of the folder, once.
func (r *NinjaReport) announce() {
	if r.announcer != nil || forTrial(r.root) || !r.daemons() {
		return
	}
	p, err := OpenBuildFolder(r.root, Options{Env: r.options.Env})
	if err != nil {
		return
	}
	r.announcer = newAnnouncer(p, ipc.AnnounceRequest{Build: r.record.Build, Trigger: r.options.Trigger, Targets: r.options.Targets}, r.options.Cancel)
	r.announcer.add(ipc.NewEvent(r.record.Build, r.started))
}

// begin sends the first event, once.
func (r *NinjaReport) begin() {
	if r.started.Root == "" {
		r.started = ipc.BuildStarted{Project: filepath.Base(r.root), Root: r.root, Trigger: r.options.Trigger, Daemons: r.daemons(), Targets: r.options.Targets}
		r.send(r.started)
	}
}

// daemons reports whether the build may use daemons.
func (r *NinjaReport) daemons() bool {
	return !(&Project{env: r.options.Env}).InCI()
}

// Planned implements [ninjabuild.Listener].
func (r *NinjaReport) Planned(dir string, edges []ninjabuild.Edge, upToDate int) {
	r.setRoot(dir)
	r.begin()
	if len(edges) > 0 {
		r.announce()
	}
	r.phase("plan", r.began)
	planned := ipc.BuildPlanned{Units: upToDate}
	for _, e := range edges {
		switch e.Kind {
		case ipc.ActionCompile:
			planned.Units++
			planned.Dirty++
			planned.Nodes = append(planned.Nodes, edgeID(r.root, e))
		case ipc.ActionLink:
			planned.Targets++
		}
	}
	r.send(planned)
	r.record.Cached += upToDate
	if upToDate > 0 {
		r.send(ipc.UnitsCached{Count: upToDate})
	}
}

// Notice sends what users should know of the build. It must be called before End.
func (r *NinjaReport) Notice(n ipc.Notice) {
	r.begin()
	r.send(n)
}

// phase sends how long a part of the build took, if the build is traced.
func (r *NinjaReport) phase(name string, start time.Time) {
	if r.options.Trace {
		r.send(ipc.BuildPhase{Phase: name, Start: start, Seconds: time.Since(start).Seconds()})
	}
}

// file is a path of the manifest relative to the build folder, or absolute outside of it.
func (r *NinjaReport) file(path string) string { return ninjabuild.FileName(r.root, path) }

// edgeID is the ID of an edge in events and in the history.
func edgeID(root string, e ninjabuild.Edge) string {
	switch e.Kind {
	case ipc.ActionCompile:
		return e.Target + ":" + ninjabuild.FileName(root, e.Source)
	case ipc.ActionLink:
		return ipc.LinkID(e.Target)
	}
	return "step:" + e.Name
}

// Started implements [ninjabuild.Listener].
func (r *NinjaReport) Started(e ninjabuild.Edge) {
	switch e.Kind {
	case ipc.ActionCompile:
		r.send(ipc.UnitStarted{File: r.file(e.Source), Target: e.Target, Seen: e.Seen, Expected: e.Expected.Seconds()})
	case ipc.ActionLink:
		r.send(ipc.LinkStarted{Target: e.Target, Output: e.Output})
	default:
		r.send(ipc.StepStarted{Step: edgeID(r.root, e), Expected: e.Expected.Seconds()})
	}
}

// Finished implements [ninjabuild.Listener].
func (r *NinjaReport) Finished(e ninjabuild.Edge, took time.Duration, result ninjabuild.Result) {
	u := r.unitRecord(e, took, result)
	r.record.Units = append(r.record.Units, u)
	text := string(result.Output)
	var command []string
	if u.Status == ipc.StatusFailed {
		r.failures = append(r.failures, e.Output)
		command = []string{e.Line}
	}
	var spans []ipc.Span
	if r.options.Trace {
		spans = []ipc.Span{{Name: ipc.SpanRun, Start: time.Now().Add(-took), Seconds: took.Seconds()}}
	}
	switch e.Kind {
	case ipc.ActionCompile:
		r.count(u)
		r.send(ipc.UnitFinished{File: u.File, Target: u.Target, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds, Seen: e.Seen,
			CPU: u.CPU, Peak: u.Peak, Bytes: u.Bytes, Saved: u.Saved, Diagnostics: text, Exit: result.Code, Command: command, Spans: spans})
	case ipc.ActionLink:
		if u.Status == ipc.StatusCompiled || u.Status == ipc.StatusFailed {
			r.links++
		}
		r.send(ipc.LinkFinished{Target: u.Target, Output: e.Output, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds,
			Bytes: u.Bytes, Diagnostics: text, Command: command, Spans: spans})
	default:
		r.send(ipc.StepFinished{Step: u.ID, Status: u.Status, Reason: u.Reason, Seconds: u.Seconds, Changed: u.Status == ipc.StatusCompiled, Diagnostics: text})
	}
}

// unitRecord is what the history keeps of an edge.
func (r *NinjaReport) unitRecord(e ninjabuild.Edge, took time.Duration, result ninjabuild.Result) ipc.UnitRecord {
	u := ipc.UnitRecord{ID: edgeID(r.root, e), Target: e.Target, Status: ipc.StatusCompiled, Reason: e.Reason, Seconds: took.Seconds()}
	if e.Kind == ipc.ActionCompile {
		u.File = r.file(e.Source)
	}
	if s := result.Service; s != nil {
		u.Status, u.CPU, u.Peak, u.Bytes, u.Saved = s.Status, s.CPU, s.Peak, s.Bytes, s.Saved
		u.Reason.Preamble = s.Reason.Preamble
	}
	switch {
	case result.Interrupted:
		u.Status, u.Reason = ipc.StatusSkipped, words.BuildCancelled()
	case result.Code != 0 || result.Err != nil:
		u.Status = ipc.StatusFailed
	case u.Status == ipc.StatusCached && result.Service.Reason.Tier != "":
		u.Reason = result.Service.Reason
	case u.Status == ipc.StatusCached:
		u.Reason = words.FromCache(&e.Reason)
	}
	return u
}

// count adds a compile to the numbers of the build.
func (r *NinjaReport) count(u ipc.UnitRecord) {
	switch u.Status {
	case ipc.StatusCompiled:
		r.record.Compiled++
	case ipc.StatusCached:
		r.record.Cached++
		r.record.Hits++
	case ipc.StatusFailed:
		r.record.Failed++
	case ipc.StatusSkipped:
		r.record.Skipped++
	}
}

// Stopped implements [ninjabuild.Listener].
func (r *NinjaReport) Stopped(why string) { r.stopped = why }

// End ends the report with the exit code of ninja, and writes the history.
func (r *NinjaReport) End(code int) error {
	r.begin() // of a build with nothing to do, or with a manifest that cannot be read
	b := &r.record
	b.Seconds = time.Since(r.began).Seconds()
	b.Success, b.Cancelled, b.Detail = code == 0, code == exitInterrupted, r.detail(code)
	r.phase("make", r.began)
	err := r.writeHistory() // before the end is told: who hears of it may ask for the history
	r.send(ipc.BuildFinished{OK: b.Success, Counts: b.Counts, Links: r.links, Seconds: b.Seconds, Cancelled: b.Cancelled, Detail: b.Detail})
	if r.announcer != nil {
		r.announcer.close()
	}
	return err
}

// writeHistory appends the build to the history of the set.
func (r *NinjaReport) writeHistory() error {
	b := &r.record
	if len(b.Units) == 0 || forTrial(r.root) {
		return nil
	}
	p, err := OpenBuildFolder(r.root, Options{Env: r.options.Env})
	if err != nil {
		return err
	}
	if _, err := os.Stat(p.paths.StateDir()); err != nil && !r.options.MakeSet {
		return nil
	}
	b.AddTiers()
	return orchestrator.AppendHistory(p.paths.StateDir(), p.Root(), *b)
}

// exitInterrupted is ninja's exit code after an interrupt.
const exitInterrupted = 130

// detail says in one line why a build did not succeed.
func (r *NinjaReport) detail(code int) string {
	switch {
	case code == 0:
		return ""
	case len(r.failures) > 0:
		return r.failures[0] + " failed"
	}
	return r.stopped
}
