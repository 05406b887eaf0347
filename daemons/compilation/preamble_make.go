package compilation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// preambleJob is a preamble to be made.
type preambleJob struct {
	id      string // of the unit
	block   *block
	stub    *stub
	root    string
	env     []string
	timeout time.Duration
	view    *snapshot.Tree // of the compile that asked for it
	rec     *record        // of that compile
}

// cannot is returned where a block has no preamble, or none yet.
type cannot struct {
	why string
	// while is what was read: as long as it is what is there, there is no use in
	// trying again. nil if that is not known.
	while *snapshot.PackedSet
}

func (c *cannot) Error() string { return c.why }

// make compiles the block of a source and stores what comes of it. Three runs of clang
// more than that are needed: the driver tells the command, a preprocessed form what
// state the block leaves open, and the unit is compiled with it, to see that it serves.
func (m *preambles) make(ctx context.Context, job *preambleJob) error {
	w := &work{s: m.s, root: job.root, env: job.env, timeout: job.timeout, view: snapshot.New(job.root, job.env, m.s.tables, m.s.digests)}
	if m.store.has(w.view, job.stub.key) {
		return nil
	}
	p := m.takeDraft(w.view, job.stub.key)
	if p == nil {
		var err error
		if p, err = m.draft(ctx, w, job); err != nil {
			return err
		}
	}
	begin := time.Now()
	same, err := m.try(ctx, w, job, p)
	if ctx.Err() != nil || errors.Is(err, errOutdated) {
		m.keepDraft(p) // which only has to be tried
		return errors.Join(err, ctx.Err())
	}
	if err == nil && !same {
		packed := m.s.tables.Pack(snapshot.FromCache(p.inputs()))
		err = &cannot{why: "with it the object is not what a plain compile makes", while: &packed}
	}
	if err == nil {
		p.Seconds += time.Since(begin).Seconds()
		err = m.store.publish(w.view, p)
	}
	if err != nil {
		removePreamble(p.dir)
	}
	return err
}

// draft compiles a block.
func (m *preambles) draft(ctx context.Context, w *work, job *preambleJob) (*preamble, error) {
	begin := time.Now()
	front, err := m.frontEnd(ctx, w, job)
	if err != nil {
		return nil, err
	}
	dir, err := m.store.begin(job.stub.key, w.view.Abs(job.block.source), job.stub.text)
	if err != nil {
		return nil, fmt.Errorf("make a place for a preamble: %w", err)
	}
	p := &preamble{dir: dir}
	p.Key, p.Length = job.stub.key[:], job.stub.length
	if err := m.compile(ctx, w, job, front, p); err != nil {
		removePreamble(dir)
		return nil, err
	}
	p.Seconds = time.Since(begin).Seconds()
	return p, nil
}

// keepDraft keeps what has been compiled but not been tried, because the source was
// saved again or a request came: somebody whose editor saves every other second would
// never get a preamble. One is enough, of the source that is being edited.
func (m *preambles) keepDraft(p *preamble) {
	m.mu.Lock()
	old := m.kept
	m.kept = p
	m.mu.Unlock()
	if old != nil && old != p {
		removePreamble(old.dir)
	}
}

// takeDraft returns the kept draft if it is of that key and what its inputs would make
// now; its folder may have been deleted.
func (m *preambles) takeDraft(v *snapshot.Tree, key cache.Digest) *preamble {
	m.mu.Lock()
	p := m.kept
	if p == nil || !bytes.Equal(p.Key, key[:]) {
		m.mu.Unlock()
		return nil
	}
	m.kept = nil
	m.mu.Unlock()
	if v.CompareSet(snapshot.FromCache(p.inputs())) != nil || !ipc.StatSignature(p.pch()).Exists() {
		removePreamble(p.dir)
		return nil
	}
	return p
}

// driven is how the driver calls the front end, and what the driver itself read: it turns variables
// and folders of the system into options, and the front end reads only the options.
type driven struct {
	front frontEnd
	seen  *observation // nil: the driver could not be traced
	since int64
}

