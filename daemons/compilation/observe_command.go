package compilation

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/preload"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// stepShell is the program for which the tracer of commands is built: one that every
// system has, and that can be asked for its version. Most programs that commands run need
// the same object; of the others nothing is seen.
const stepShell = "/bin/sh"

// byDeclaration is how the inputs of a command are known if nothing can be traced.
const byDeclaration = "declared inputs"

// commandTracker observes commands of the plan by a trace. All of their programs are
// foreign. If not all was seen, or if the result depends on more than what was read, it is
// not stored; the inputs are those that are declared and those that were seen.
type commandTracker struct{ tracers *tracers }

func (d *commandTracker) track(ctx context.Context, t *process.Task, about *subject) (tracking, error) {
	if about.command.untraced {
		return &untracedCommand{way: byTrace, why: "one of its programs cannot be traced"}, nil
	}
	lib, err := d.tracers.library(ctx, stepShell, t.Env)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return &untracedCommand{way: byDeclaration, why: "what it reads cannot be seen: " + err.Error()}, nil
	}
	trace, err := preload.NewTrace()
	if err != nil {
		return &untracedCommand{way: byDeclaration, why: "what it reads cannot be seen: " + err.Error()}, nil
	}
	lib = lib.For(t.Args[0])
	t.Env, t.Starter = lib.Env(t.Env, trace), lib.Starter(trace)
	return &commandTracking{traceTracking{tracers: d.tracers, about: about, trace: trace, exe: stepShell, library: lib.Path}}, nil
}

// untracedCommand is that of a command that was not traced.
type untracedCommand struct{ way, why string }

func (*untracedCommand) rejected(process.Outcome) bool { return false }
func (*untracedCommand) close()                        {}
func (b *untracedCommand) collect(context.Context) (*observation, error) {
	return &observation{way: b.way, uncacheable: b.why}, nil
}

type commandTracking struct{ traceTracking }

func (w *commandTracking) close() { _ = w.trace.Close() }

// rejected reports whether the loader or a sanitizer's runtime complained. The command runs
// again without the tracer.
func (w *commandTracking) rejected(o process.Outcome) bool {
	if !complains(o, w.library) {
		return false
	}
	w.about.command.untraced = true
	return true
}

func (w *commandTracking) collect(context.Context) (*observation, error) {
	o := w.tracers.reader(w.about.view.Root).Observe(w.trace, w.about.outputs, nil)
	seen := &observation{way: byTrace}
	if w.about.command.isOurs() {
		seen.uncacheable = cmp.Or(o.WhyNot, ownOutput(o, w.about.outputs), ownState(o))
	} else {
		seen.uncacheable = cmp.Or(o.WhyNot, w.onceOnly(o), ownState(o))
	}
	w.dropOwnState(&o)
	w.dropMachinery(&o)
	w.translate(o, seen)
	if !w.about.command.isOurs() {
		w.addMadeNames(o, seen)
	}
	return seen, nil
}

// ownOutput says that a result depends on what was in an output before.
func ownOutput(o preload.Observation, outputs []string) string {
	if len(o.OwnRead) > 0 {
		return "it reads its own output " + o.OwnRead[0]
	}
	for _, out := range outputs {
		switch one, known := o.Writes[out]; {
		case !known:
		case one.Declared:
			return "it left " + out + " as it was"
		case one.Updated:
			return "it adds to " + out
		}
	}
	return ""
}

// dropOwnState leaves out what a command keeps from one run to the next: it is another
// content after each run. If not all was seen, what has changed may be of that kind.
func (w *commandTracking) dropOwnState(o *preload.Observation) {
	v := w.about.view
	o.Read = slices.DeleteFunc(o.Read, func(p string) bool {
		if slices.Contains(o.Written, p) {
			return true
		}
		abs := v.Abs(p)
		return !o.Complete && v.Disks.Latest(abs, ipc.StatSignature(abs)) >= w.about.since
	})
}

// dropMachinery leaves out what is never an input: compiled Python, whose source
// counts, profiles, git's index, our own state, and the caches of compilers.
func (w *commandTracking) dropMachinery(o *preload.Observation) {
	caches := compilerCaches(w.about.env, w.about.view.Root)
	never := func(p string) bool {
		return isMachinery(p) || slices.ContainsFunc(caches, func(dir string) bool {
			return p == dir || strings.HasPrefix(p, dir+"/")
		})
	}
	for i, p := range o.Read {
		o.Read[i] = pythonSource(p)
	}
	for _, list := range []*[]string{&o.Read, &o.Seen, &o.Folders, &o.Listed, &o.Links, &o.Missed} {
		*list = slices.DeleteFunc(*list, never)
	}
	o.Asked = slices.DeleteFunc(o.Asked, func(a preload.Asked) bool { return never(a.Path) })
}

// compilerCaches are folders in which compilers and their wrappers keep results.
func compilerCaches(env []string, root string) (dirs []string) {
	if home := ipc.EnvValue(env, "HOME"); home != "" && home != "/" {
		dirs = append(dirs, home+"/.cache", home+"/.ccache")
	}
	for _, name := range []string{"XDG_CACHE_HOME", "CCACHE_DIR", "SCCACHE_DIR", "CLANG_MODULE_CACHE_PATH"} {
		if dir := ipc.EnvValue(env, name); filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	for i, dir := range dirs {
		dirs[i] = snapshot.Spell(root, path.Clean(dir))
	}
	return dirs
}

// pythonSource is the source of a file that Python keeps in compiled form beside it, and
// reads instead.
func pythonSource(file string) string {
	dir, name := path.Split(file)
	module, _, compiled := strings.Cut(name, ".")
	if !compiled || path.Base(dir) != "__pycache__" {
		return file
	}
	return snapshot.Join(path.Dir(path.Clean(dir)), module+".py")
}

// timeless are programs that ask about the files that they are given and whose results do
// not depend on the times of these.
var timeless = map[string]bool{"cp": true, "mv": true, "install": true, "ln": true, "mkdir": true, "rm": true, "rmdir": true, "chmod": true, "touch": true}

// askedMatch is the fact that counts of a file that programs asked about, "" for none: what
// lies beneath the build folder has other times after each restoring.
func (w *traceTracking) askedMatch(a preload.Asked) string {
	if a.Allowed {
		return snapshot.ModeOnly
	}
	if w.about.command == nil {
		return snapshot.ModeAndTime
	}
	if dir := strings.TrimSuffix(w.about.buildDir, "/"); dir != "" && (a.Path == dir || strings.HasPrefix(a.Path, dir+"/")) ||
		!w.about.command.isOurs() && filepath.IsLocal(a.Path) {
		return ""
	}
	if w.about.command.reuse == ipc.ReuseStored {
		return snapshot.ModeOnly // a program that is pure makes the same of a file of another time
	}
	if w.about.view.Signature(a.Path).IsDir() {
		return snapshot.ModeOnly // a program that needs the names in it lists them
	}
	for _, program := range a.Programs {
		if !timeless[path.Base(program)] {
			return snapshot.ModeAndTime
		}
	}
	return snapshot.ModeOnly
}
