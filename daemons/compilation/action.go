package compilation

import (
	"context"
	"fmt"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/portable"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// action is one command whose outputs are to be brought up to date: a compile, an archive,
// a link or a command of the plan.
type action struct {
	id       string
	outputs  []string // that the plan declares, as it spells them; the first is the main one
	recipe   *recipe
	recipeID cache.Digest
	causes   []ipc.Cause
	forced   bool // the caller asked not to look it up
	// never says why the result may not be stored whatever it reads, "" if it may.
	never   string
	writing writing
	named   string // the argument that makes the tool need the outputs' own names
	// beside are further files that the command line names and the tool writes.
	beside []string
	// command says more of a command of the plan, nil for compiles, archives and links.
	command *command
	// base is the key of everything known before the inputs are. exact says that it
	// covers what the record's set does not: the order of members.
	base  func() (cache.Digest, error)
	exact bool
	// tool is what makes the outputs, the main one under a name.
	tool func(output string) tool
	line []string // the exact command line, for people
	// audited: a hit may be checked by a plain run of the tool at another place.
	audited bool
	block   *block   // of a unit: what there is to make a preamble of
	share   *sharing // how the result may serve in other folders, nil if it may not
	// expected peak of memory in bytes, 0 = unknown; rank is the place in line, see rankOf.
	expected int64
	rank     float64
	// remaining is what is expected to remain of the build when it has started, in seconds.
	remaining float64
}

// ahead is added to the rank of links, archives and commands: others wait for what they
// make.
const ahead = 1e9

// rankOf is the place in line of what a request asks for: by what remains of the build
// when it has started, along the critical path.
func rankOf(a *ipc.RunAction) float64 {
	if a.Kind == ipc.ActionCompile {
		return a.Remaining
	}
	return ahead + a.Remaining
}

// tool is a process to run and what is to be known of it.
type tool struct {
	args    []string
	subject subject
	tracker tracker
	also    []string // files that it reads and that the tracker need not report
	missed  []string // names that were looked for before it
	// tracedAs is the program for which the tracer is built, "" = the one that runs.
	tracedAs string
	// resident: the program is worth keeping in memory. A clang that starts spends 25 ms
	// on dynamic linking; of a gcc, the driver alone would be resident.
	resident bool
	// hasLinker: it is a driver that can say how it calls the linker.
	hasLinker bool
}

// work is one request being served: one look at the files, one limit.
type work struct {
	s       *Service
	build   string // of the caller, or one of ours
	pin     string // unique: what the cache must keep until the work ends
	root    string
	env     []string    // of processes
	caller  *ipc.Caller // whose settings processes get; nil = ours, or not known
	timeout time.Duration
	// buildDir is the build folder, as the plan spells it.
	buildDir string
	view     *snapshot.Tree
	tiers    []tier   // beyond the project's cache, in the order in which they are asked
	farm     *farmUse // nil = none
	// distrusts: a server gave a wrong result once, so what came from it is not used.
	distrusts bool
	roots     portable.Roots // whose names must not matter there
	gate      *process.Slots // limit of this request, nil = none
	ahead     *process.Slots // in place of all slots where nothing is run, nil where something is
	trace     bool           // tell where the time of each action went
	// timeTrace is the folder for clang's own traces, "" = none.
	timeTrace string
	// started is called for each process that begins to make an output.
	started func(id string)
}

// result is what became of an action, with what to tell discovery.
type result struct {
	ipc.ActionResult
	rec *record // nil if nothing is known
}

// inPlace reports whether all outputs are there already and are what the inputs make.
func (w *work) inPlace(ctx context.Context, a *action, rec *record) bool {
	if rec != nil && rec.Mode == modePreamble && w.s.preambles.refuses(a) != "" {
		return false
	}
	if a.forced || !rec.trusted() || rec.Remote && w.distrusts || rec.Recipe != a.recipeID || !rec.makes(a.outputs) {
		return false
	}
	for _, o := range rec.Outputs {
		if sig := outputSignature(w.view.Abs(o.Path)); sig != o.Sig && !a.command.consumed(o.Path, sig) {
			return false
		}
	}
	if a.exact {
		if base, err := a.base(); err != nil || base != rec.Base {
			return false
		}
	}
	return w.view.Compare(rec.Set) == nil && !w.observedWorse(ctx, a, rec.Observed)
}

// whenInPlace is the result of an action for which nothing was done.
func whenInPlace(a *action, rec *record) result {
	return result{rec: rec, ActionResult: ipc.ActionResult{
		ID: a.id, Status: ipc.StatusCached, InPlace: true, Key: keyText(rec.Action), Bytes: mainBytes(rec.Outputs),
		Reason: ipc.Reason{Code: ipc.ReasonUnchanged, Text: "nothing changed"},
	}}
}

func keyText(d cache.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// attempt is an action on its way: what is known so far.
type attempt struct {
	*action
	begin  time.Time
	rec    *record // of the last time, nil if there is none
	base   cache.Digest
	noBase error          // why there is no base: the source is not there
	before []cache.Digest // content of each declared output before, zero if there was none
	missed cache.MissReason
	near   *snapshot.Difference // between the nearest known set and what is there
	looked bool                 // in the cache
	leave  func()               // the lead
	spans  []ipc.Span           // where its time went so far
	use    preambleUse
	// byDriver: a link without the driver failed, or nobody knows what it read.
	byDriver bool
	// failedThere says how the compile failed on the farm, "" if it did not.
	failedThere string
}

func (w *work) newAttempt(a *action, rec *record) *attempt {
	t := &attempt{action: a, begin: time.Now(), rec: rec, leave: func() {}}
	t.base, t.noBase = a.base()
	return t
}

// begin brings an action as far as it goes without a process. It returns nil if the
// output has to be made, or if another leads (then t.leave is nil).
func (w *work) begin(ctx context.Context, t *attempt) *result {
	leave, other := w.s.singleflight.try(t.base)
	if other != nil {
		t.leave = nil
		return nil
	}
	t.leave = leave
	return w.lookup(ctx, t)
}

// complete brings an action to its end, whatever it takes. place is its place in the
// line, nil if it has none yet.
func (w *work) complete(ctx context.Context, t *attempt, place *place) result {
	if t.leave == nil {
		leave, err := w.s.singleflight.lead(ctx, t.base)
		if err != nil {
			return w.skipped(t, err)
		}
		t.leave = leave
		if r := w.lookup(ctx, t); r != nil {
			leave()
			return *r
		}
	}
	defer t.leave()
	if place == nil {
		place = w.line(t.action, t.rec)
	}
	late := false
	if t.asksFar(w) {
		var r *result
		if r, place, late = w.askServer(ctx, t, place); r != nil {
			return *r
		}
	}
	if t.share != nil && t.looked && !late {
		w.s.tiers.noteMade(w.root, t.outputs)
	}
	w.takePreamble(t)
	there, place := w.onFarm(ctx, t, place)
	if there != nil {
		return w.leavePreamble(t, *there)
	}
	r := w.execute(ctx, t, place)
	if t.failedThere != "" && r.Status == ipc.StatusCompiled {
		w.farm.client.Blame(fmt.Sprintf("a worker failed to compile %s, which compiles here (%s)", t.id, t.failedThere))
	}
	return w.leavePreamble(t, r)
}

func (w *work) skipped(t *attempt, why error) result {
	return result{ActionResult: ipc.ActionResult{ID: t.id, Status: ipc.StatusSkipped, Reason: cancelledReason(why)}}
}
