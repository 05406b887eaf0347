package compilation

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// whyMade says why an action runs its tool: what has changed since it was last made,
// and why the cache does not help.
func (w *work) whyMade(t *attempt) ipc.Reason {
	switch {
	case t.forced:
		return words.Forced()
	case t.missed != cache.Found && t.missed != cache.New:
		return w.goneReason(t)
	}
	r := w.whatChanged(t)
	if r.Code == ipc.ReasonOutput {
		if why := t.whyNotStored(); why != "" {
			return words.Uncacheable(r, why)
		}
	}
	return r
}

// whyNotStored says why the cache never had the output, "" if it may have had it.
func (t *attempt) whyNotStored() string {
	if t.never != "" || t.rec == nil {
		return t.never
	}
	return t.rec.Uncacheable
}

// goneReason is for what the cache once had.
func (w *work) goneReason(t *attempt) ipc.Reason {
	if what := w.whatChanged(t); what.Code != ipc.ReasonNew {
		return words.NotInCache(&what, string(t.missed))
	}
	return words.NotInCache(nil, string(t.missed))
}

// hitReason is for what the cache has, with the path that made it be asked.
func (w *work) hitReason(t *attempt) ipc.Reason {
	if what := w.whatChanged(t); what.Code != ipc.ReasonNew {
		return words.FromCache(&what)
	}
	return words.FromCache(nil)
}

// whatChanged compares what is there with the record, or without one with the
// nearest set that the cache knows.
func (w *work) whatChanged(t *attempt) ipc.Reason {
	rec := t.rec
	if rec == nil {
		switch {
		case t.near != nil:
			return w.differenceReason(t.near)
		case len(t.causes) > 0:
			return words.Cause(t.causes[0])
		}
		return words.Never(t.recipe.verb())
	}
	if rec.Recipe != t.recipeID {
		if old := w.s.records.recipe(rec); old != nil {
			return compareRecipes(old, t.recipe)
		}
		return ipc.Reason{Code: ipc.ReasonFlags, Text: "the command changed"}
	}
	if d := w.view.Compare(rec.Set); d != nil {
		return w.differenceReason(d)
	}
	switch {
	case rec.Failed:
		return words.FailedBefore()
	case rec.Unsettled != "":
		return ipc.Reason{Code: ipc.ReasonInput, Text: rec.Unsettled}
	case rec.Mode == modePreamble && w.s.preambles.refuses(t.action) != "":
		return preambleReason(w.s.preambles.refuses(t.action))
	case t.exact && rec.Base != t.base:
		return w.listReason(t, rec)
	}
	return w.outputReason(t, rec)
}

// listReason says how what goes into an output is another list than before.
func (w *work) listReason(t *attempt, rec *record) ipc.Reason {
	now, before := t.tool("").also, make(map[string]bool)
	for _, f := range w.s.tables.Unpack(rec.Set).Files {
		before[f.Path] = true
		if strings.HasSuffix(f.Path, ".o") && !filepath.IsAbs(f.Path) && !slices.Contains(now, f.Path) {
			return words.LinkInputRemoved(f.Path)
		}
	}
	for _, p := range now {
		if !before[p] {
			return words.LinkInputAdded(p)
		}
	}
	return words.LinkInputsReordered()
}

// outputReason says what is wrong with outputs whose inputs are unchanged.
func (w *work) outputReason(t *attempt, rec *record) ipc.Reason {
	path, wrong := t.outputs[0], words.OutputMissing
	for _, o := range rec.Outputs {
		sig := outputSignature(w.view.Abs(o.Path))
		if sig == o.Sig {
			continue
		}
		path, wrong = o.Path, words.OutputChanged
		if !sig.Exists() {
			wrong = words.OutputMissing
			if ipc.StatSignature(w.view.Abs(o.Path)).Exists() {
				wrong = words.OutputReplaced
			}
		}
		break
	}
	return words.Output(path, wrong)
}