// frontEnd asks the driver which command it would run for the unit.
func (m *preambles) frontEnd(ctx context.Context, w *work, job *preambleJob) (*driven, error) {
	k := job.block.compiler
	args := slices.Concat(withoutDependencyFlags(k.tool), k.depfile.args("unit.d", "unit.o"))
	t := process.Task{Args: append(args, "-c", job.block.given, "-o", "unit.o", "-###"), Dir: w.root, Env: w.env, Timeout: w.timeout}
	about := subject{
		view: w.view, since: stamps.Now(), recipe: k.recipe, key: k.recipeID.String() + w.compilerVariables(), tool: t.Args, env: w.env,
		flags: k.flags, source: job.block.source, output: "unit.o", programs: k.programs,
	}
	tracked, err := (&traceTracker{m.s.tracers, knowsNothing{}}).track(ctx, &t, &about)
	if err != nil {
		return nil, err
	}
	defer tracked.close()
	o, err := m.runTask(ctx, t)
	if err != nil {
		return nil, err
	}
	front, err := parseFrontEnd(o.Output)
	if err != nil {
		return nil, &cannot{why: err.Error()}
	}
	if why := front.excluded(); why != "" {
		return nil, &cannot{why: why}
	}
	d := &driven{front: front, since: about.since}
	if seen, err := tracked.collect(ctx); err == nil && seen.doubt == "" && seen.environment {
		seen.files = slices.DeleteFunc(seen.files, func(f string) bool { return f == job.block.source })
		d.seen = seen
	}
	return d, ctx.Err()
}

// addTo adds what the driver saw to what the front end saw.
func (d *driven) addTo(v *snapshot.Tree, seen *observation) {
	if d.seen == nil {
		v.AddVariables(&seen.listings, append(environment.OfCompilers(), environment.Loader))
	} else {
		seen.files = append(seen.files, d.seen.files...)
		seen.misses = append(seen.misses, d.seen.misses...)
		seen.listings = append(seen.listings, d.seen.listings...)
	}
	seen.listings = sortedListings(seen.listings)
}

// run runs a process in the background; its failure is an error.
func (m *preambles) run(ctx context.Context, w *work, args []string) (process.Outcome, error) {
	return m.runTask(ctx, process.Task{Args: args, Dir: w.root, Env: w.env, Timeout: w.timeout})
}

func (m *preambles) runTask(ctx context.Context, t process.Task) (process.Outcome, error) {
	o, err := m.s.runner.Run(ctx, t, lowerPriority)
	switch {
	case err != nil:
		return o, err
	case o.Stopped != nil:
		return o, o.Stopped
	case !o.OK():
		return o, &cannot{why: "it does not compile by itself: " + firstLine(o.Output)}
	}
	return o, nil
}

// compile makes the precompiled file of a draft and finds out what it was made from.
func (m *preambles) compile(ctx context.Context, w *work, job *preambleJob, by *driven, p *preamble) error {
	args, err := by.front.to("-emit-pch", job.block.given+preambleSuffix, p.pch(), p.overlay())
	if err != nil {
		return &cannot{why: err.Error()}
	}
	set, diagnostics, err := m.tracked(ctx, w, job, by, args, p)
	if err != nil {
		return err
	}
	if job.block.compiler.depfile.mode != "" {
		if p.Depends, err = blockNames(dependsOf(p.pch()), by.front, w.root); err != nil {
			return err
		}
	}
	packed := m.s.tables.Pack(set)
	for _, f := range set.Files {
		if word := m.wordIn(w, f); word != "" {
			return &cannot{why: f.Path + " uses " + word, while: &packed}
		}
	}
	open, err := m.leavesOpen(ctx, w, job, by.front, p)
	if err != nil {
		return err
	}
	if open != "" {
		return &cannot{why: open, while: &packed}
	}
	p.Inputs, p.Misses, p.Listings, p.Diagnostics = set.Files, snapshot.GroupMisses(set.Misses), set.Listings, diagnostics
	return nil
}

// errUntracked is that a compile failed, or warned, because it was tracked.
var errUntracked = errors.New("it could not be tracked")

// tracked runs the compiler with a tracker, twice if that has to track in another way.
func (m *preambles) tracked(ctx context.Context, w *work, job *preambleJob, by *driven, args []string, p *preamble) (set snapshot.InputSet, diagnostics string, err error) {
	set, diagnostics, err = m.trackedOnce(ctx, w, job, by, args, p)
	if errors.Is(err, errUntracked) {
		return m.trackedOnce(ctx, w, job, by, args, p)
	}
	return set, diagnostics, err
}

