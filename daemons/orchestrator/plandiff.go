package orchestrator

import (
	"iter"
	"reflect"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// planNode is the ID of the node that stands for the plan itself.
const planNode = "plan"

// linkNode is the ID of a target's link.
func linkNode(target string) string { return "link:" + target }

// nodesOf yields the IDs of everything that a plan makes, and of the plan.
func nodesOf(p *ipc.Plan) iter.Seq[string] {
	return func(yield func(string) bool) {
		more := yield(planNode)
		for i := 0; more && i < len(p.Units); i++ {
			more = yield(p.Units[i].ID)
		}
		for i := 0; more && i < len(p.Targets); i++ {
			more = yield(linkNode(p.Targets[i].Name))
		}
		for i := 0; more && i < len(p.Steps); i++ {
			more = yield(p.Steps[i].ID)
		}
	}
}

// planNodes is the set of nodesOf.
func planNodes(p *ipc.Plan) map[string]bool {
	nodes := make(map[string]bool, len(p.Units)+len(p.Targets)+len(p.Steps)+1)
	for id := range nodesOf(p) {
		nodes[id] = true
	}
	return nodes
}

// keepUnchanged removes from recorded what next does not make as old did: discovery
// knows files, not command lines.
func keepUnchanged(recorded map[string]bool, old, next *ipc.Plan) {
	if old.ID == next.ID {
		return
	}
	d := planDiff{old: old, next: next, sameCommand: map[[2]int]bool{}}
	same := map[string]bool{planNode: true}
	if slices.Equal(old.Env, next.Env) && old.Root == next.Root && old.BuildDir == next.BuildDir {
		d.units(same)
		d.links(same)
		d.steps(same)
	}
	for id := range recorded {
		if !same[id] {
			delete(recorded, id)
		}
	}
}

// planDiff finds what two plans make in the same way.
type planDiff struct {
	old, next   *ipc.Plan
	sameCommand map[[2]int]bool // index in old, index in next
}

func (d *planDiff) units(same map[string]bool) {
	before := make(map[string]*ipc.Unit, len(d.old.Units))
	for i := range d.old.Units {
		before[d.old.Units[i].ID] = &d.old.Units[i]
	}
	for i := range d.next.Units {
		u := &d.next.Units[i]
		if b := before[u.ID]; b != nil && b.Source == u.Source && b.Object == u.Object && d.commandsEqual(b.Command, u.Command) {
			same[u.ID] = true
		}
	}
}

func (d *planDiff) commandsEqual(old, next int) bool {
	pair := [2]int{old, next}
	equal, known := d.sameCommand[pair]
	if !known {
		a, b := d.old.Commands[old], d.next.Commands[next]
		equal = a.Lang == b.Lang && slices.Equal(a.Args, b.Args) && d.old.Toolchains[a.Toolchain].Equal(d.next.Toolchains[b.Toolchain])
		d.sameCommand[pair] = equal
	}
	return equal
}

// links compares targets with their toolchains and the objects that go into them.
func (d *planDiff) links(same map[string]bool) {
	before, after := objectsByTarget(d.old), objectsByTarget(d.next)
	for _, t := range d.next.Targets {
		b := d.old.Target(t.Name)
		if b == nil || !d.old.Toolchains[b.Toolchain].Equal(d.next.Toolchains[t.Toolchain]) {
			continue
		}
		was := *b
		was.Toolchain = t.Toolchain
		if reflect.DeepEqual(was, t) && slices.Equal(before[t.Name], after[t.Name]) {
			same[linkNode(t.Name)] = true
		}
	}
}

func (d *planDiff) steps(same map[string]bool) {
	for _, s := range d.next.Steps {
		for _, b := range d.old.Steps {
			if reflect.DeepEqual(b, s) {
				same[s.ID] = true
			}
		}
	}
}

// objectsByTarget lists the objects of each target in plan order.
func objectsByTarget(p *ipc.Plan) map[string][]string {
	objects := make(map[string][]string, len(p.Targets))
	for _, u := range p.Units {
		objects[u.Target] = append(objects[u.Target], u.Object)
	}
	return objects
}
