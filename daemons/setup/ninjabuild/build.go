package ninjabuild

import (
	"context"
	"errors"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/buildlog"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/depfile"
)

// Exit codes.
const (
	exitSuccess     = 0
	exitFailure     = 1
	exitInterrupted = 130
)

// builder runs one plan.
type builder struct {
	*plan
	opts     *options
	runner   Runner
	env      []string
	slots    *slots    // of a make above us, or nil
	listener Listener  // or nil
	began    time.Time // of the whole program: times in the log count from here
	stamp    string    // a file whose time is the file system's now
	running  map[*ninja.Edge]*run
	ended    chan ended
	ahead    ahead
	pretend  []ended // of a dry run: edges that did not run, in order
	code     int     // of the last command that failed

	startTime, finishTime *metric
}

// run is an edge that runs.
type run struct {
	start time.Duration
	mtime int64 // the file system's time at the start, 0 if it is unknown
	slot  slot
	over  bool // its result was received
	asked bool // whether its result is known already: no process runs for it yet

	records []buildlog.Entry // of its outputs, before it started
	told    Edge             // what the listener was told
}

// ended is an edge that has run.
type ended struct {
	edge   *ninja.Edge
	result Result
	missed bool // there was no result for it: it has to be run
}

var (
	errInterrupted = errors.New("interrupted by user")
	errStuck       = errors.New("stuck [this is a bug]")
)

