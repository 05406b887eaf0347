package compilation

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// lookup asks the cache, in two steps: the base key leads to the sets of inputs
// known for it; the one that is what is there now leads to the entry. It delivers
// what it finds, and returns nil if it finds nothing.
func (w *work) lookup(ctx context.Context, t *attempt) *result {
	t.before = w.contentsOf(t.action, t.rec)
	if t.forced || t.never != "" || t.noBase != nil {
		return nil
	}
	t.looked = true
	w.s.writeback.await(ctx, t.base)
	if r := w.lookupRecord(ctx, t); r != nil {
		return r
	}
	for _, base := range w.s.preambles.bases(t.action, t.base) {
		if r := w.lookupBase(ctx, t, base); r != nil {
			return r
		}
	}
	if r := w.lookupTiers(ctx, t, false, nil); r != nil {
		return r
	}
	if t.missed == cache.Found && t.near == nil {
		t.missed = w.whyGone(t)
	}
	return nil
}

// lookupRecord looks for what the action made the last time, if everything that it read
// is what it was: no set has to be read for that.
func (w *work) lookupRecord(ctx context.Context, t *attempt) *result {
	rec := t.rec
	if rec == nil || rec.Action.IsZero() || rec.Recipe != t.recipeID || rec.Base != t.base ||
		rec.Mode != "" && w.s.preambles.refuses(t.action) != "" || w.view.Compare(rec.Set) != nil {
		return nil
	}
	w.s.store.Pin(w.pin, rec.Action)
	entry, _ := w.s.store.Get(rec.Action)
	if entry == nil || w.observedWorse(ctx, t.action, entry.Observed) || entry.Remote && w.distrusts {
		return nil // lookupBase finds out why, or another
	}
	r, err := w.deliver(ctx, t, entry, rec.Set)
	if err != nil {
		return nil
	}
	return r
}

// lookupBase is lookup for one way of making the output.
func (w *work) lookupBase(ctx context.Context, t *attempt, base cache.Digest) *result {
	for _, set := range w.s.store.InputSets(base) {
		known := snapshot.FromCache(set)
		if d := w.view.CompareSet(known); d != nil {
			if t.near == nil {
				t.near = d
			}
			continue
		}
		w.s.store.Pin(w.pin, set.Action)
		entry, why := w.s.store.Get(set.Action)
		if entry == nil {
			t.missed = why
			continue
		}
		if w.observedWorse(ctx, t.action, entry.Observed) || entry.Remote && w.distrusts {
			continue
		}
		r, err := w.deliver(ctx, t, entry, w.s.tables.Pack(known))
		if err == nil {
			// The set that matched is the one to try first next time.
			_ = w.s.store.AddInputSet(base, set)
			return r
		}
		if errors.Is(err, cache.ErrDamaged) {
			t.missed = cache.Damaged
			continue
		}
		return w.failed(t, process.Outcome{Exit: -1}, err.Error()+"\n")
	}
	return nil
}

// observedWorse reports whether the inputs of a result were found in a worse way than is
// possible now. Such a result is not used.
func (w *work) observedWorse(ctx context.Context, a *action, way string) bool {
	if way == byTrace {
		return false
	}
	t := a.tool("")
	_, err := w.s.tracers.library(ctx, cmp.Or(t.tracedAs, t.args[0]), w.env)
	return err == nil
}

// whyGone says what became of the entry that the record leads to, where the sets of
// inputs are gone with it: the cache was cleared, or deleted by hand.
func (w *work) whyGone(t *attempt) cache.MissReason {
	rec := t.rec
	if rec == nil || rec.Action.IsZero() || rec.Recipe != t.recipeID || rec.Base != t.base || w.view.Compare(rec.Set) != nil {
		return cache.Found
	}
	_, why := w.s.store.Get(rec.Action)
	return why
}

