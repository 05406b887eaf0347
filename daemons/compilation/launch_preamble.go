package compilation

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// Launched compiles of a source that is being edited have preambles as units of projects have, if a
// resident runs them and they make no debug information: a launched command makes what the compiler
// alone makes, byte for byte. A compile that fails with one is run by the client, without.

// launchPreamble is what a launched compile has to do with preambles. A nil one has nothing to do
// with them.
type launchPreamble struct {
	preambleUse
	block  *block
	view   *snapshot.Tree // by the service's tables, as preambles are kept
	asked  *launch        // the command as it was asked for
	edited bool
}

// maxEdits bounds the commands of which the source is remembered.
const maxEdits = 4096

// launchEdits remembers what the sources of launched commands were.
type launchEdits struct {
	mu      sync.Mutex
	sources map[cache.Digest]cache.Digest // by the command
}

// note reports whether the command had another source before.
func (e *launchEdits) note(command, source cache.Digest) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, known := e.sources[command]
	if e.sources == nil || len(e.sources) >= maxEdits {
		e.sources = make(map[cache.Digest]cache.Digest)
	}
	e.sources[command] = source
	return known && was != source
}

// noteSource remembers the source of a command, and whether it was edited since.
func (l *launch) noteSource() {
	if l.s.preambles == nil || len(l.line.Sources) != 1 || l.unnamed.Object == "" {
		return
	}
	if source, err := l.view.DigestOf(snapshot.Spell(l.root, l.line.Sources[0])); err == nil {
		command := cache.NewKey("launch-edited").Field("folder", l.root).Field("args", l.req.Args...).Sum()
		l.edited = l.s.launches.edits.note(command, source)
	}
}

// preamble says what a launched compile has to do with preambles, nil if it cannot have one. take
// says that it uses one, if there is one.
func (l *launch) preamble(take bool) *launchPreamble {
	m := l.s.preambles
	if m == nil || l.unnamed.Object == "" || len(l.line.Sources) != 1 || !l.edited && m.store.isEmpty() {
		return nil
	}
	b := l.block()
	if b == nil || m.refusesBlock(b, true) != "" {
		return nil
	}
	p := &launchPreamble{block: b, asked: l, edited: l.edited, view: snapshot.New(l.root, l.req.Env, l.s.tables, l.s.digests)}
	p.given, p.source = b.given, p.view.Signature(b.source)
	p.stub, _ = b.stub(p.view)
	if p.stub == nil {
		return nil
	}
	if take && m.maker.obstacle(p.view, p.stub.key) == "" {
		p.with, _ = m.store.take(p.view, p.stub.key)
	}
	return p
}

// block describes the compile as a unit of a project is described, nil if that is not possible.
func (l *launch) block() *block {
	u, program := l.unnamed, l.req.Program
	if u.Depfile != "" && u.Target == "" {
		return nil // no resident runs it
	}
	if !clangName().MatchString(filepath.Base(program)) || filepath.Base(l.req.Args[0]) != filepath.Base(program) {
		return nil
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return nil
	}
	given := l.line.Sources[0]
	args := []string{program}
	for _, arg := range u.Args {
		if arg != "-c" && arg != given {
			args = append(args, arg)
		}
	}
	if len(args) != len(u.Args)-1 {
		return nil // no -c, or the source's name is also a value
	}
	if u.Depfile != "" {
		args = append(args, "-MF", u.Depfile, "-MT", u.Target)
	}
	k := &compiler{
		command: ipc.Command{Args: args[1:], Lang: launchedLanguage(program, given)}, toolchain: ipc.Toolchain{Family: "clang"},
		flags: readFlags(args[1:]), recipe: &recipe{Kind: "c", Args: args}, tool: args, programs: l.s.launches.toolsAmong([]string{real}),
	}
	k.recipeID = cache.NewKey("launch-preamble").Field("args", args...).Field("folder", l.root, cmp.Or(otherName(l.root, l.req.Env), l.root)).Sum()
	k.depfile, k.noPreamble = whyNoPreamble(k.toolchain, k.command, k.flags)
	return &block{compiler: k, given: given, source: snapshot.Spell(l.root, given)}
}