// build runs the plan to its end. The error says why it stopped early.
func (b *builder) build(ctx context.Context) (code int, err error) {
	b.tellPlan()
	b.start()
	b.running = make(map[*ninja.Edge]*run)
	b.ended = make(chan ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.ahead.asking.Wait()
	failuresLeft := b.opts.keepGoing
	for b.moreToDo() {
		if failuresLeft > 0 {
			if err := b.startMore(ctx); err != nil {
				b.abort(cancel)
				return exitFailure, err
			}
			if len(b.running) == 0 && !b.moreToDo() {
				break
			}
		}
		if len(b.running) == 0 {
			err := b.dropMissed()
			b.status.end()
			return max(b.code, exitFailure), errors.Join(b.stopReason(failuresLeft), err)
		}
		r, free := b.wait(ctx, failuresLeft > 0)
		if free {
			continue
		}
		if r == nil || r.result.Interrupted {
			b.abort(cancel)
			return exitInterrupted, errInterrupted
		}
		if err := b.finish(r); err != nil {
			b.abort(cancel)
			return max(b.code, exitFailure), err
		}
		if r.result.Code != 0 && failuresLeft > 0 {
			failuresLeft--
		}
	}
	b.cleanUp()
	b.status.end()
	return exitSuccess, nil
}

func (b *builder) stopReason(failuresLeft int) error {
	switch {
	case failuresLeft == 0 && b.opts.keepGoing > 1:
		return errors.New("subcommands failed")
	case failuresLeft == 0:
		return errors.New("subcommand failed")
	case failuresLeft < b.opts.keepGoing:
		return errors.New("cannot make progress due to previous errors")
	}
	return errStuck
}

// startMore starts what may run now.
func (b *builder) startMore(ctx context.Context) error {
	if err := b.askAhead(ctx); err != nil {
		return err
	}
	for capacity := b.capacity(); capacity > 0 && !b.ahead.holds(); {
		if b.ready.Len()+len(b.ahead.missed) == 0 {
			return nil
		}
		granted, ok := b.slots.acquire()
		if !ok {
			return nil
		}
		if m, ok := b.nextMissed(); ok {
			b.startMissed(ctx, m, granted)
			capacity = min(capacity-1, b.capacity())
			continue
		}
		e := b.next()
		if e.IsPhony() {
			b.slots.release(granted)
			if err := b.finished(e, true); err != nil {
				return err
			}
			continue
		}
		if err := b.startEdge(ctx, e, granted); err != nil {
			return err
		}
		capacity = min(capacity-1, b.capacity())
	}
	return nil
}

// capacity is how many commands more may run.
func (b *builder) capacity() int {
	n := b.opts.jobs - len(b.running) + b.ahead.asked
	if b.slots != nil || b.opts.dryRun {
		n = math.MaxInt // make's slots are the limit, or there is none
	}
	if b.opts.maxLoad > 0 {
		n = min(n, int(b.opts.maxLoad-loadAverage()))
	}
	if n <= 0 && len(b.running) == 0 {
		return 1 // so that the build goes on
	}
	return max(n, 0)
}

func (b *builder) startEdge(ctx context.Context, e *ninja.Edge, granted slot) error {
	defer b.startTime.time()()
	r := &run{start: time.Since(b.began), slot: granted}
	b.running[e] = r
	b.describeRun(e, r)
	b.status.start(e, r.start)
	b.tellStart(r)
	if b.opts.dryRun {
		b.pretend = append(b.pretend, ended{edge: e})
		return nil
	}
	if err := b.prepare(e, r); err != nil {
		delete(b.running, e)
		b.slots.release(granted)
		return err
	}
	if e.Is("generator") {
		if err := b.log.Close(); err != nil { // it may call ninja, which writes the log anew
			return err
		}
	}
	b.launch(ctx, e)
	return nil
}

// launch has the runner run an edge.
func (b *builder) launch(ctx context.Context, e *ninja.Edge) {
	c := b.command(e)
	go func() { b.ended <- ended{edge: e, result: b.runner.Run(ctx, c)} }()
}

// prepare makes folders and the response file, and notes the file system's time.
func (b *builder) prepare(e *ninja.Edge, r *run) error {
	for i, o := range e.Outputs {
		if err := b.disk.makeParents(o.Path); err != nil {
			return err
		}
		if i == 0 {
			r.mtime = b.fileTime()
		}
	}
	if path := e.Depfile(); path != "" {
		if err := b.disk.makeParents(path); err != nil {
			return err
		}
	}
	if path := e.Rspfile(); path != "" {
		if err := b.disk.makeParents(path); err != nil {
			return err
		}
		if err := b.disk.write(path, e.Binding("rspfile_content")); err != nil {
			return err
		}
	}
	return b.withdraw(e, r)
}

// fileTime is the file system's time of now, 0 if it is unknown.
func (b *builder) fileTime() int64 {
	if b.disk.write(b.stamp, "") != nil {
		return 0
	}
	t, _ := b.disk.mtime(b.stamp)
	return t
}

// withdraw takes the records of an edge's outputs out of the log. If the command writes its
// output and then fails, or we are killed, no later build may believe the old record.
func (b *builder) withdraw(e *ninja.Edge, r *run) error {
	var void []buildlog.Entry
	for _, o := range e.Outputs {
		if old := b.log.Lookup(o.Path); old != nil {
			r.records = append(r.records, *old)
			void = append(void, buildlog.Entry{Output: old.Output, Start: old.Start, End: old.End})
		}
	}
	return b.writeLog(void)
}

// restore puts the records back if the command has changed no output. An output that was
// written in the tick in which the command began counts as changed: it may have been
// written again.
func (b *builder) restore(e *ninja.Edge, r *run) error {
	for _, o := range e.Outputs {
		if now, err := b.disk.mtime(o.Path); err != nil || now != b.node(o).mtime || now >= r.mtime {
			return nil
		}
	}
	return b.writeLog(r.records)
}

func (b *builder) writeLog(entries []buildlog.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := b.log.Record(entries...); err != nil {
		return errors.New("Error writing to build log: " + reason(err))
	}
	return nil
}

// command is what a runner is told of an edge.
func (b *builder) command(e *ninja.Edge) Command {
	c := commandOf(e)
	c.Dir, c.Env = b.disk.dir, b.env
	c.HasDeps = b.deps.Lookup(e.Outputs[0].Path) != nil
	c.Linked = func(program string) bool {
		dir, err := filepath.Abs(b.disk.at("."))
		return err == nil && isLinked(e, FileName(dir, program))
	}
	return c
}

// isLinked reports whether an input of an edge is a program that a link of the manifest makes.
func isLinked(e *ninja.Edge, program string) bool {
	for _, n := range e.Inputs {
		if n.In == nil || n.In.IsPhony() || n.Path != program {
			continue
		}
		line, _ := splitLine(n.In.Command())
		return slices.ContainsFunc(line, func(words []string) bool { return driverName().MatchString(path.Base(words[0])) })
	}
	return false
}

// commandOf is the command of an edge, without folder and environment.
func commandOf(e *ninja.Edge) Command {
	c := Command{
		Line: e.Command(), Description: e.Binding("description"),
		Depfile: e.Depfile(), Deps: e.Binding("deps"), Rspfile: e.Rspfile(), Pool: e.Pool.Name,
		Console: e.UsesConsole(), Restat: e.Is("restat"), Generator: e.Is("generator"),
	}
	for _, n := range e.Regular() {
		c.Inputs = append(c.Inputs, n.Path)
		c.Always = c.Always || n.In != nil && n.In.IsPhony() && len(n.In.Inputs) == 0
	}
	for _, n := range e.Outputs {
		c.Outputs = append(c.Outputs, n.Path)
	}
	return c
}

// wait waits for an edge to end; nil is an interrupt. free says that more may be started
// before that.
func (b *builder) wait(ctx context.Context, wantMore bool) (r *ended, free bool) {
	if len(b.pretend) > 0 {
		first := b.pretend[0]
		b.pretend = b.pretend[1:]
		return &first, false
	}
	var slots <-chan struct{}
	if wantMore && b.ready.Len()+len(b.ahead.missed) > 0 {
		watched, stop := b.slots.watch()
		defer stop()
		slots = watched
	}
	select {
	case <-ctx.Done():
		return nil, false
	case <-slots:
		return nil, true
	case r := <-b.ended:
		if run := b.running[r.edge]; run.asked && ctx.Err() != nil {
			run.over = true // the interrupt came first
			return nil, false
		}
		return b.received(r)
	}
}

// finish notes how an edge ended. The error is one that ends the build.
func (b *builder) finish(r *ended) error {
	defer b.finishTime.time()()
	e, run := r.edge, b.running[r.edge]
	if r.result.Err != nil {
		return ninja.FatalError(r.result.Err.Error())
	}
	found, err := b.extractDeps(r)
	if err != nil {
		return err
	}
	delete(b.running, e)
	b.slots.release(run.slot)
	end := time.Since(b.began)
	b.status.finish(e, run.start, end, r.result)
	b.tellEnd(run, end, r.result)
	if r.result.Code != 0 {
		b.code = r.result.Code
		if err := b.restore(e, run); err != nil {
			return err
		}
		return b.finished(e, false)
	}
	mtime, err := b.restat(e, run)
	if err != nil {
		return err
	}
	if err := b.finished(e, true); err != nil {
		return err
	}
	if b.opts.dryRun {
		return nil
	}
	return b.record(e, run, end, mtime, found)
}

// restat looks at outputs that the command may not have changed, and returns the time to
// record.
func (b *builder) restat(e *ninja.Edge, r *run) (mtime int64, err error) {
	if b.opts.dryRun {
		return 0, nil
	}
	mtime = r.mtime
	restat := e.Is("restat")
	if mtime != 0 && !restat && !e.Is("generator") {
		return mtime, nil
	}
	cleaned := false
	for _, o := range e.Outputs {
		now, err := b.disk.mtime(o.Path)
		if err != nil {
			return 0, err
		}
		mtime = max(mtime, now)
		if restat && b.node(o).mtime == now {
			b.clean(o) // one that is still missing, too
			cleaned = true
		}
	}
	if cleaned {
		return r.mtime, nil
	}
	return mtime, nil
}

// record writes what the next build has to know.
func (b *builder) record(e *ninja.Edge, r *run, end time.Duration, mtime int64, found *foundDeps) error {
	if path := e.Rspfile(); path != "" && !b.opts.keepRsp {
		if _, err := b.disk.remove(path); err != nil {
			b.opts.warn(err.Error())
		}
	}
	hash := b.log.HashCommand(e.HashedCommand())
	entries := make([]buildlog.Entry, len(e.Outputs))
	for i, o := range e.Outputs {
		entries[i] = buildlog.Entry{Output: o.Path, Start: int(r.start.Milliseconds()), End: int(end.Milliseconds()), Mtime: mtime, Hash: hash}
	}
	if err := b.writeLog(entries); err != nil {
		return err
	}
	if found == nil {
		return nil
	}
	for _, o := range e.Outputs {
		t, err := b.disk.mtime(o.Path)
		if err != nil {
			return err
		}
		if err := b.deps.Record(o.Path, t, found.inputs); err != nil {
			return errors.New("Error writing to deps log: " + reason(err))
		}
	}
	return nil
}

// foundDeps are the inputs that a command named.
type foundDeps struct{ inputs []string }

// extractDeps takes the inputs from a depfile, or from the output of a compiler of
// Microsoft's. If that fails, the command counts as failed.
func (b *builder) extractDeps(r *ended) (*foundDeps, error) {
	kind := r.edge.Binding("deps")
	switch {
	case kind == "":
		return nil, nil
	case kind != "gcc" && kind != "msvc":
		return nil, ninja.FatalError("unknown deps type '" + kind + "'")
	case b.opts.dryRun:
		return nil, nil
	case r.result.Untouched:
		return b.depsOfLog(r.edge), nil
	}
	var inputs []string
	var err error
	if kind == "gcc" {
		inputs, err = b.depsOfFile(r.edge)
	} else {
		inputs, r.result.Output = showIncludes(r.result.Output, r.edge.Binding("msvc_deps_prefix"))
	}
	if err != nil && r.result.Code == 0 {
		if len(r.result.Output) > 0 {
			r.result.Output = append(r.result.Output, '\n')
		}
		r.result.Output = append(r.result.Output, err.Error()...)
		r.result.Code = exitFailure
	}
	return &foundDeps{inputs}, nil
}

// depsOfLog are the inputs that the command named when it ran last.
func (b *builder) depsOfLog(e *ninja.Edge) *foundDeps {
	found := &foundDeps{}
	if old := b.deps.Lookup(e.Outputs[0].Path); old != nil {
		for i := range old.Len() {
			found.inputs = append(found.inputs, b.deps.Path(old.ID(i)))
		}
	}
	return found
}

// depsOfFile reads a depfile, and removes it.
func (b *builder) depsOfFile(e *ninja.Edge) ([]string, error) {
	path := e.Depfile()
	if path == "" {
		return nil, errors.New("edge with deps=gcc but no depfile makes no sense")
	}
	text, err := b.disk.read(path)
	if err != nil && !missing(err) {
		return nil, err
	}
	if text == "" {
		return nil, nil
	}
	rule, err := depfile.Parse(text)
	if err != nil {
		return nil, err
	}
	inputs := make([]string, len(rule.Inputs))
	for i, in := range rule.Inputs {
		inputs[i] = ninja.Canonical(in)
	}
	if !b.opts.keepDepfile {
		if _, err := b.disk.remove(path); err != nil {
			return nil, errors.New("deleting depfile: " + err.Error() + "\n")
		}
	}
	return inputs, nil
}

// abort ends all commands, waits until they are gone, and removes what they may have left
// half written.
func (b *builder) abort(cancel context.CancelFunc) {
	cancel()
	var edges []*ninja.Edge
	left := 0
	for e, r := range b.running {
		edges = append(edges, e)
		if !r.over && !b.opts.dryRun {
			left++
		}
	}
	for range left {
		<-b.ended
	}
	b.abandoned()
	if err := b.dropMissed(); err != nil {
		b.opts.fail(err)
	}
	slices.SortFunc(edges, func(x, y *ninja.Edge) int { return x.ID - y.ID })
	for _, e := range edges {
		b.slots.release(b.running[e].slot)
		b.removeOutputs(e)
		if err := b.restore(e, b.running[e]); err != nil {
			b.opts.fail(err)
		}
	}
	b.cleanUp()
	b.status.end()
}

// cleanUp removes the file that was written to learn the time of the file system.
func (b *builder) cleanUp() {
	if !b.opts.dryRun {
		b.disk.remove(b.stamp)
	}
}

// removeOutputs removes the outputs of a command that was interrupted, if it has changed
// them, or might have written its depfile without them.
func (b *builder) removeOutputs(e *ninja.Edge) {
	depfile := e.Depfile()
	for _, o := range e.Outputs {
		now, err := b.disk.mtime(o.Path)
		if err != nil {
			b.opts.fail(err)
			continue
		}
		if depfile != "" || now != b.node(o).mtime {
			b.disk.remove(o.Path)
		}
	}
	if depfile != "" {
		b.disk.remove(depfile)
	}
}

// loadAverage is the number of processes that want to run, over the last minute.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
