package orchestrator

import (
	"iter"
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// planNode is the ID of the node that stands for the plan itself.
const planNode = "plan"

// nodesOf yields the IDs of everything that a plan makes, and of the plan.
func nodesOf(p *ipc.Plan) iter.Seq[string] {
	return func(yield func(string) bool) {
		more := yield(planNode)
		for i := 0; more && i < len(p.Actions); i++ {
			if a := &p.Actions[i]; a.Kind != ipc.ActionPhony {
				more = yield(a.ID)
			}
		}
	}
}

// planNodes is the set of nodesOf.
func planNodes(p *ipc.Plan) map[string]bool {
	nodes := make(map[string]bool, len(p.Actions)+1)
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
	if old.Root == next.Root && old.BuildDir == next.BuildDir {
		d.actions(same)
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

// actions finds those that run the same command on the same files. What they come after
// may differ.
func (d *planDiff) actions(same map[string]bool) {
	before := make(map[string]*ipc.Action, len(d.old.Actions))
	for i := range d.old.Actions {
		before[d.old.Actions[i].ID] = &d.old.Actions[i]
	}
	for i := range d.next.Actions {
		a := &d.next.Actions[i]
		b := before[a.ID]
		if b == nil || b.Kind != a.Kind || b.Source != a.Source || !slices.Equal(b.Args, a.Args) ||
			!slices.Equal(b.Inputs, a.Inputs) || !slices.Equal(b.Outputs, a.Outputs) {
			continue
		}
		if a.Kind == ipc.ActionCommand || a.Kind != ipc.ActionPhony && d.commandsEqual(b.Command, a.Command) {
			same[a.ID] = true
		}
	}
}

func (d *planDiff) commandsEqual(old, next int) bool {
	pair := [2]int{old, next}
	equal, known := d.sameCommand[pair]
	if !known {
		a, b := d.old.Commands[old], d.next.Commands[next]
		equal = a.Lang == b.Lang && slices.Equal(a.Args, b.Args) && slices.Equal(a.Libs, b.Libs) && d.old.Toolchains[a.Toolchain].Equal(d.next.Toolchains[b.Toolchain])
		d.sameCommand[pair] = equal
	}
	return equal
}