func (m *preambles) trackedOnce(ctx context.Context, w *work, job *preambleJob, by *driven, args []string, p *preamble) (set snapshot.InputSet, diagnostics string, err error) {
	k, since := job.block.compiler, stamps.Now()
	virtual := job.block.source + preambleSuffix
	hidden := &hiddenFiles{root: w.root, dir: snapshot.Spell(w.root, p.dir), block: &source{virtual, snapshot.ScanText(job.stub.text)}}
	about := subject{
		view: w.view, since: since, recipe: k.recipe, key: k.recipeID.String() + w.compilerVariables(), tool: k.tool, env: w.env,
		flags: k.flags, source: virtual, output: p.pch(), hidden: hidden, programs: k.programs,
		asIs: k.depfile.mode != "", // it makes a dependency file of its own, which a tracker must not replace
	}
	t := process.Task{Args: args, Dir: w.root, Env: w.env, Timeout: w.timeout}
	tracked, err := m.s.compiles.track(ctx, &t, &about)
	if err != nil {
		return set, "", err
	}
	defer tracked.close()
	t.Args = forFrontEnd(t.Args)
	o, err := m.runTask(ctx, t)
	if err != nil {
		return set, "", err
	}
	if tracked.rejected(o) {
		return set, "", errUntracked
	}
	seen, err := tracked.collect(ctx)
	if err != nil {
		return set, "", err
	}
	hidden.clean(seen)
	by.addTo(w.view, seen)
	set, doubt := w.inputsOf(seen, by.since)
	w.addStamps(seen, &set, false)
	if doubt != "" {
		return set, "", &cannot{why: doubt}
	}
	if seen.uncacheable != "" {
		packed := m.s.tables.Pack(set)
		return set, "", &cannot{why: seen.uncacheable, while: &packed}
	}
	return set, o.Output, nil
}

// wordIn finds a macro in an input that means something else in a preamble.
func (m *preambles) wordIn(w *work, f cache.Input) string {
	if known, ok := m.words.get(f.Digest); ok {
		return known
	}
	text, err := os.ReadFile(w.view.Abs(f.Path))
	if err != nil || cache.HashBytes(text) != f.Digest {
		return "what nobody could read"
	}
	word := specialWord(text)
	m.words.put(f.Digest, word)
	return word
}

// errOutdated is returned where the unit is not any more what a preamble was asked for:
// its next compile asks again.
var errOutdated = errors.New("the unit has changed meanwhile")

// try compiles the unit as it is with the new preamble and compares the object with
// the one that was made plainly. Clang emits what headers define, other than inline
// functions and templates, in another order from a preamble than from the headers (the
// order in which it wrote the declarations): fmt's format-inl.h is an example. The
// order does not depend on the rest of the unit, so that one comparison tells.
func (m *preambles) try(ctx context.Context, w *work, job *preambleJob, p *preamble) (same bool, err error) {
	rec := job.rec
	if rec == nil || !rec.trusted() || rec.Mode != "" || w.view.Compare(rec.Set) != nil {
		return false, errOutdated
	}
	object := filepath.Join(p.dir, "try.o")
	plain := filepath.Join(p.dir, "plain.o")
	defer os.Remove(object)
	defer os.Remove(plain)
	k, depfile := job.block.compiler, dependsOf(object)
	defer os.Remove(depfile)
	args := slices.Concat(withoutDependencyFlags(k.tool), k.depfile.args(depfile, rec.Outputs[0].Path))
	args = append(args, "-c", job.block.given, "-o", object)
	if _, err := m.run(ctx, w, append(args, p.args()...)); err != nil {
		return false, err
	}
	if k.depfile.mode != "" {
		made := rec.output(snapshot.Spell(w.root, k.depfile.path(rec.Outputs[0].Path)))
		if same, err := p.sameDepfile(depfile, k, job.block.given, made); err != nil || !same {
			return false, err
		}
	}
	b, err := os.ReadFile(w.view.Abs(rec.Outputs[0].Path))
	if err != nil || cache.HashBytes(b) != rec.Outputs[0].Digest {
		return false, errOutdated
	}
	if err := os.WriteFile(plain, b, 0o600); err != nil {
		return false, err
	}
	if !hasDebug(k.flags.args) {
		ours, _, err := cache.HashFile(object)
		return ours == rec.Outputs[0].Digest, err
	}
	ours, err1 := withoutDebug(ctx, object)
	theirs, err2 := withoutDebug(ctx, plain)
	_, _ = os.Remove(object+".stripped"), os.Remove(plain+".stripped")
	return ours == theirs, errors.Join(err1, err2)
}

// leavesOpen preprocesses the block.
func (m *preambles) leavesOpen(ctx context.Context, w *work, job *preambleJob, front frontEnd, p *preamble) (string, error) {
	text := filepath.Join(p.dir, "block.i")
	defer os.Remove(text)
	defer os.Remove(dependsOf(text))
	args, err := front.to("-E", job.block.given+preambleSuffix, text, p.overlay())
	if err != nil {
		return "", err
	}
	if _, err := m.run(ctx, w, args); err != nil {
		return "", err
	}
	b, err := os.ReadFile(text)
	if err != nil {
		return "", err
	}
	return openState(bytes.NewReader(b))
}
