package orchestrator

import (
	"fmt"
	"slices"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// changes is what discovery said.
type changes struct {
	dirty     map[string][]ipc.Cause     // by node
	variables map[int]environment.Change // by the set of variables that a node has: the one that changed
	sets      map[string]string          // what discovery knows the inputs of dirty nodes by, where they are unchanged
}

// look asks discovery what has changed, after it has taken all records. If discovery
// cannot answer, the build looks at everything.
func (b *build) look() (changes, error) {
	b.takeRecords(b.recorder.flushAndHold) // requests may be running, whose records would change the token
	defer b.recorder.resume()
	ctx := b.job.ctx
	var reply ipc.SyncReply
	err := b.discovery.call(ctx, func(d ipc.Discovery) (err error) {
		reply, err = d.Sync(ctx, ipc.SyncRequest{})
		return err
	})
	if ctx.Err() != nil {
		return changes{}, fmt.Errorf("ask what has changed: %w", ctx.Err())
	}
	if err != nil {
		b.emit(ipc.Notice{
			Level: "warning", Code: ipc.CodeOf(err),
			Message: fmt.Sprintf("cannot find out what has changed, checking every file: %v", err),
			Hint:    "`replibuild logs discovery` says what happened",
		})
		reply = ipc.SyncReply{}
	}
	believed := b.believe(reply.Token)
	if !believed {
		b.startOver()
	}
	seen := changes{dirty: make(map[string][]ipc.Cause, len(reply.Dirty)), sets: make(map[string]string)}
	for _, n := range reply.Dirty {
		seen.dirty[n.ID] = n.Causes
		if believed && n.Set != "" { // else discovery is about to forget it
			seen.sets[n.ID] = n.Set
		}
	}
	seen.variables = b.lastBuild.asked.Changed(b.variables)
	return seen, nil
}

// believe reports whether discovery has every record that lastBuild knows of. A local
// service that took over has none, whatever its token says.
func (b *build) believe(token string) bool {
	if b.discovery.replaced() && !b.distrust {
		b.distrust = true
		b.lastBuild.forget()
		return false
	}
	return b.lastBuild.trust(token)
}

// startOver makes discovery forget its nodes with the next record. In mid-build the
// plan is kept, and recorded again.
func (b *build) startOver() {
	b.recorder.clear()
	if b.plan != nil {
		b.lastBuild.adopt(b.graph, b.job.req.Env)
		b.recorder.add(b.plan.Track)
	}
}

// nothingToDo reports whether a build of the same scope succeeded and nothing has
// changed since: neither environment, plan, inputs nor outputs.
func (b *build) nothingToDo(seen changes) (goodness, bool) {
	good, known := b.lastBuild.good[scopeKey(b.job.req)]
	same := len(seen.dirty) == 0 && len(seen.variables) == 0 && b.lastBuild.planFits(b.job.req.Env) && b.plan == nil
	return good, known && same && !b.job.req.NoCache && !b.commandsLost()
}

// loadPlan keeps the plan while none of its inputs has changed, else asks setup. Then it
// removes outputs that only an earlier plan made; if it removed any, it asks for the
// changes again and returns those.
func (b *build) loadPlan(seen changes) (changes, error) {
	m := b.lastBuild
	_, dirty := seen.dirty[planNode]
	if m.plan != nil && !dirty && m.recorded[planNode] && m.planFits(b.job.req.Env) {
		b.setPlan(m.graph)
		return seen, nil
	}
	req := ipc.PlanRequest{Env: b.job.req.Env}
	if m.plan != nil && !dirty && m.recorded[planNode] {
		req.Known = m.plan.ID // else its Track is needed again, and so the whole plan
	}
	reply, err := b.askForPlan(req)
	if err != nil {
		return seen, err
	}
	if reply.Unchanged && req.Known != "" {
		b.setPlan(m.graph)
		m.madeFor(b.job.req.Env)
		return seen, nil
	}
	if reply.Plan == nil {
		return seen, ipc.Errorf(ipc.CodeInternal, "setup answered without a plan")
	}
	if reply.Plan.Root != b.s.cfg.Root {
		return seen, ipc.Errorf(ipc.CodeInternal, "setup sent the plan of another folder, %s", reply.Plan.Root).
			WithHint("`replibuild restart` makes the daemons read the project again")
	}
	graph, err := newActionGraph(reply.Plan)
	if err != nil {
		return seen, err
	}
	removed, gone := b.outputs.tidy(reply.Plan)
	b.adopt(graph, seen, gone)
	if removed == 0 {
		return seen, nil
	}
	return b.look()
}

func (b *build) askForPlan(req ipc.PlanRequest) (reply ipc.PlanReply, err error) {
	err = b.setup.call(b.job.ctx, func(s ipc.Setup) error {
		reply, err = s.Plan(b.job.ctx, req)
		return err
	})
	return reply, err
}

func (b *build) setPlan(g *actionGraph) { b.graph, b.plan = g, g.plan }

// adopt makes g the graph of this build. It tells discovery what the plan was made from and
// which nodes left it. gone are the nodes whose files were removed.
func (b *build) adopt(g *actionGraph, seen changes, gone []string) {
	p := g.plan
	isNew := b.lastBuild.planID != p.ID
	gone = append(gone, b.lastBuild.adopt(g, b.job.req.Env)...)
	nodes := planNodes(p)
	for id := range seen.dirty {
		if !nodes[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		b.recorder.remove(gone)
	}
	b.recorder.add(p.Track)
	b.setPlan(g)
	b.s.plan.Store(g)
	if isNew {
		b.s.history.costs.keep(nodes)
		for _, text := range p.Notices {
			b.emit(ipc.Notice{Level: "warning", Message: text})
		}
	}
}

// readersOf names the nodes that read some files, and the files; nil if discovery cannot
// tell.
func (b *build) readersOf(files []string) map[string]bool {
	reads := map[string]bool{}
	for _, file := range files {
		var reply ipc.DependentsReply
		err := b.discovery.call(b.job.ctx, func(d ipc.Discovery) (err error) {
			reply, err = d.Dependents(b.job.ctx, ipc.DependentsRequest{Path: file})
			return err
		})
		if err != nil || b.discovery.replaced() { // a stand-in has no records
			return nil
		}
		for _, id := range slices.Concat(reply.Nodes, reply.Missed) {
			reads[id] = true
		}
	}
	return reads
}