// launchedLanguage is the language of a source by the driver's and its own name, "" if it is not C
// or C++.
func launchedLanguage(program, source string) string {
	switch ending := filepath.Ext(source); {
	case slices.Contains([]string{".cc", ".cpp", ".cxx", ".C", ".c++"}, ending):
		return "c++"
	case ending == ".c" && !strings.Contains(filepath.Base(program), "++"):
		return "c"
	}
	return ""
}

// leave ends the use of a preamble.
func (p *launchPreamble) leave(m *preambles) {
	if p != nil && p.with != nil {
		m.store.leave(p.with)
		m.maker.isEdited(p.id())
	}
}

func (p *launchPreamble) id() string { return p.block.compiler.recipeID.String() + " " + p.given }

// args are the compiler's arguments for it.
func (p *launchPreamble) args() []string {
	if p == nil || p.with == nil {
		return nil
	}
	return p.with.args()
}

// hidden are the files that the trace of the compile need not have.
func (p *launchPreamble) hidden() *hiddenFiles {
	if p == nil || p.with == nil {
		return nil
	}
	return p.with.hidden(p.view)
}

// failed says why what a compile with the preamble made cannot be used, "" if it can. It makes the
// dependency file that of a plain compile. object and depfile are where they lie.
func (p *launchPreamble) failed(m *preambles, o process.Outcome, made *launch) string {
	if p == nil || p.with == nil {
		return ""
	}
	switch {
	case !o.OK():
		return "the compile with it failed"
	case ipc.StatSignature(p.view.Abs(p.block.source)) != p.source:
		return "the source changed while it was compiled"
	}
	why := cmp.Or(tellsPlaces(made.view.Abs(made.unnamed.Object)), p.rewriteDepfile(p.view, p.block.compiler.depfile, made.unnamed.Depfile))
	if why != "" {
		m.maker.giveUp(p.stub.key, why, p.with.packed)
	}
	return why
}

// diagnostics is [preambleUse.diagnostics] for bytes.
func (p *launchPreamble) diagnostics(printed string) string {
	if p == nil {
		return printed
	}
	return p.preambleUse.diagnostics(p.view, printed)
}

// addInputs adds what the preamble was made from.
func (p *launchPreamble) addInputs(seen *observation) {
	if p != nil {
		p.addPreamble(p.view, seen)
	}
}

// doubt says which input of the preamble changed.
func (p *launchPreamble) doubt(set snapshot.InputSet) string {
	if p == nil {
		return ""
	}
	return p.contradicts(p.view, set)
}

// mode is [preambleUse.mode].
func (p *launchPreamble) mode() string {
	if p == nil {
		return ""
	}
	return p.preambleUse.mode()
}

// why says for `cc --explain` that it was used, behind why the command was a miss.
func (p *launchPreamble) why(missed string) string {
	if p == nil || p.with == nil {
		return missed
	}
	return strings.TrimPrefix(missed+"; its includes were precompiled", "; ")
}

// want asks for a preamble after a plain compile of an edited source. made are the files that
// it made, set is what it read.
func (p *launchPreamble) want(m *preambles, made *missed, set snapshot.InputSet) {
	if p == nil || p.with != nil {
		return
	}
	rec := &record{Set: m.s.tables.Pack(set)}
	for _, name := range []string{made.unnamed.Object, made.unnamed.Depfile} {
		at := filepath.Clean(made.view.Abs(name))
		i := slices.IndexFunc(made.made, func(f madeFile) bool { return filepath.Clean(f.at) == at })
		if name == "" {
			continue
		}
		if i < 0 {
			return
		}
		final := p.asked.unnamed.Object
		if name == made.unnamed.Depfile {
			final = p.asked.unnamed.Depfile
		}
		rec.Outputs = append(rec.Outputs, outputRecord{Path: snapshot.Spell(p.view.Root, final), Digest: made.made[i].digest})
	}
	m.maker.want(&preambleJob{
		id: p.id(), block: p.block, stub: p.stub, root: p.view.Root, env: p.asked.req.Env, view: p.view, rec: rec,
	}, p.edited)
}
