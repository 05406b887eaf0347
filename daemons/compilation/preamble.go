package compilation

import (
	"bytes"
	"cmp"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// Values of [Config.Preamble].
const (
	PreambleAuto  = "auto"  // wherever it helps
	PreambleExact = "exact" // not with -g: debug information would lack what the unit does not use
	PreambleOff   = "off"
)

// preambles keeps the leading includes of sources that are being edited in the form
// in which clang loads them quickest. A compile uses one only if each file that it was
// made from has the content, and each name that was looked for in vain is missing
// still; clang's own checks, by stamps, are switched off. See preamble_make.go for
// how they are made, preamble_idle.go for when, preamble_store.go for where they lie.
type preambles struct {
	s     *Service
	exact bool
	store *preambleStore
	maker *preambleMaker
	words wordsKnown

	mu   sync.Mutex
	off  string    // why none is used or made any more
	kept *preamble // see keepDraft
}

// newPreambles returns nil if there are to be none; all methods take that.
func newPreambles(s *Service) *preambles {
	if s.cfg.PreambleDir == "" || s.cfg.Preamble == PreambleOff || runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return nil // tellsPlaces knows ELF only
	}
	m := &preambles{s: s, exact: s.cfg.Preamble == PreambleExact, store: newPreambleStore(s)}
	m.maker = newPreambleMaker(m)
	return m
}

// block is the leading includes of a unit: what there is to make a preamble of.
type block struct {
	compiler *compiler
	given    string // the source as the command names it
	source   string // as the package spells it
}

// refuses says why an action's unit must not be made with a preamble, "" if it may.
func (m *preambles) refuses(a *action) string {
	switch {
	case a.block == nil:
		return "it is no unit"
	case m == nil:
		return "preambles are off"
	}
	return m.refusesBlock(a.block, m.exact)
}

// refusesBlock is refuses for a block. exact says that debug information must be that of a plain compile.
func (m *preambles) refusesBlock(b *block, exact bool) string {
	switch {
	case isAssembler(b.source):
		return "assembler has none"
	case b.compiler.noPreamble != "":
		return b.compiler.noPreamble
	case exact && hasDebug(b.compiler.flags.args):
		return `preamble = "exact" keeps them away from -g`
	}
	return m.isOff()
}

