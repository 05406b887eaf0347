package orchestrator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// world is a project that exists in memory only: files with content and a time, and
// services that behave as the contract says.
type world struct {
	mu       sync.Mutex
	files    map[string]file
	clock    int64
	includes map[string][]string // by source: the files it reads, if they are there
	plan     ipc.Plan
	planErr  error
	root     string

	discovery   *fakeDiscovery
	setup       *fakeSetup
	compilation *fakeCompilation
}

type file struct {
	text string
	sig  ipc.Signature
}

// newWorld has an executable app of two units with a static library of one.
func newWorld() *world {
	w := &world{files: map[string]file{}, includes: map[string][]string{}}
	w.plan = ipc.Plan{
		ID: "plan-1", Project: "demo", Root: "/demo", BuildDir: "build",
		Toolchains: []ipc.Toolchain{{Family: "clang", CC: "/cc", CXX: "/cxx", Identity: "i1"}},
		Commands:   []ipc.Command{{Lang: "c++", Args: []string{"-O2"}}, {}, {Lang: "c++"}},
	}
	w.addTarget(ipc.Target{Name: "math", Kind: ipc.KindStatic, Output: "build/libmath.a"})
	w.addTarget(ipc.Target{Name: "app", Kind: ipc.KindExecutable, Output: "build/app", Depends: []string{"math"}}, "build/libmath.a")
	w.addUnit("math", "src/math.cpp", "include/math.h")
	w.addUnit("app", "src/main.cpp", "include/math.h")
	w.addUnit("app", "src/util.cpp", "include/util.h")
	w.write("replibuild.toml", "1")
	w.discovery = &fakeDiscovery{w: w, nodes: map[string]node{}}
	w.setup = &fakeSetup{w: w}
	w.compilation = &fakeCompilation{w: w, made: map[string]string{}, fails: map[string]bool{}, calls: map[string]int{}}
	return w
}

// addTarget adds a target without units; libs is what it is linked with.
func (w *world) addTarget(t ipc.Target, libs ...string) {
	w.plan.Targets = append(w.plan.Targets, t)
	a := ipc.Action{ID: ipc.LinkID(t.Name), Kind: ipc.ActionLink, Target: t.Name, Command: 2, Inputs: libs, Outputs: []string{t.Output}}
	if t.Kind == ipc.KindStatic {
		a.Kind, a.Command = ipc.ActionArchive, 1
	}
	w.plan.Actions = append(w.plan.Actions, a)
}

// addUnit adds a unit before the link of its target, after all steps.
func (w *world) addUnit(target, source string, headers ...string) {
	addUnit(&w.plan, target, source)
	w.includes[source] = headers
	for _, path := range append(headers, source) {
		if _, there := w.files[path]; !there {
			w.write(path, "first "+path)
		}
	}
}

func addUnit(p *ipc.Plan, target, source string) {
	u := ipc.Action{
		ID: target + ":" + source, Kind: ipc.ActionCompile, Target: target, Source: source,
		Outputs: []string{"build/obj/" + target + "/" + source + ".o"},
	}
	for step := range p.Steps() {
		u.After = append(u.After, step.ID)
	}
	at := slices.IndexFunc(p.Actions, func(a ipc.Action) bool { return a.ID == ipc.LinkID(target) })
	link := p.Actions[at]
	objects := slices.IndexFunc(append(link.Inputs, ".a"), func(in string) bool { return strings.HasSuffix(in, ".a") })
	link.Inputs = slices.Insert(slices.Clone(link.Inputs), objects, u.Output())
	p.Actions[at] = link
	p.Actions = slices.Insert(p.Actions, at, u)
}

// removeUnit takes a unit out of a plan.
func removeUnit(p *ipc.Plan, id string) {
	u := *p.Action(id)
	p.Actions = slices.DeleteFunc(p.Actions, func(a ipc.Action) bool { return a.ID == id })
	for i := range p.Actions {
		p.Actions[i].Inputs = slices.DeleteFunc(slices.Clone(p.Actions[i].Inputs), func(in string) bool { return in == u.Output() })
	}
}

// addStep adds a step before all units.
func addStep(p *ipc.Plan, step ipc.Action) {
	step.Kind = ipc.ActionCommand
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Kind == ipc.ActionCompile {
			a.After = append(slices.Clip(a.After), step.ID)
		}
	}
	at := slices.IndexFunc(p.Actions, func(a ipc.Action) bool { return a.Kind != ipc.ActionCommand })
	p.Actions = slices.Insert(p.Actions, at, step)
}