// deliver puts an entry's outputs in their places. It is an error if one of them is not to
// be had from the cache: outputs of one run belong together.
func (w *work) deliver(ctx context.Context, t *attempt, e *cache.Entry, set snapshot.PackedSet) (*result, error) {
	outputs, err := w.entryOutputs(t.action, e)
	if err != nil {
		return nil, err
	}
	reason := w.hitReason(t) // which looks at what the delivery replaces
	if t.writing != privately {
		unlock, err := w.lockOutputs(ctx, t.action, t.rec)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	rec := &record{
		Recipe: t.recipeID, Base: t.base, Action: e.Action, Set: set, Peak: e.Peak, Mode: e.Mode, Observed: e.Observed, Remote: e.Remote,
	}
	for _, o := range slices.Backward(outputs) { // the main one last
		if err := w.deliverOne(t, o); err != nil {
			return nil, err
		}
	}
	for i, o := range outputs {
		sig := outputSignature(w.view.Abs(o.path))
		w.s.digests.Trust(sig, o.Blob)
		w.view.Forget(o.path)
		rec.Outputs = append(rec.Outputs, outputRecord{Path: o.path, Sig: sig, Digest: o.Blob})
		if i >= len(t.outputs) {
			rec.Beside = append(rec.Beside, o.path)
		}
	}
	w.s.store.Hit(e.Seconds)
	w.mayAudit(t, e, set)
	w.removeLeft(t, rec)
	w.remember(t, rec)
	if t.share != nil {
		w.offer(t, e, w.s.tables.Unpack(set))
	}
	return &result{rec: rec, ActionResult: ipc.ActionResult{
		ID: t.id, Status: ipc.StatusCached, Changed: t.changed(func(i int) cache.Digest { return outputs[i].Blob }),
		Reason: reason, Key: e.Action.String(), Seconds: time.Since(t.begin).Seconds(), Peak: e.Peak,
		Bytes: outputs[0].Size, Saved: e.Seconds, Diagnostics: e.Diagnostics,
	}}, nil
}

// mayAudit has a delivered result checked, if it is its turn and it can be made elsewhere.
// Results of a server, and of a compile with a preamble, are checked even if the command also
// writes a dependency file: then the main output is made without that.
func (w *work) mayAudit(t *attempt, e *cache.Entry, set snapshot.PackedSet) {
	alone := t.audited && len(e.Outputs) == 1
	compile := t.compileElsewhere()
	if !alone && (!e.Remote && e.Mode != modePreamble || compile == nil) {
		return
	}
	w.s.auditor.hit(e.Remote, func() suspect {
		x := w.suspectOf(t.action, e, w.s.tables.Unpack(set))
		if !alone {
			x.args = func(output string) []string { return compile(nil, output) }
		}
		return x
	})
}

// compileElsewhere is [sharing.compile], also of a compile that is not shared; nil if there is none.
func (t *attempt) compileElsewhere() func(maps []string, output string) []string {
	switch {
	case t.share != nil:
		return t.share.compile
	case t.block != nil:
		return compileAt(t.block.compiler.tool, t.block.given)
	}
	return nil
}

// entryOutput is an output of an entry with the place that it belongs to.
type entryOutput struct {
	cache.Output
	path string
}

// entryOutputs are the declared outputs of an entry, then those beside them. A file that
// another action has written since is left out.
func (w *work) entryOutputs(a *action, e *cache.Entry) (out []entryOutput, err error) {
	for i, path := range a.outputs {
		o, ok := e.Output(declaredName(i))
		if !ok {
			return nil, cache.ErrDamaged
		}
		out = append(out, entryOutput{w.withPermissions(o), path})
	}
	for _, o := range e.Outputs {
		path, beside := besidePath(o.Name)
		if !beside {
			continue
		}
		if !w.isBeneath(path) {
			return nil, cache.ErrDamaged
		}
		if maker := w.s.records.maker(path); maker == "" || maker == a.id {
			out = append(out, entryOutput{w.withPermissions(o), path})
		}
	}
	return out, nil
}

// besidePrefix begins the names that entries have for files beside the declared outputs,
// which have their numbers for names.
const besidePrefix = "+"

func besidePath(name string) (path string, is bool) { return strings.CutPrefix(name, besidePrefix) }

func declaredName(i int) string { return strconv.Itoa(i) }

// deliverOne puts one output in its place, unless it is there.
func (w *work) deliverOne(t *attempt, o entryOutput) error {
	path := w.view.Abs(o.path)
	if w.contentOf(o.path, t.rec) == o.Blob && sameMode(path, o.Mode) {
		return nil
	}
	if err := w.makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return w.s.store.Deliver(o.Output, path)
}

// remember replaces the record of an action.
func (w *work) remember(t *attempt, rec *record) {
	w.s.records.put(t.id, rec, t.recipe)
	w.s.saver.changed()
}
