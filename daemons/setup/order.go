package setup

import (
	"slices"
	"strings"
)

// buildOrder is the graph of a project's steps and targets. A step needs the targets and
// steps whose outputs it runs or reads; a target needs those that it is linked with and
// the steps that make its sources. Besides, the compiles of a target come after every
// step, because any source may include what a step makes, but for steps that need the
// target themselves.
type buildOrder struct {
	nodes []*orderNode // steps first
	of    map[any]*orderNode
}

// orderNode is a step or a target.
type orderNode struct {
	step   *step
	target *target
	needs  []*orderNode
	after  []*step // of a target: the steps that its compiles come after, as in the file
}

func (n *orderNode) name() string {
	if n.step != nil {
		return n.step.name()
	}
	return n.target.name
}

// newBuildOrder makes the graph. If the needs have no cycle, the graph has none.
func newBuildOrder(p *planner) *buildOrder {
	o := &buildOrder{of: map[any]*orderNode{}}
	for _, s := range p.steps {
		o.add(&orderNode{step: s}, s)
	}
	for _, t := range p.targets {
		o.add(&orderNode{target: t}, t)
	}
	for _, n := range o.nodes {
		if n.step != nil {
			o.needStep(n)
		} else {
			o.needTarget(p, n)
		}
	}
	if o.cycle() == nil {
		o.orderCompiles(p)
	}
	return o
}

func (o *buildOrder) add(n *orderNode, key any) {
	o.nodes = append(o.nodes, n)
	o.of[key] = n
}

func (o *buildOrder) needStep(n *orderNode) {
	for _, other := range n.step.needs {
		n.needs = append(n.needs, o.of[other])
	}
	for _, t := range n.step.uses {
		n.needs = append(n.needs, o.of[t])
	}
}

func (o *buildOrder) needTarget(p *planner, n *orderNode) {
	for _, d := range n.target.depends {
		n.needs = append(n.needs, o.of[d])
	}
	for _, source := range n.target.sources {
		if s := p.made[source]; s != nil && !slices.Contains(n.needs, o.of[s]) {
			n.needs = append(n.needs, o.of[s])
		}
	}
}

// orderCompiles puts the compiles of each target after the steps that do not need it.
// Where two steps would have to come after each other, the one that comes first in the
// file wins.
func (o *buildOrder) orderCompiles(p *planner) {
	for _, s := range p.steps {
		n := o.of[s]
		reached := map[*orderNode]bool{}
		n.reach(reached)
		for _, t := range p.targets {
			if of := o.of[t]; !reached[of] {
				of.after = append(of.after, s)
				if !slices.Contains(of.needs, n) {
					of.needs = append(of.needs, n)
				}
			}
		}
	}
}

func (n *orderNode) reach(seen map[*orderNode]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, next := range n.needs {
		next.reach(seen)
	}
}

// before are the steps that come before the compiles of a target.
func (o *buildOrder) before(t *target) []*step { return o.of[t].after }

// sorted lists the nodes, each after those that it needs, else steps first and as in the
// file.
func (o *buildOrder) sorted() []*orderNode {
	var out []*orderNode
	seen := map[*orderNode]bool{}
	var visit func(n *orderNode)
	visit = func(n *orderNode) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, next := range n.needs {
			visit(next)
		}
		out = append(out, n)
	}
	for _, n := range o.nodes {
		visit(n)
	}
	return out
}

// cycle returns the nodes of a cycle: each needs the next, and the last needs the first. It
// returns nil if there is none.
func (o *buildOrder) cycle() []*orderNode {
	const visiting, done = 1, 2
	mark := map[*orderNode]int{}
	var stack []*orderNode
	var visit func(n *orderNode) []*orderNode
	visit = func(n *orderNode) []*orderNode {
		mark[n] = visiting
		stack = append(stack, n)
		for _, next := range n.needs {
			switch mark[next] {
			case visiting:
				return slices.Clone(stack[slices.Index(stack, next):])
			case 0:
				if found := visit(next); found != nil {
					return found
				}
			}
		}
		stack = stack[:len(stack)-1]
		mark[n] = done
		return nil
	}
	for _, n := range o.nodes {
		if mark[n] == 0 {
			if found := visit(n); found != nil {
				return found
			}
		}
	}
	return nil
}

// checkOrder reports a cycle of steps and targets, where its step stands in the file.
func (p *planner) checkOrder() {
	found := newBuildOrder(p).cycle()
	if found == nil {
		return
	}
	isTarget := func(n *orderNode) bool { return n.step == nil }
	what, mend := "steps need", "remove one of these inputs"
	if slices.ContainsFunc(found, isTarget) {
		what, mend = "steps and targets need", "build the tool from sources that it does not make"
	}
	first := slices.IndexFunc(found, func(n *orderNode) bool { return n.step != nil }) // targets alone have no cycle
	found = append(slices.Clone(found[first:]), found[:first+1]...)
	names := make([]string, len(found))
	for i, n := range found {
		names[i] = n.name()
	}
	p.problems.at(found[0].step.table.location, mend, "%s each other in a circle: %s", what, strings.Join(names, " → "))
}