// write gives a file content and a new time.
func (w *world) write(path, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(path, text)
}

func (w *world) put(path, text string) {
	w.clock++
	w.files[path] = file{text: text, sig: ipc.Signature{Ino: 1, Mode: 0o100644, Mtime: w.clock}}
}

func (w *world) remove(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, path)
}

// touch gives a file a new time.
func (w *world) touch(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(path, w.files[path].text)
}

// newPlan changes the plan as an edit of replibuild.toml does.
func (w *world) newPlan(change func(*ipc.Plan)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock++
	w.put("replibuild.toml", fmt.Sprint(w.clock))
	p := w.plan
	p.ID = fmt.Sprintf("plan-%d", w.clock)
	p.Commands, p.Actions, p.Targets = slices.Clone(p.Commands), slices.Clone(p.Actions), slices.Clone(p.Targets)
	change(&p)
	w.plan = p
}

// text is what the files say, as a compiler sees them; mu is held.
func (w *world) text(paths ...string) string {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "%s=%s\n", p, w.files[p].text)
	}
	return b.String()
}

// want is what the output of a target has to hold when everything is up to date.
func (w *world) want(target string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []string
	for _, in := range w.plan.Action(ipc.LinkID(target)).Inputs {
		text := w.files[in].text
		for u := range w.plan.Units() {
			if u.Output() == in {
				text = w.object(u)
			}
		}
		parts = append(parts, in+"="+text)
	}
	return strings.Join(parts, "\n")
}

// object is what compiling u makes: a comment does not get into it. mu is held.
func (w *world) object(u *ipc.Action) string {
	text := w.text(w.inputs(u.Source)...)
	var kept []string
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(strings.TrimSpace(line), "//")
		kept = append(kept, code)
	}
	return fmt.Sprint(w.plan.Commands[u.Command].Args, strings.Join(kept, ";"))
}

func (w *world) inputs(source string) []string {
	return append([]string{source}, w.includes[source]...)
}

func (w *world) output(path string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[path].text
}

// track is the record of one node; mu is held.
func (w *world) track(id string, inputs, outputs []string) ipc.Track {
	t := ipc.Track{Nodes: []ipc.NodeRecord{{ID: id}}}
	n := &t.Nodes[0]
	for i, path := range slices.Concat(inputs, outputs) {
		t.Files = append(t.Files, ipc.FileSig{Path: path, Sig: w.files[path].sig})
		if i < len(inputs) {
			n.Inputs = append(n.Inputs, uint32(i))
		} else {
			n.Outputs = append(n.Outputs, uint32(i))
		}
	}
	return t
}

// node is a record of the fake discovery.
type node struct {
	inputs, outputs map[string]ipc.Signature
	unsettled       string
}

type fakeDiscovery struct {
	ipc.Discovery
	w     *world
	nodes map[string]node // of world.mu
	token int
	syncs int
	down  error // what every call answers
	hang  bool  // wait as long as a client does that hears nothing, then down

	records int
}

// clientPatience is how long an ipc client waits for a daemon that says nothing.
const clientPatience = 1200 * time.Millisecond

func (d *fakeDiscovery) answer() error {
	d.w.mu.Lock()
	hang, down := d.hang, d.down
	d.w.mu.Unlock()
	if hang {
		time.Sleep(clientPatience)
		return fmt.Errorf("no heartbeat: %w", ipc.ErrUnreachable)
	}
	return down
}

