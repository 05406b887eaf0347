package compilation

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/internal/termtext"
	"github.com/RepliBuild/replibuild/ipc"
)

// preambleUse is what an attempt has to do with preambles.
type preambleUse struct {
	with   *preamble // nil: the compile is a plain one
	source ipc.Signature
	given  string // the source as the command names it
	stub   *stub  // nil: the source has no block
	edited bool   // the source is why the unit is compiled
	note   string // for people: how it helped, or why not; "" if there is nothing to say
}

// takePreamble looks for a valid preamble before a unit is compiled.
func (w *work) takePreamble(t *attempt) {
	m := w.s.preambles
	if t.block == nil || t.noBase != nil {
		return
	}
	t.use.given, t.use.edited = t.block.given, w.sourceEdited(t)
	if why := m.refuses(t.action); why != "" {
		if m != nil && t.use.edited {
			t.use.note = "none: " + why
		}
		return
	}
	t.use.source = w.view.Signature(t.block.source)
	st, why := t.block.stub(w.view)
	if st == nil {
		t.use.note = "none: " + why
		return
	}
	t.use.stub = st
	if t.use.note = m.maker.obstacle(w.view, st.key); t.use.note == "" {
		t.use.with, t.use.note = m.store.take(w.view, st.key)
	}
}

// leavePreamble ends the use of a preamble, and asks for one if the unit is being
// edited and had none.
func (w *work) leavePreamble(t *attempt, r result) result {
	m, use := w.s.preambles, &t.use
	if use.with != nil {
		m.store.leave(use.with)
		m.maker.isEdited(t.id)
	} else if m != nil && use.stub != nil && r.Status == ipc.StatusCompiled {
		m.maker.want(&preambleJob{
			id: t.id, block: t.block, stub: use.stub, root: w.root, env: w.env, timeout: w.timeout, view: w.view, rec: r.rec,
		}, use.edited)
	}
	r.Reason.Preamble = termtext.Line(use.note)
	return r
}

// args are the compiler's arguments for a preamble.
func (p *preamble) args() []string {
	return []string{
		"-ivfsoverlay", p.overlay(), "-Xclang", "-include-pch", "-Xclang", p.pch(),
		"-Xclang", "-preamble-bytes=" + strconv.Itoa(p.Length) + ",1", "-Xclang", "-fno-validate-pch",
	}
}

// hidden are the files that the tracker of a compile with it need not report.
func (p *preamble) hidden(v *snapshot.Tree) *hiddenFiles {
	h := &hiddenFiles{root: v.Root, dir: snapshot.Spell(v.Root, p.dir), within: make(map[string]bool)}
	for _, f := range p.set(v).Files {
		h.within[f.Path] = true
	}
	return h
}

// withPreamble adds the preamble of an attempt to its tool.
func (w *work) withPreamble(t *attempt, tool *tool) {
	if p := t.use.with; p != nil {
		tool.args = append(tool.args, p.args()...)
		tool.subject.hidden = p.hidden(w.view)
	}
}

// preambleFailed reports whether a compile is to be done again plainly: it failed, and
// the preamble may be why, or the block that was left out of it is not the one that
// the preamble stands for.
func (w *work) preambleFailed(t *attempt, p product) bool {
	use := &t.use
	if use.with == nil || p.outcome.Stopped != nil || p.outcome.Killed {
		return false
	}
	switch {
	case !p.outcome.OK():
		use.note = "none: the compile with it failed: " + firstLine(p.outcome.Output)
	case ipc.StatSignature(w.view.Abs(t.block.source)) != use.source:
		use.note = "none: the source changed while it was compiled"
	default:
		wish := t.block.compiler.depfile
		why := cmp.Or(tellsPlaces(p.output), use.rewriteDepfile(w.view, wish, wish.path(t.outputs[0])))
		if why == "" {
			return false
		}
		use.note = "none: " + why
		w.s.preambles.maker.giveUp(use.stub.key, why, use.with.packed)
	}
	w.s.log.Debug("a unit is compiled again without its preamble", "unit", t.id, "why", use.note)
	w.s.preambles.store.leave(use.with)
	use.with = nil
	return true
}

// addPreamble adds to what a compile read what its preamble was made from.
func (use *preambleUse) addPreamble(v *snapshot.Tree, seen *observation) {
	if use.with == nil {
		return
	}
	use.with.hidden(v).clean(seen)
	set := use.with.set(v)
	for _, f := range set.Files {
		seen.files = append(seen.files, f.Path)
	}
	seen.misses = append(seen.misses, set.Misses...)
	seen.listings = append(slices.Clone(seen.listings), set.Listings...)
	seen.listings = sortedListings(seen.listings)
}

func sortedListings(all []cache.Listing) []cache.Listing {
	slices.SortFunc(all, func(a, b cache.Listing) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.Match, b.Match), strings.Compare(a.Digest, b.Digest))
	})
	return slices.Compact(all)
}

// contradicts says which file of the preamble is not in a set with the content that
// the preamble was made from, as a doubt.
func (use *preambleUse) contradicts(v *snapshot.Tree, set snapshot.InputSet) string {
	if use.with == nil {
		return ""
	}
	now := make(map[string]cache.Digest, len(set.Files))
	for _, f := range set.Files {
		now[f.Path] = f.Digest
	}
	for _, f := range use.with.set(v).Files {
		if now[f.Path] != f.Digest {
			return f.Path + " changed while it was read"
		}
	}
	return ""
}

// mode is that of the cache's entry.
func (use *preambleUse) mode() string {
	if use.with == nil {
		return ""
	}
	return modePreamble
}

// base is the key that a result is kept under.
func (use *preambleUse) base(base cache.Digest) cache.Digest {
	if use.with == nil {
		return base
	}
	return preambleBase(base)
}

// diagnostics puts what clang said of the preamble before what it says of the unit.
func (use *preambleUse) diagnostics(v *snapshot.Tree, unit string) string {
	if use.with == nil {
		return unit
	}
	return joinDiagnostics(use.with.Diagnostics, use.spell(v, unit))
}

// warningCount is clang's last line.
var warningCount = lazyregexp.New(`(?m)^(\d+) warnings? generated\.\n\z`)

// joinDiagnostics joins two outputs of clang as if they came from one process.
func joinDiagnostics(a, b string) string {
	sum := 0
	strip := func(text string) string {
		m := warningCount().FindStringSubmatchIndex(text)
		if m == nil {
			return text
		}
		n, _ := strconv.Atoi(text[m[2]:m[3]]) // digits
		sum += n
		return text[:m[0]]
	}
	joined := strip(a) + strip(b)
	switch sum {
	case 0:
		return joined
	case 1:
		return joined + "1 warning generated.\n"
	}
	return fmt.Sprintf("%s%d warnings generated.\n", joined, sum)
}
