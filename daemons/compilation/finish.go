package compilation

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// finish finds out what a process has read and made, puts the outputs in their places,
// records all that, and has stored what is safe to store.
func (w *work) finish(t *attempt, p product, out *outputFiles, reason ipc.Reason) *result {
	w.keepOwn(t, p.seen)
	t.use.addPreamble(w.view, p.seen)
	w.completeVariables(t.action, p.seen, p.outcome.Output)
	set, doubt := w.inputsOf(p.seen, p.since)
	if t.block != nil {
		w.addStamps(p.seen, &set, t.tool("").subject.gcc)
	}
	w.addTimes(t, out, &set)
	doubt = cmp.Or(doubt, t.use.contradicts(w.view, set))
	rec := &record{
		Recipe: t.recipeID, Base: t.base, Set: w.s.tables.Pack(set), Peak: p.outcome.Peak, Mode: t.use.mode(),
		Unsettled: doubt, Uncacheable: cmp.Or(t.never, p.seen.uncacheable), Observed: p.seen.way, Remote: p.origin != "",
	}
	if t.noBase != nil {
		rec.Unsettled = cmp.Or(rec.Unsettled, t.noBase.Error())
	}
	if t.command != nil && !t.command.isOurs() {
		if why := w.whyOnlyOnce(t, p.seen, rec.Unsettled); why != "" {
			return new(w.ranOnce(t, p, reason, why))
		}
	}
	beside, why := w.besides(t, p.seen)
	rec.Uncacheable = cmp.Or(rec.Uncacheable, p.seen.notStored, why)
	made, err := out.openAll(beside)
	if missing := (*notMade)(nil); errors.As(err, &missing) {
		return w.failed(t, p.outcome, fmt.Sprintf("%s%s succeeded but did not make %s\n", p.outcome.Output, t.recipe.doer(), missing.path))
	}
	if err != nil {
		return w.failed(t, process.Outcome{Exit: -1}, p.outcome.Output+err.Error()+"\n")
	}
	if t.command == nil && made[0].info.Size() == 0 {
		rec.Uncacheable = cmp.Or(rec.Uncacheable, "the output is empty")
	}
	rec.Unsettled = cmp.Or(rec.Unsettled, w.foreignFile(p.seen, made))
	diagnostics := t.use.diagnostics(w.view, out.plainNames(p.outcome.Output))
	if rec.Unsettled == "" && rec.Uncacheable == "" {
		rec.Action = actionKey(t.use.base(t.base), set)
		w.storeLater(t, made, set, &cache.Entry{
			Action: rec.Action, Diagnostics: diagnostics, Seconds: p.outcome.Seconds, CPU: p.outcome.CPU, Peak: p.outcome.Peak,
			Created: time.Now(), Command: strings.Join(t.line, " "), Mode: rec.Mode, Observed: rec.Observed,
			Origin: p.origin, Remote: p.origin != "",
		})
	} else {
		closeAll(made)
	}
	if err := out.deliver(made, t.before); err != nil {
		return w.failed(t, process.Outcome{Exit: -1}, diagnostics+err.Error()+"\n")
	}
	w.recordOutputs(t, rec, made)
	return &result{rec: rec, ActionResult: ipc.ActionResult{
		ID: t.id, Status: ipc.StatusCompiled, Changed: t.changed(func(i int) cache.Digest { return made[i].digest }),
		Reason: reason, Key: keyText(rec.Action), Seconds: p.outcome.Seconds, CPU: p.outcome.CPU, Peak: p.outcome.Peak,
		Bytes: made[0].info.Size(), Diagnostics: diagnostics,
	}}
}

// addTimes adds when files were written where that matters for an action.
func (w *work) addTimes(t *attempt, out *outputFiles, set *snapshot.InputSet) {
	switch {
	case t.command != nil:
		w.addTimesOfAST(t.outputs, nil, set)
		if !t.command.isOurs() {
			w.addStampTimes(t.command, set)
		}
	case t.block != nil && precompiled[filepath.Ext(out.path)]:
		w.addTimesOfAST([]string{out.path}, nil, set)
	case t.block != nil:
		w.addTimesOfAST(nil, []string{t.block.source}, set)
	}
}

// inputsOf gives what was read its content. doubt says why it is not known whether it
// is the content that was read.
func (w *work) inputsOf(seen *observation, since int64) (set snapshot.InputSet, doubt string) {
	doubt = seen.doubt
	files := slices.Clone(seen.files)
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		sum, err := w.view.Renew(file, since)
		switch {
		case errors.Is(err, snapshot.ErrChanged):
			doubt = cmp.Or(doubt, file+" changed while it was read")
		case err != nil && !w.view.Signature(file).Exists():
			doubt = cmp.Or(doubt, file+" was removed while it was read")
		case err != nil:
			doubt = cmp.Or(doubt, fmt.Sprintf("%s has no content that can be compared: %v", file, err))
		}
		if met, known := seen.stamps[file]; known && met != w.view.Signature(file) {
			doubt = cmp.Or(doubt, "another file is at "+file+" than the one that was read")
		}
		if err == nil || errors.Is(err, snapshot.ErrChanged) {
			set.Files = append(set.Files, cache.Input{Path: file, Digest: sum})
		}
	}
	set.Misses = slices.Clone(seen.misses)
	slices.Sort(set.Misses)
	set.Misses = slices.Compact(set.Misses)
	set.Listings = seen.listings
	return set, doubt
}