func (d *fakeDiscovery) Sync(context.Context, ipc.SyncRequest) (ipc.SyncReply, error) {
	if err := d.answer(); err != nil {
		return ipc.SyncReply{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.syncs++
	reply := ipc.SyncReply{Token: fmt.Sprintf("%p-%d", d, d.token), Nodes: len(d.nodes), Mode: "watch"}
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		if causes := d.causes(d.nodes[id]); len(causes) > 0 {
			reply.Dirty = append(reply.Dirty, ipc.DirtyNode{ID: id, Causes: causes})
		}
	}
	return reply, nil
}

func (d *fakeDiscovery) Changes(_ context.Context, r ipc.ChangesRequest) (reply ipc.ChangesReply, err error) {
	if err := d.answer(); err != nil {
		return reply, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		if causes := d.causes(d.nodes[id]); len(causes) > 0 {
			reply.Nodes = append(reply.Nodes, ipc.DirtyNode{ID: id, Causes: causes})
		}
	}
	reply.Count = len(reply.Nodes)
	return reply, nil
}

func (d *fakeDiscovery) causes(n node) (causes []ipc.Cause) {
	if n.unsettled != "" {
		causes = append(causes, ipc.Cause{Kind: ipc.CauseUnsettled})
	}
	for _, path := range slices.Sorted(maps.Keys(n.inputs)) {
		f, there := d.w.files[path]
		switch {
		case there && !n.inputs[path].Exists():
			causes = append(causes, ipc.Cause{Kind: ipc.CauseAppeared, Path: path})
		case !there && n.inputs[path].Exists():
			causes = append(causes, ipc.Cause{Kind: ipc.CauseRemoved, Path: path})
		case f.sig != n.inputs[path]:
			causes = append(causes, ipc.Cause{Kind: ipc.CauseChanged, Path: path})
		}
	}
	for path, sig := range n.outputs {
		if d.w.files[path].sig != sig {
			causes = append(causes, ipc.Cause{Kind: ipc.CauseOutput, Path: path})
		}
	}
	return causes
}

func (d *fakeDiscovery) Record(_ context.Context, r ipc.RecordRequest) (ipc.RecordReply, error) {
	if err := d.answer(); err != nil {
		return ipc.RecordReply{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.records++
	if r.Reset {
		clear(d.nodes)
	}
	for _, id := range r.Forget {
		delete(d.nodes, id)
	}
	for _, n := range r.Nodes {
		kept := node{inputs: map[string]ipc.Signature{}, outputs: map[string]ipc.Signature{}, unsettled: n.Unsettled}
		for _, i := range n.Inputs {
			kept.inputs[r.Files[i].Path] = r.Files[i].Sig
		}
		for _, i := range n.Outputs {
			kept.outputs[r.Files[i].Path] = r.Files[i].Sig
		}
		d.nodes[n.ID] = kept
	}
	d.token++
	return ipc.RecordReply{Token: fmt.Sprintf("%p-%d", d, d.token)}, nil
}

func (d *fakeDiscovery) Dependents(_ context.Context, r ipc.DependentsRequest) (ipc.DependentsReply, error) {
	if err := d.answer(); err != nil {
		return ipc.DependentsReply{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	var reply ipc.DependentsReply
	if n, ok := d.nodes[r.Path]; ok {
		reply.Inputs = slices.Sorted(maps.Keys(n.inputs))
	}
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		if _, reads := d.nodes[id].inputs[r.Path]; reads {
			reply.Nodes = append(reply.Nodes, id)
		}
	}
	return reply, nil
}

type fakeSetup struct {
	ipc.Setup
	w     *world
	plans int
	down  error
}

func (s *fakeSetup) Plan(_ context.Context, r ipc.PlanRequest) (ipc.PlanReply, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.plans++
	if err := cmp.Or(s.down, s.w.planErr); err != nil {
		return ipc.PlanReply{}, err
	}
	p := s.w.plan
	if r.Known == p.ID {
		return ipc.PlanReply{ID: p.ID, Unchanged: true}, nil
	}
	p.Track = s.w.track(planNode, []string{"replibuild.toml"}, nil)
	return ipc.PlanReply{ID: p.ID, Plan: &p}, nil
}

// fakeCompilation makes what the world says, in place where nothing it was made from
// has changed.
type fakeCompilation struct {
	ipc.Compilation
	w     *world
	made  map[string]string // by node: what it was made from last; of world.mu
	fails map[string]bool   // nodes that fail
	calls map[string]int    // how often each node was really made
	order []string          // nodes in the order in which they were begun

	during  func(ctx context.Context, id string) // runs while a node is made, without world.mu
	seconds map[string]float64                   // what nodes say they took
	parallel,
	running, most int
	requests []ipc.RunRequest // all
	batches  []ipc.RunRequest // those with a compile in them
	links    []string         // targets that were asked for
	cancels  []string
	breakAt  string // the connection ends when this unit is begun
	// unrecorded: the connection ends after all results, before the record of this unit.
	unrecorded string
	breakErr   error
}

func (c *fakeCompilation) Run(ctx context.Context, r ipc.RunRequest, fn func(ipc.RunProgress)) (ipc.RunReply, error) {
	c.w.mu.Lock()
	c.requests = append(c.requests, r)
	if slices.ContainsFunc(r.Actions, func(a ipc.RunAction) bool { return a.Kind == ipc.ActionCompile }) {
		c.batches = append(c.batches, r)
	}
	slots := make(chan struct{}, max(1, c.parallel))
	c.w.mu.Unlock()
	var mu sync.Mutex
	sent := uint32(0)
	inOrder := func(p ipc.RunProgress) { // the table of files goes on
		mu.Lock()
		defer mu.Unlock()
		for _, n := range p.Track.Nodes {
			for _, numbers := range [][]uint32{n.Inputs, n.Outputs} {
				for i := range numbers {
					numbers[i] += sent
				}
			}
		}
		sent += uint32(len(p.Track.Files))
		fn(p)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, a := range r.Actions {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ipc.RunReply{}, ctx.Err()
		}
		if a.ID == c.breakAt {
			return ipc.RunReply{}, c.breakErr
		}
		if a.Links() {
			c.w.mu.Lock()
			c.links = append(c.links, a.Target)
			c.w.mu.Unlock()
		}
		wg.Go(func() {
			defer func() { <-slots }()
			c.action(ctx, a, r.NoCache, inOrder)
		})
	}
	wg.Wait()
	if slices.ContainsFunc(r.Actions, func(a ipc.RunAction) bool { return a.ID == c.unrecorded }) {
		return ipc.RunReply{}, c.breakErr
	}
	return ipc.RunReply{}, ctx.Err()
}

func (c *fakeCompilation) action(ctx context.Context, a ipc.RunAction, force bool, fn func(ipc.RunProgress)) {
	r, track := c.make(ctx, a.ID, force, func() (from, result string, inputs []string) { return c.recipe(&a.Action) }, a.Output(),
		func() { fn(ipc.RunProgress{Started: []string{a.ID}}) })
	if ctx.Err() == nil {
		fn(ipc.RunProgress{Finished: []ipc.ActionResult{r}})
		if a.ID != c.unrecorded {
			fn(ipc.RunProgress{Track: track})
		}
	}
}

// recipe says what an action is made from and makes; world.mu is held.
func (c *fakeCompilation) recipe(a *ipc.Action) (from, result string, inputs []string) {
	switch {
	case a.Kind == ipc.ActionCompile:
		inputs = c.w.inputs(a.Source)
		return c.w.text(inputs...) + c.w.object(a), c.w.object(a), inputs
	case a.Links():
		var parts []string
		for _, in := range a.Inputs {
			parts = append(parts, in+"="+c.w.files[in].text)
		}
		all := strings.Join(parts, "\n")
		return all, all, a.Inputs
	}
	text := c.w.text(a.Inputs...)
	code, _, _ := strings.Cut(text, "//") // a generator that ignores comments
	return text, strings.TrimSpace(code), a.Inputs
}

// make does what actions of all kinds have in common.
func (c *fakeCompilation) make(ctx context.Context, id string, force bool, recipe func() (from, result string, inputs []string), output string, started func()) (ipc.ActionResult, ipc.Track) {
	c.w.mu.Lock()
	from, text, inputs := recipe()
	before, there := c.w.files[output]
	if !force && there && c.made[id] == from && before.text == text {
		defer c.w.mu.Unlock()
		return ipc.ActionResult{ID: id, Status: ipc.StatusCached, InPlace: true}, c.w.track(id, inputs, []string{output})
	}
	c.calls[id]++
	c.order = append(c.order, id)
	c.running++
	c.most = max(c.most, c.running)
	during, fails := c.during, c.fails[id]
	signed := c.w.track(id, inputs, nil)
	c.w.mu.Unlock()
	started()
	if during != nil {
		during(ctx, id)
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.running--
	r := ipc.ActionResult{ID: id, Status: ipc.StatusCompiled, Seconds: c.seconds[id], Reason: ipc.Reason{}}
	if fails || ctx.Err() != nil {
		r.Status, r.Exit, r.Diagnostics = ipc.StatusFailed, 1, "error: no"
		r.Reason = ipc.Reason{Code: ipc.ReasonError, Text: "the compiler reported errors"}
		return r, signed
	}
	r.Changed = before.text != text
	c.w.put(output, text)
	c.made[id] = from
	out := c.w.track(id, inputs, []string{output})
	copy(out.Files, signed.Files) // an edit during the compile is no part of it
	return r, out
}

func (c *fakeCompilation) Cancel(_ context.Context, r ipc.CancelRequest) (ipc.CancelReply, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.cancels = append(c.cancels, r.Build)
	return ipc.CancelReply{Cancelled: true}, nil
}

func (c *fakeCompilation) CacheStats(context.Context, ipc.CacheStatsRequest) (ipc.CacheStatsReply, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return ipc.CacheStatsReply{Hits: 7, Misses: int64(len(c.order)), Bytes: 9}, nil
}

func (c *fakeCompilation) Inputs(_ context.Context, r ipc.InputsRequest) (ipc.InputsReply, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	costs := map[string]ipc.InputCost{}
	for u := range c.w.plan.Units() {
		for _, path := range c.w.inputs(u.Source) {
			cost := costs[path]
			costs[path] = ipc.InputCost{Path: path, Units: cost.Units + 1, Seconds: cost.Seconds + r.Seconds[u.ID]}
		}
	}
	reply := ipc.InputsReply{}
	for _, path := range r.Paths {
		reply.Files = append(reply.Files, costs[path])
	}
	if len(r.Paths) == 0 {
		reply.Files = slices.SortedFunc(maps.Values(costs), func(a, b ipc.InputCost) int { return cmp.Compare(b.Seconds, a.Seconds) })
	}
	return reply, nil
}

// taken empties the list of what was made, sorted.
func (c *fakeCompilation) taken() []string {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	made := slices.Sorted(slices.Values(c.order))
	c.order = nil
	return made
}

// local is a backend without a daemon.
func local[T any](name string, service T) Backend[T] {
	return Backend[T]{Name: name, Local: func() (T, func() error, error) {
		return service, func() error { return nil }, nil
	}}
}

// config joins the world's services in one process.
func (w *world) config() Config {
	return Config{
		Root: "/demo", Hub: ipc.NewHub(), QueueSize: 3, Jobs: 2, InProcess: true,
		Discovery:   local(ipc.NameDiscovery, ipc.Discovery(w.discovery)),
		Setup:       local(ipc.NameSetup, ipc.Setup(w.setup)),
		Compilation: local(ipc.NameCompilation, ipc.Compilation(w.compilation)),
	}
}

func (w *world) service(t testing.TB, change ...func(*Config)) *Service {
	t.Helper()
	// The world has no folder: compile_commands.json goes to a real one.
	if w.root == "" {
		w.root = t.TempDir()
	}
	w.plan.Root = w.root
	cfg := w.config()
	cfg.Root = w.root
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// outcome is a build with its events.
type outcome struct {
	ipc.BuildReply
	err    error
	events []ipc.Event
}

func build1(t testing.TB, s *Service, req ipc.BuildRequest) outcome {
	t.Helper()
	var o outcome
	o.BuildReply, o.err = s.Build(context.Background(), req, func(e ipc.Event) { o.events = append(o.events, e) })
	if !req.Detach {
		waitOver(s, o.Build)
	}
	return o
}

// waitOver waits until a build has also written down what it learned, so that a test
// may look at the world without its lock.
func waitOver(s *Service, build string) {
	for build != "" {
		r := s.queue.reply().Running
		if r == nil || r.Build != build {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// built builds everything and expects success.
func built(t testing.TB, s *Service) outcome {
	t.Helper()
	o := build1(t, s, ipc.BuildRequest{})
	if o.err != nil || !o.Success {
		t.Fatalf("build: %+v, %v", o.BuildReply, o.err)
	}
	return o
}

// bodies are the events of one kind.
func bodies[T ipc.EventBody](o outcome) (found []T) {
	for _, e := range o.events {
		if b, ok := e.Body.(T); ok {
			found = append(found, b)
		}
	}
	return found
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// waitIdle waits until no build runs, not even to write down what it learned.
func waitIdle(s *Service) {
	for r := s.queue.reply().Running; r != nil; r = s.queue.reply().Running {
		waitOver(s, r.Build)
	}
}
