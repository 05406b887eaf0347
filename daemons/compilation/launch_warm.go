package compilation

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/driverline"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/internal/caller"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/ipc"
)

// A launched compile that is no hit runs here, in a fork of a clang that is resident, if its object
// cannot depend on the names of its outputs, and if the client may use of the machine what this
// service may: a fork needs no dynamic linking. The fork writes temporary files beside the outputs,
// and the client renames them as those of a hit. So there is still one writer of each
// output, whatever becomes of service or client. What fails here, or prints to a terminal, is run by
// the client once more, and says it in its own way.

// clangName is the name of a program that is worth keeping resident; of gcc that would be the
// driver alone.
var clangName = lazyregexp.New(`^clang(\+\+)?(-[0-9.]+)?$`)

// runWarm runs the command in a resident compiler. ok is false if the client has to run it.
func (l *launch) runWarm(ctx context.Context, lib preload.Library) (answer ipc.LaunchAnswer, ok bool) {
	if l.s.warm == nil || l.req.PID == 0 || !clangName().MatchString(filepath.Base(l.req.Program)) {
		return answer, false
	}
	if l.s.launches.isInVain(l.req.Program) || l.unfitUnnamed() != "" {
		return answer, false
	}
	own, ok := l.withTemporaries()
	if !ok {
		return answer, false
	}
	settings := caller.Of(l.req.PID)
	if settings == nil || !caller.SameShare(l.req.PID) {
		return answer, false
	}
	task := process.Task{
		Program: l.req.Program, Args: own.req.Args, Dir: l.root, Env: l.req.Env, Caller: settings, Library: &lib, Resident: true,
	}
	if !l.s.warm.Ready(task) {
		return answer, false
	}
	m, why := own.prepareMiss(ctx, lib)
	if why != "" {
		return answer, false
	}
	m.preamble = l.preamble(true)
	defer m.preamble.leave(l.s.preambles)
	task.Args = append(task.Args, m.preamble.args()...)
	task.Starter, task.Env = lib.Starter(m.trace), lib.Env(l.req.Env, m.trace)
	outcome, ok, err := l.s.warm.Fork(ctx, task, nil)
	if ok && err == nil {
		if answer, ok = m.deliver(ctx, outcome, l); ok {
			return answer, true
		}
	}
	m.Close()
	own.removeOutputs()
	return answer, false
}

// unfitUnnamed is [launch.unfitOutputs] for the outputs that no argument names, too.
func (l *launch) unfitUnnamed() (why string) {
	for _, out := range []string{l.unnamed.Object, l.unnamed.Depfile} {
		if out != "" {
			why = cmp.Or(why, l.unfitOutput(l.view.Abs(out)))
		}
	}
	return why
}

// withTemporaries is the same compile with temporary outputs. ok is false if that may make
// another object, dependency file or message.
func (l *launch) withTemporaries() (*launch, bool) {
	u := l.unnamed
	inParts := slices.ContainsFunc(u.Args, func(a string) bool { return strings.HasPrefix(a, "-Wp,") })
	if u.Object == "" || inParts || u.Depfile != "" && u.Target == "" {
		return nil, false
	}
	if isTemporary(u.Object) || isTemporary(u.Depfile) {
		return nil, false // no name beside it would be another
	}
	object := l.view.Abs(u.Object)
	temporary := besideOutput(object, filepath.Ext(object))
	args := slices.Concat(l.req.Args[:1], u.Args, []string{"-o", temporary})
	if u.Depfile != "" {
		args = append(args, "-MF", besideOutput(l.view.Abs(u.Depfile), ".d"), "-MT", u.Target)
	}
	own := *l
	own.req.Args = args
	var why string
	if own.line, why = driverline.Read(l.req.Dir, args[1:]); why != "" {
		return nil, false
	}
	own.unnamed, _ = driverline.ReadUnnamed(l.req.Dir, args[1:])
	return &own, own.unnamed.Object == temporary
}

// deliver makes the answer of what a resident made, and ok is false if it cannot be used.
func (m *missed) deliver(ctx context.Context, o process.Outcome, asked *launch) (answer ipc.LaunchAnswer, ok bool) {
	const terminal = 2 // of [ipc.LaunchRequest.Terminals]: standard error
	if m.preamble.failed(m.s.preambles, o, m.launch) != "" || !o.OK() || o.Cut {
		return answer, false
	}
	printed := m.preamble.diagnostics(o.Output)
	if printed != "" && asked.req.Terminals&terminal != 0 {
		return answer, false
	}
	end := ipc.LaunchEnd{Seconds: o.Seconds, CPU: o.CPU, Peak: o.Peak, Stderr: []byte(printed)}
	store, why := m.finish(ctx, end)
	if m.unnamedOutputs(end.Stderr) == nil || why != "" && !m.sawFiles() {
		return answer, false
	}
	m.s.store.Miss(m.missReason())
	answer = ipc.LaunchAnswer{Kind: ipc.LaunchHit, Made: true, Why: m.preamble.why(asked.whyMissed()), Stderr: end.Stderr}
	if asked.unnamed.Depfile != "" {
		answer.Files = append(answer.Files, ipc.LaunchFile{Temporary: m.unnamed.Depfile, Path: asked.view.Abs(asked.unnamed.Depfile)})
	}
	// The object last: make takes it for the sign that all is there.
	answer.Files = append(answer.Files, ipc.LaunchFile{Temporary: m.unnamed.Object, Path: asked.view.Abs(asked.unnamed.Object)})
	answer.Stored = func() {
		if store != nil {
			store()
		}
		m.s.launches.noteEnd(asked.req, end, why)
		m.Close()
	}
	return answer, true
}

// sawFiles reports whether all that was read are files: /dev/stdin, and what leads there, is
// another one for the client.
func (m *missed) sawFiles() bool {
	return m.seen != nil && !slices.ContainsFunc(m.seen.files, func(p string) bool { return !m.view.Signature(p).IsRegular() })
}

// removeOutputs removes what a compile that is not used has made: its outputs, and what is named
// after them.
func (l *launch) removeOutputs() {
	for _, out := range l.line.Outputs {
		removeNamedAfter(l.view.Abs(out))
	}
}