// isOff says why none is used, "" if they are.
func (m *preambles) isOff() string {
	if m == nil {
		return "preambles are off"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.off
}

// turnOff ends the use of preambles: one has made a wrong object.
func (m *preambles) turnOff(why string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off = cmp.Or(m.off, why)
}

func (m *preambles) begins() {
	if m != nil {
		m.maker.begins()
	}
}

func (m *preambles) ends() {
	if m != nil {
		m.maker.ends()
	}
}

// counts are how many were made, and how many will be.
func (m *preambles) counts() (made, waiting int) {
	if m == nil {
		return 0, 0
	}
	k := m.maker
	k.mu.Lock()
	defer k.mu.Unlock()
	waiting = len(k.queue)
	if k.stop != nil {
		waiting = max(waiting, 1)
	}
	return k.made, waiting
}

func (m *preambles) close() {
	if m != nil {
		m.maker.close()
		m.keepDraft(nil)
	}
}

// bases are the keys of what is known before an action's inputs are, one for each way
// in which it may have been made, the plain one first.
func (m *preambles) bases(a *action, base cache.Digest) []cache.Digest {
	if m.refuses(a) != "" {
		return []cache.Digest{base}
	}
	return []cache.Digest{base, preambleBase(base)}
}

func preambleBase(base cache.Digest) cache.Digest {
	return cache.NewKey("mode").Field("mode", modePreamble).Digest("base", base).Sum()
}

// stub is the text of a block as clang compiles it.
type stub struct {
	key    cache.Digest
	length int // of the block in the source, in bytes
	text   []byte
}

// stub reads the block of a source whose whole content is known. why says why there is
// none.
func (b *block) stub(v *snapshot.Tree) (st *stub, why string) {
	if why := unusualPath(b.given); why != "" {
		return nil, why
	}
	want, err := v.DigestOf(b.source)
	if err != nil {
		return nil, err.Error()
	}
	text, err := os.ReadFile(v.Abs(b.source))
	if err != nil || cache.HashBytes(text) != want {
		return nil, "the source changed while it was read"
	}
	n := leadingIncludes(text)
	if n == 0 {
		return nil, "the source does not begin with includes"
	}
	if word := specialWord(text[:n]); word != "" {
		return nil, "its includes use " + word
	}
	st = &stub{length: n}
	st.text = slices.Concat([]byte("#line 1 \""+b.given+"\"\n"), trimMark(text[:n]))
	st.key = cache.NewKey("preamble").Digest("recipe", b.compiler.recipeID).Field("source", b.given).Field("text", string(st.text)).Sum()
	return st, ""
}

// unusualPath says why a source's path cannot stand in an overlay or a line marker. "../" may begin it,
// as in a build folder: behind another folder it leads elsewhere if that is a link.
func unusualPath(p string) string {
	inner := p
	for strings.HasPrefix(inner, "../") {
		inner = inner[len("../"):]
	}
	if slices.Contains(strings.Split(inner, "/"), "..") || strings.ContainsAny(p, "\"\\\n\r") || !utf8.ValidString(p) {
		return "the path of the source is unusual"
	}
	return ""
}

func trimMark(text []byte) []byte {
	if len(text) >= len(byteOrderMark) && string(text[:len(byteOrderMark)]) == string(byteOrderMark) {
		return text[len(byteOrderMark):]
	}
	return text
}

// specialWord finds what means something else in a preamble than in the unit: the
// clock, the name of the file that is compiled, a count, a depth, a place.
func specialWord(text []byte) string {
	for _, word := range specialWords {
		if snapshot.ContainsWord(text, word) {
			return word
		}
	}
	if bytes.Count(text, []byte("push_macro")) != bytes.Count(text, []byte("pop_macro")) {
		return "push_macro without pop_macro" // which a preprocessed text does not show
	}
	return ""
}

// specialWords: clang spells the names of headers absolutely in a preamble, which the
// last three show in the unit.
var specialWords = flagList("__DATE__", "__TIME__", "__TIMESTAMP__", "__BASE_FILE__", "__COUNTER__", "__INCLUDE_LEVEL__", "hdrstop",
	"__builtin_FILE", "__builtin_source_location", "__builtin_FILE_NAME")

// hiddenFiles are those of ours that a compiler reads with a preamble, and those that
// the preamble itself stands for: they are no inputs that a tracker has to report.
type hiddenFiles struct {
	root   string
	dir    string          // of the preamble, spelled
	block  *source         // the block's text, if it is what is compiled
	within map[string]bool // files of the preamble
}

// hides reports whether a path is one of them.
func (h *hiddenFiles) hides(p string) bool {
	if h == nil {
		return false
	}
	return h.within[p] || strings.HasSuffix(p, preambleSuffix) || p == h.dir || strings.HasPrefix(p, h.dir+"/") ||
		strings.HasPrefix(h.dir, p+"/") && p != h.root && !strings.HasPrefix(h.root, p+"/")
}

// clean takes them out of what a tracker saw.
func (h *hiddenFiles) clean(seen *observation) {
	seen.files = slices.DeleteFunc(seen.files, h.hides)
	seen.misses = slices.DeleteFunc(seen.misses, h.hides)
	seen.listings = slices.DeleteFunc(seen.listings, func(l cache.Listing) bool { return h.hides(l.Dir) })
}

// sourceEdited reports whether a unit's source is another than at its last compile.
func (w *work) sourceEdited(t *attempt) bool {
	if t.rec == nil || t.block == nil {
		return false
	}
	id := w.s.tables.PathNumber(t.block.source)
	files, _ := w.s.tables.Numbers(t.rec.Set)
	for _, f := range files {
		if f.Path == id {
			return w.view.CompareFile(f.Path, f.Digest) != nil
		}
	}
	return false
}

// preambleReason is for an object that is wrong only because a preamble made it.
func preambleReason(why string) ipc.Reason {
	return ipc.Reason{Code: ipc.ReasonFlags, Text: "it was made with a preamble: " + why, Path: "preamble"}
}
