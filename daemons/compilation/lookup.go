package compilation

import (
	"context"
	"errors"
	"path/filepath"
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
	t.before = w.contentOf(t.action, t.rec)
	if t.forced || t.never != "" || t.noBase != nil {
		return nil
	}
	t.looked = true
	w.s.storing.await(ctx, t.base)
	if r := w.lookupRecord(ctx, t); r != nil {
		return r
	}
	for _, base := range w.s.preambles.bases(t.action, t.base) {
		if r := w.lookupBase(ctx, t, base); r != nil {
			return r
		}
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
	if entry == nil || w.observedWorse(ctx, t.action, entry.Observed) {
		return nil // lookupBase finds out why, or another
	}
	r, err := w.deliver(t, entry, rec.Set)
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
		if w.observedWorse(ctx, t.action, entry.Observed) {
			continue
		}
		r, err := w.deliver(t, entry, w.s.tables.Pack(known))
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
	_, err := w.s.tracers.library(ctx, a.tool("").args[0], w.env)
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

// deliver puts an entry's output in its place.
func (w *work) deliver(t *attempt, e *cache.Entry, set snapshot.PackedSet) (*result, error) {
	if len(e.Outputs) != 1 {
		return nil, cache.ErrDamaged
	}
	out, reason := w.withPermissions(e.Outputs[0]), w.hitReason(t) // which looks at what the delivery replaces
	path := w.view.Abs(t.output)
	if err := w.makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if t.before != out.Blob || !sameMode(path, out.Mode) {
		if err := w.s.store.Deliver(out, path); err != nil {
			return nil, err
		}
	}
	sig := outputSignature(path)
	w.s.digests.Trust(sig, out.Blob)
	w.view.Forget(t.output)
	w.s.store.Hit(e.Seconds)
	if t.audited {
		w.s.auditor.hit(func() suspect { return w.suspectOf(t.action, e, w.s.tables.Unpack(set)) })
	}
	rec := &record{
		Recipe: t.recipeID, Base: t.base, Action: e.Action, Set: set,
		Outputs: []outputRecord{{Path: t.output, Sig: sig, Digest: out.Blob}}, Peak: e.Peak, Mode: e.Mode, Observed: e.Observed,
	}
	w.remember(t, rec)
	return &result{rec: rec, UnitResult: ipc.UnitResult{
		ID: t.id, Status: ipc.StatusCached, Changed: t.before != out.Blob, Reason: reason, Key: e.Action.String(),
		Seconds: time.Since(t.begin).Seconds(), Peak: e.Peak, Bytes: out.Size, Saved: e.Seconds, Diagnostics: e.Diagnostics,
	}}, nil
}

// remember replaces the record of an action.
func (w *work) remember(t *attempt, rec *record) {
	w.s.records.put(t.id, rec, t.recipe)
	w.s.saver.changed()
}

// contentOf returns the content of the output as it is, zero if there is no file of
// its own: a link is none.
func (w *work) contentOf(a *action, rec *record) cache.Digest {
	path := w.view.Abs(a.output)
	sig := outputSignature(path)
	if !sig.Exists() {
		return cache.Digest{}
	}
	if rec != nil && len(rec.Outputs) > 0 && rec.Outputs[0].Path == a.output && rec.Outputs[0].Sig == sig {
		return rec.Outputs[0].Digest
	}
	is, err := w.s.digests.Hash(path, sig)
	if err != nil {
		return cache.Digest{}
	}
	return is.Digest
}
