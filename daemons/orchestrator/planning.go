package orchestrator

import (
	"fmt"

	"github.com/RepliBuild/replibuild/ipc"
)

// changes is what discovery said.
type changes struct {
	dirty map[string][]ipc.Cause // by node
	sets  map[string]string      // what discovery knows the inputs of dirty nodes by, where they are unchanged
}

// look asks discovery what has changed, after it has taken all records. A discovery
// that cannot say makes the build look at everything.
func (b *build) look() (changes, error) {
	b.settle()
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
	return seen, nil
}

// believe reports whether discovery has every record that memory knows of. A
// stand-in that took over has none, whatever its token says.
func (b *build) believe(token string) bool {
	if b.discovery.replaced() && !b.distrust {
		b.distrust = true
		b.memory.forget()
		return false
	}
	return b.memory.trust(token)
}

// startOver makes discovery forget its nodes with the next record. In mid-build the
// plan is kept, and recorded again.
func (b *build) startOver() {
	b.recorder.clear()
	if b.plan != nil {
		b.memory.adopt(b.plan, b.envHash, b.job.req.Env)
		b.recorder.add(b.plan.Track)
	}
}

// nothingToDo reports whether a build of the same scope succeeded and nothing has
// changed since: neither environment, plan, inputs nor outputs.
func (b *build) nothingToDo(seen changes) (goodness, bool) {
	good, known := b.memory.good[scopeKey(b.job.req)]
	same := len(seen.dirty) == 0 && b.memory.envHash == b.envHash && b.plan == nil
	return good, known && same && !b.job.req.NoCache && !b.commandsLost()
}

// loadPlan takes the plan from memory while nothing that it was made from has
// changed, else from setup. What an earlier plan's actions made is removed then; if that
// was anything, the changes that are returned were asked for again.
func (b *build) loadPlan(seen changes) (changes, error) {
	m := b.memory
	_, dirty := seen.dirty[planNode]
	if m.plan != nil && !dirty && m.recorded[planNode] && m.envHash == b.envHash {
		b.plan = m.plan
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
		b.plan, m.envHash, m.env = m.plan, b.envHash, b.job.req.Env
		return seen, nil
	}
	if reply.Plan == nil {
		return seen, ipc.Errorf(ipc.CodeInternal, "setup answered without a plan")
	}
	if reply.Plan.Root != b.s.cfg.Root {
		return seen, ipc.Errorf(ipc.CodeInternal, "setup sent the plan of another folder, %s", reply.Plan.Root).
			WithHint("`replibuild restart` makes the daemons read the project again")
	}
	if err := checkPlan(reply.Plan); err != nil {
		return seen, err
	}
	removed, gone := b.outputs.tidy(reply.Plan)
	b.adopt(reply.Plan, seen, gone)
	if removed == 0 {
		return seen, nil
	}
	return b.look()
}

// checkPlan holds the plan's indices inside its tables: a setup daemon of another
// version must not be able to end this one.
func checkPlan(p *ipc.Plan) error {
	wrong := func(what string) error {
		return ipc.Errorf(ipc.CodeInternal, "setup sent a plan that does not hold together: %s", what).
			WithHint("`replibuild restart` starts all daemons from one version")
	}
	for i, c := range p.Commands {
		if c.Toolchain < 0 || c.Toolchain >= len(p.Toolchains) {
			return wrong(fmt.Sprintf("command %d has toolchain %d of %d", i, c.Toolchain, len(p.Toolchains)))
		}
	}
	for _, t := range p.Targets {
		if t.Toolchain < 0 || t.Toolchain >= len(p.Toolchains) {
			return wrong(fmt.Sprintf("target %s has toolchain %d of %d", t.Name, t.Toolchain, len(p.Toolchains)))
		}
	}
	for _, u := range p.Units {
		if u.Command < 0 || u.Command >= len(p.Commands) {
			return wrong(fmt.Sprintf("unit %s has command %d of %d", u.ID, u.Command, len(p.Commands)))
		}
	}
	for _, s := range p.Steps {
		if len(s.Outputs) == 0 {
			return wrong("step " + s.ID + " makes nothing")
		}
	}
	return nil
}

func (b *build) askForPlan(req ipc.PlanRequest) (reply ipc.PlanReply, err error) {
	err = b.setup.call(b.job.ctx, func(s ipc.Setup) error {
		reply, err = s.Plan(b.job.ctx, req)
		return err
	})
	return reply, err
}

// adopt makes p the plan: discovery hears what it was made from and what is no part
// of it any more. gone are nodes whose files were removed.
func (b *build) adopt(p *ipc.Plan, seen changes, gone []string) {
	isNew := b.memory.planID != p.ID
	gone = append(gone, b.memory.adopt(p, b.envHash, b.job.req.Env)...)
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
	b.plan = p
	b.s.plan.Store(p)
	if isNew {
		b.s.history.costs.keep(nodes)
		for _, text := range p.Notices {
			b.emit(ipc.Notice{Level: "warning", Message: text})
		}
	}
}

// unitsToDo are the units of the scope that may not be up to date, in the order in
// which they are to be compiled.
func (b *build) unitsToDo(seen changes) []ipc.BatchUnit {
	var todo []ipc.BatchUnit
	for _, u := range b.scope.units {
		causes, dirty := seen.dirty[u.ID]
		if dirty || !b.memory.recorded[u.ID] || b.job.req.NoCache {
			todo = append(todo, ipc.BatchUnit{Unit: u, Causes: causes, Set: seen.sets[u.ID]})
		}
	}
	newSchedule(b.plan, b.costs).order(todo)
	return todo
}

// announce says what there is to do, as far as it is known now. steps is how many seconds
// the steps before it are expected to take.
func (b *build) announce(units []ipc.BatchUnit, seen changes, steps float64) {
	nodes := make([]string, len(units))
	for i, u := range units {
		nodes[i] = u.ID
	}
	left := steps + newSchedule(b.plan, b.costs).expected(units, b.slots())
	b.expected += left
	b.correction = b.s.history.correction(len(units))
	b.emit(ipc.BuildPlanned{
		Units: len(b.scope.units), Targets: b.targetsToDo(units, seen), Dirty: len(units),
		Expected: left * b.correction, Nodes: nodes,
	})
}

// targetsToDo counts the targets that may have to be linked.
func (b *build) targetsToDo(units []ipc.BatchUnit, seen changes) int {
	touched := map[string]bool{}
	for _, u := range units {
		touched[u.Target] = true
	}
	n := 0
	for _, t := range b.scope.targets {
		_, dirty := seen.dirty[linkNode(t.Name)]
		for _, d := range t.Depends {
			dirty = dirty || touched[d]
		}
		if dirty || touched[t.Name] || !b.memory.recorded[linkNode(t.Name)] {
			touched[t.Name] = true
			n++
		}
	}
	return n
}
