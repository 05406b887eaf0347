package compilation

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// settle finds out what a process has read, puts the output in its place, records all
// that, and has stored what is safe to store.
func (w *work) settle(t *attempt, p product, temp *temporary, reason ipc.Reason) result {
	t.use.addPreamble(w.view, p.seen)
	set, doubt := w.inputsOf(p.seen, p.since)
	if t.block != nil {
		w.addStamps(p.seen, &set, t.tool("").subject.gcc)
	}
	doubt = cmp.Or(doubt, t.use.contradicts(w.view, set))
	rec := &record{
		Recipe: t.recipeID, Base: t.base, Set: w.s.tables.Pack(set), Peak: p.outcome.Peak, Mode: t.use.mode(),
		Unsettled: doubt, Uncacheable: cmp.Or(t.never, p.seen.uncacheable), Observed: p.seen.way,
	}
	if t.noBase != nil {
		rec.Unsettled = cmp.Or(rec.Unsettled, t.noBase.Error())
	}
	info, err := os.Lstat(temp.path)
	if err != nil || !info.Mode().IsRegular() {
		return *w.failed(t, p.outcome, fmt.Sprintf("%s%s succeeded but did not make %s\n", p.outcome.Output, t.recipe.doer(), t.output))
	}
	if info.Size() == 0 {
		rec.Uncacheable = cmp.Or(rec.Uncacheable, "the output is empty")
	}
	diagnostics := t.use.diagnostics(w.view, strings.ReplaceAll(p.outcome.Output, temp.path, t.output))
	content, _, err := cache.HashFile(temp.path)
	if err == nil && rec.Unsettled == "" && rec.Uncacheable == "" {
		rec.Action = actionKey(t.use.base(t.base), set)
		w.storeLater(t, temp.path, set, &cache.Entry{
			Action: rec.Action, Diagnostics: diagnostics, Seconds: p.outcome.Seconds, CPU: p.outcome.CPU, Peak: p.outcome.Peak,
			Created: time.Now(), Command: strings.Join(t.line, " "), Mode: rec.Mode, Observed: rec.Observed,
			Outputs: []cache.Output{{Name: "output", Blob: content, Mode: w.permissionsToKeep(t.action, info.Mode())}},
		})
	}
	if err == nil {
		err = temp.deliver(w.s.store, content == t.before)
	}
	if err != nil {
		return *w.failed(t, process.Outcome{Exit: -1}, diagnostics+err.Error()+"\n")
	}
	w.recordOutputs(t, rec, content)
	return result{rec: rec, UnitResult: ipc.UnitResult{
		ID: t.id, Status: ipc.StatusCompiled, Changed: content != t.before, Reason: reason, Key: keyText(rec.Action),
		Seconds: p.outcome.Seconds, CPU: p.outcome.CPU, Peak: p.outcome.Peak, Bytes: info.Size(), Diagnostics: diagnostics,
	}}
}

// recordOutputs signs what lies in its place now.
func (w *work) recordOutputs(t *attempt, rec *record, content cache.Digest) {
	sig := outputSignature(w.view.Abs(t.output))
	w.s.digests.Trust(sig, content)
	w.view.Forget(t.output)
	rec.Outputs = []outputRecord{{Path: t.output, Sig: sig, Digest: content}}
	if t.direct {
		rec.Outputs = append(rec.Outputs, w.sideOutputs(t.output)...)
	}
	w.remember(t, rec)
}

// sideFiles are the endings of what compilers write beside an object.
var sideFiles = [...]string{".dwo", ".gcno", ".su", ".ci", ".opt.yaml", ".json"}

// sideOutputs finds what was written beside an object, so that it is missed when it
// is gone.
func (w *work) sideOutputs(output string) (out []outputRecord) {
	base := strings.TrimSuffix(output, path.Ext(output))
	for _, ending := range sideFiles {
		if sig := outputSignature(w.view.Abs(base + ending)); sig.Exists() {
			out = append(out, outputRecord{Path: base + ending, Sig: sig})
		}
	}
	return out
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
