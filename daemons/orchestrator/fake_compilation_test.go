package orchestrator

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

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