func (w *work) differenceReason(d *snapshot.Difference) ipc.Reason {
	if d.Kind == ipc.CauseEnvironment {
		return words.Environment(environment.Difference(d.Path, d.Was, d.Is))
	}
	path := w.view.Tidy(d.Path)
	r := words.Cause(ipc.Cause{Kind: d.Kind, Path: path})
	r.Old, r.New = keyText(d.Old), keyText(d.New)
	return r
}

// compareRecipes says what is different in how an action is done.
func compareRecipes(old, new *recipe) ipc.Reason {
	switch {
	case old.Identity != new.Identity || first(old.Args) != first(new.Args):
		return compilerReason(old, new)
	case old.CPU != new.CPU:
		return ipc.Reason{Code: ipc.ReasonCompiler, Text: "the processor is another one, and the flags ask for code for this machine"}
	case !slices.Equal(old.Args, new.Args):
		return flagsReason(old.Args, new.Args)
	case old.Root != new.Root:
		return ipc.Reason{Code: ipc.ReasonFlags, Text: "the project was moved", Path: new.Root, Old: old.Root, New: new.Root}
	}
	return ipc.Reason{Code: ipc.ReasonFlags, Text: "the command changed"}
}

func compilerReason(old, new *recipe) ipc.Reason {
	r := ipc.Reason{Code: ipc.ReasonCompiler, Path: first(new.Args), Old: old.Version, New: new.Version}
	switch {
	case first(old.Args) != first(new.Args):
		r.Text = "the compiler is " + first(new.Args) + ", it was " + first(old.Args)
	case old.Version != new.Version:
		r.Text = "the compiler is " + new.Version + ", it was " + old.Version
	default:
		r.Text = "files of the compiler changed"
	}
	return r
}

func flagsReason(old, new []string) ipc.Reason {
	gone, come := without(old, new), without(new, old)
	r := ipc.Reason{Code: ipc.ReasonFlags, Path: first(append(slices.Clone(come), gone...)), Old: strings.Join(gone, " "), New: strings.Join(come, " ")}
	if name := sameMacro(gone, come); name != "" {
		r.Text = fmt.Sprintf("the define %s is %s, it was %s", name, macroValue(come[0]), macroValue(gone[0]))
		return r
	}
	switch {
	case len(gone) == 0 && len(come) == 0:
		r.Text = "the flags are in another order"
	case len(gone) == 0:
		r.Text = "flags added: " + r.New
	case len(come) == 0:
		r.Text = "flags removed: " + r.Old
	default:
		r.Text = "flags changed: " + r.Old + " became " + r.New
	}
	return r
}

// sameMacro names the macro whose definition is all that changed, "" if there
// is none.
func sameMacro(gone, come []string) string {
	if len(gone) != 1 || len(come) != 1 || !strings.HasPrefix(gone[0], "-D") || !strings.HasPrefix(come[0], "-D") {
		return ""
	}
	name, _, _ := strings.Cut(come[0][2:], "=")
	if old, _, _ := strings.Cut(gone[0][2:], "="); old != name {
		return ""
	}
	return name
}

// macroValue is what a -D gives its macro: 1 without a value.
func macroValue(flag string) string {
	if _, value, ok := strings.Cut(flag, "="); ok {
		return value
	}
	return "1"
}

// without returns what a has more of than b, in a's order.
func without(a, b []string) (rest []string) {
	count := make(map[string]int)
	for _, s := range b {
		count[s]++
	}
	for _, s := range a {
		if count[s]--; count[s] < 0 {
			rest = append(rest, s)
		}
	}
	return rest
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// doer names what runs, verb what it does.
func (r *recipe) doer() string {
	switch r.Kind {
	case "c", "c++":
		return "the compiler"
	case ipc.ActionArchive:
		return "the archiver"
	case ipc.ActionCommand:
		return "the command"
	}
	return "the linker"
}

func (r *recipe) verb() string {
	switch r.Kind {
	case "c", "c++":
		return "compiled"
	case ipc.ActionCommand:
		return "run"
	}
	return "linked" // an archive too
}

func cancelledReason(why error) ipc.Reason {
	r := words.BuildCancelled()
	if why != nil && !errors.Is(why, context.Canceled) {
		r.Text = why.Error()
	}
	return r
}
