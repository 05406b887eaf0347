package ninjabuild

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// Listener is told what a build does, one call after the other. It must not block: the
// build waits for it.
type Listener interface {
	// Planned comes before the first edge, and again if the manifest was rebuilt first: dir
	// is the build folder, edges have to run, and upToDate compiles have not.
	Planned(dir string, edges []Edge, upToDate int)
	// Started and Finished come once for each edge that runs; took is the time between.
	Started(Edge)
	Finished(e Edge, took time.Duration, r Result)
	// Stopped says why a build did not come to its end, or could not begin.
	Stopped(why string)
}

// Edge is an edge as people know it.
type Edge struct {
	Kind     string // ipc.ActionCompile, ipc.ActionLink or ipc.ActionCommand
	Source   string // of a compile, as the manifest spells it
	Target   string // by the name that CMake or Meson gives it; else the first output
	Output   string // the first one
	Name     string // of a command: its description, else the first output
	Line     string // the command
	Expected time.Duration
	Seen     bool // it ran in an earlier build
	Reason   ipc.Reason
}

// describe makes an edge for a listener. Its reason is that of now, so it must be asked
// before the edge runs.
func (b *builder) describe(e *ninja.Edge) Edge {
	d := nameEdge(e)
	d.Line, d.Reason = e.Command(), b.reason(e)
	d.Expected, d.Seen = b.status.previous(e)
	return d
}

// nameEdge fills in what people call an edge.
func nameEdge(e *ninja.Edge) Edge {
	out := e.Outputs[0]
	d := Edge{Kind: kindOf(e), Output: out.Path}
	switch d.Kind {
	case ipc.ActionCompile:
		d.Source, d.Target = e.Inputs[0].Path, targetOfObject(out.Path)
	case ipc.ActionLink:
		d.Target = targetOf(out)
	default:
		d.Name = e.Binding("description")
		if d.Name == "" {
			d.Name = out.Path
		}
	}
	return d
}

// kindOf is the kind of action that an edge is for people.
func kindOf(e *ninja.Edge) string {
	switch {
	case compiles(e):
		return ipc.ActionCompile
	case strings.Contains(e.Rule.Name, "_LINKER"): // the rules of CMake and Meson
		return ipc.ActionLink
	}
	return ipc.ActionCommand
}

// compiles reports whether an edge makes an object of a source in C or C++.
func compiles(e *ninja.Edge) bool {
	ext := path.Ext(e.Outputs[0].Path)
	return (ext == ".o" || ext == ".obj") && len(e.Inputs) > 0 && isSource(e.Inputs[0].Path)
}

// targetOfObject is the target to whose folder an object belongs: CMake has NAME.dir,
// Meson NAME.p. An object elsewhere is its own target.
func targetOfObject(object string) string {
	for dir := path.Dir(object); dir != "." && dir != "/"; dir = path.Dir(dir) {
		for _, suffix := range []string{".dir", ".p"} {
			if name, is := strings.CutSuffix(path.Base(dir), suffix); is {
				return name
			}
		}
	}
	return object
}

// reason says why an edge has to run, by what the scan found.
func (b *builder) reason(e *ninja.Edge) ipc.Reason {
	for _, o := range e.Outputs {
		entry := b.log.Lookup(o.Path)
		switch {
		case entry == nil && !b.node(o).exists:
			return words.Never("built")
		case entry == nil:
			return words.NoRecord()
		case !b.node(o).exists:
			return words.Output(o.Path, words.OutputMissing)
		case !e.Is("generator") && b.log.HashCommand(e.HashedCommand()) != entry.Hash:
			return ipc.Reason{Code: ipc.ReasonFlags, Text: "the command changed"}
		}
		for i, in := range e.Inputs {
			if e.IsOrderOnly(i) {
				continue
			}
			if n := b.node(in); n.dirty || n.mtime > entry.Mtime {
				return words.Cause(ipc.Cause{Path: in.Path})
			}
		}
		if b.doubts != nil {
			if why := b.doubts(o.Path); why.Text != "" {
				return why
			}
		}
	}
	return words.NoRecord()
}

// tellPlan tells the listener what is to be done.
func (b *builder) tellPlan() {
	if b.listener == nil || b.opts.dryRun {
		return
	}
	var edges []Edge
	for _, e := range b.planned {
		if !e.IsPhony() && b.edge(e).want != wantNothing {
			edges = append(edges, b.describe(e))
		}
	}
	b.listener.Planned(b.disk.dir, edges, b.upToDate())
}

// upToDate counts the compiles that the targets need and that have not to run.
func (b *builder) upToDate() (n int) {
	seen := make(map[*ninja.Edge]bool)
	next := slices.Clone(b.targets)
	for len(next) > 0 {
		e := next[len(next)-1].In
		next = next[:len(next)-1]
		if e == nil || seen[e] {
			continue
		}
		seen[e] = true
		next = append(next, e.Inputs...)
		if want := b.edge(e).want; compiles(e) && (want == notPlanned || want == wantNothing) {
			n++
		}
	}
	return n
}

// describeRun keeps the description of an edge that is about to run.
func (b *builder) describeRun(e *ninja.Edge, r *run) {
	if b.listener != nil && !b.opts.dryRun {
		r.told = b.describe(e)
	}
}

// tellStart tells the listener that an edge starts.
func (b *builder) tellStart(r *run) {
	if b.listener != nil && !b.opts.dryRun {
		b.listener.Started(r.told)
	}
}

// tellEnd tells the listener how an edge ended.
func (b *builder) tellEnd(r *run, end time.Duration, result Result) {
	if b.listener != nil && !b.opts.dryRun {
		b.listener.Finished(r.told, end-r.start, result)
	}
}

// tellStop tells the listener why the build stops.
func (m *program) tellStop(err error) {
	if m.Listener != nil && err != nil {
		m.Listener.Stopped(err.Error())
	}
}

// abandoned tells the listener of edges that were ended.
func (b *builder) abandoned() {
	now := time.Since(b.began)
	for _, r := range b.running {
		if r.asked {
			continue // it was not told of its start
		}
		b.tellEnd(r, now, Result{Code: exitInterrupted, Interrupted: true})
	}
}
