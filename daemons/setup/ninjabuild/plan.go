package ninjabuild

import (
	"container/heap"
	"errors"
	"slices"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

// want says what a plan has to do with an edge.
type want uint8

const (
	notPlanned  want = iota
	wantNothing      // its inputs may have to be built, it has not
	wantToStart
	wantToFinish // started, or waiting for a slot
)

// plan says which edges have to run, and which can run now.
type plan struct {
	*scan
	status  *status
	targets []*ninja.Node
	planned []*ninja.Edge // every edge that was ever in the plan
	wanted  int           // edges that have to run, phony ones included
	runs    int           // of them, those with a command
	ready   queue
	pools   map[*ninja.Pool]*poolState
}

// poolState is how full a pool is.
type poolState struct {
	used    int
	waiting queue
}

func newPlan(s *scan, st *status) *plan {
	return &plan{scan: s, status: st, ready: queue{scan: s}, pools: make(map[*ninja.Pool]*poolState)}
}

// moreToDo says that a command has to run still.
func (p *plan) moreToDo() bool { return p.wanted > 0 && p.runs > 0 }

// add puts a target and its validations into the plan.
func (p *plan) add(n *ninja.Node) error {
	validations, err := p.target(n)
	if err != nil {
		return err
	}
	if n.In == nil || !p.edge(n.In).ready {
		if err := p.addTarget(n); err != nil {
			return err
		}
	}
	return p.addValidations(validations)
}

func (p *plan) addValidations(nodes []*ninja.Node) error {
	for _, v := range nodes {
		if v.In != nil && !p.edge(v.In).ready {
			if err := p.addTarget(v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *plan) addTarget(n *ninja.Node) error {
	p.targets = append(p.targets, n)
	return p.addNeeded(n, nil, nil)
}

// addNeeded adds the edge that makes a node, and what that needs. walked, if there is one,
// collects the edges that were met.
func (p *plan) addNeeded(n, dependent *ninja.Node, walked map[*ninja.Edge]bool) error {
	e := n.In
	if e == nil {
		if !p.node(n).dirty || !n.InManifest {
			return nil
		}
		needed := ""
		if dependent != nil {
			needed = ", needed by '" + dependent.Path + "',"
		}
		return errors.New("'" + n.Path + "'" + needed + " missing and no known rule to make it")
	}
	st := p.edge(e)
	if st.ready || walked != nil && st.want == wantToFinish {
		return nil
	}
	isNew := st.want == notPlanned
	if isNew {
		st.want = wantNothing
		p.planned = append(p.planned, e)
	}
	if p.node(n).dirty && st.want == wantNothing {
		p.wantEdge(e)
	}
	if walked != nil {
		walked[e] = true
	}
	if !isNew {
		return nil
	}
	for _, in := range e.Inputs {
		if err := p.addNeeded(in, n, walked); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) wantEdge(e *ninja.Edge) {
	p.edge(e).want = wantToStart
	p.wanted++
	if !e.IsPhony() {
		p.runs++
		p.status.added(e)
	}
}

// start orders the edges and queues those that can run.
func (p *plan) start() {
	p.weigh()
	p.status.planned()
	planned := slices.Clone(p.planned)
	slices.SortFunc(planned, func(a, b *ninja.Edge) int { return a.ID - b.ID })
	for _, e := range planned {
		if p.edge(e).want == wantToStart && p.inputsReady(e) {
			p.schedule(e)
		}
	}
	for _, pool := range p.pools {
		p.fill(pool)
	}
}

// weigh finds how long the chain of commands is that begins with each edge: those with a
// long one go first.
func (p *plan) weigh() {
	seen := make([]bool, len(p.edges))
	var order []*ninja.Edge // an edge comes after those that it needs
	var walk func(e *ninja.Edge)
	walk = func(e *ninja.Edge) {
		if e == nil || seen[e.ID] {
			return
		}
		seen[e.ID] = true
		for _, in := range e.Inputs {
			walk(in.In)
		}
		p.edge(e).weight = cost(e)
		order = append(order, e)
	}
	for _, n := range p.targets {
		walk(n.In)
	}
	for _, e := range slices.Backward(order) {
		for _, in := range e.Inputs {
			if in.In != nil {
				st := p.edge(in.In)
				st.weight = max(st.weight, p.edge(e).weight+cost(in.In))
			}
		}
	}
}

// cost is what an edge adds to a chain.
func cost(e *ninja.Edge) int {
	if e.IsPhony() {
		return 0
	}
	return 1
}

func (p *plan) inputsReady(e *ninja.Edge) bool {
	return !slices.ContainsFunc(e.Inputs, func(n *ninja.Node) bool { return n.In != nil && !p.edge(n.In).ready })
}

// schedule queues an edge, in its pool if that is full. Call fill afterwards.
func (p *plan) schedule(e *ninja.Edge) {
	st := p.edge(e)
	if st.want == wantToFinish {
		return // two of its inputs became ready at the same time
	}
	st.want = wantToFinish
	if e.Pool.Depth == 0 {
		heap.Push(&p.ready, e)
		return
	}
	heap.Push(&p.pool(e).waiting, e)
}

func (p *plan) pool(e *ninja.Edge) *poolState {
	state := p.pools[e.Pool]
	if state == nil {
		state = &poolState{waiting: queue{scan: p.scan, depth: e.Pool.Depth}}
		p.pools[e.Pool] = state
	}
	return state
}

// fill queues edges that wait for their pool, while it has room.
func (p *plan) fill(pool *poolState) {
	for pool.used < pool.waiting.depth && pool.waiting.Len() > 0 {
		pool.used++
		heap.Push(&p.ready, heap.Pop(&pool.waiting))
	}
}

// next is the edge to run next, or nil.
func (p *plan) next() *ninja.Edge {
	if p.ready.Len() == 0 {
		return nil
	}
	return heap.Pop(&p.ready).(*ninja.Edge)
}

// finished notes that an edge has ended. After a success it may load dyndep files, and
// queues what can run now.
func (p *plan) finished(e *ninja.Edge, success bool) error {
	st := p.edge(e)
	wanted := st.want != wantNothing
	if wanted && e.Pool.Depth > 0 {
		pool := p.pool(e)
		pool.used--
		p.fill(pool)
	}
	if !success {
		return nil
	}
	if wanted {
		p.wanted--
	}
	st.want = notPlanned
	st.ready = true
	if err := p.loadDyndeps(e); err != nil {
		return err
	}
	for _, o := range e.Outputs {
		for _, next := range o.Out {
			if err := p.maybeReady(next); err != nil {
				return err
			}
		}
	}
	return nil
}

// maybeReady queues an edge of the plan if all its inputs are there.
func (p *plan) maybeReady(e *ninja.Edge) error {
	st := p.edge(e)
	if st.want == notPlanned || !p.inputsReady(e) {
		return nil
	}
	if st.want == wantNothing {
		return p.finished(e, true) // others may wait for it
	}
	if st.want == wantToStart {
		p.schedule(e)
		if e.Pool.Depth > 0 {
			p.fill(p.pool(e))
		}
	}
	return nil
}

// clean notes that a node was not changed after all, and drops the edges that have
// nothing to do then.
func (p *plan) clean(n *ninja.Node) {
	p.node(n).dirty = false
	for _, e := range n.Out {
		st := p.edge(e)
		if st.want == notPlanned || st.want == wantNothing || st.depsMissing {
			continue
		}
		regular := e.Regular()
		if slices.ContainsFunc(regular, func(in *ninja.Node) bool { return p.node(in).dirty }) {
			continue
		}
		var newest *ninja.Node
		for _, in := range regular {
			if newest == nil || p.node(in).mtime > p.node(newest).mtime {
				newest = in
			}
		}
		if p.outputsDirty(e, newest) {
			continue
		}
		for _, o := range e.Outputs {
			p.clean(o)
		}
		st.want = wantNothing
		p.wanted--
		if !e.IsPhony() {
			p.runs--
			p.status.removed(e)
		}
	}
}

// loadDyndeps loads the dyndep files that an edge has made, and plans what they bring.
func (p *plan) loadDyndeps(e *ninja.Edge) error {
	var files []*ninja.Node
	var found []ninja.Discovery
	for _, o := range e.Outputs {
		if !o.DyndepPending {
			continue
		}
		some, err := p.loadDyndep(o)
		if err != nil {
			return err
		}
		files, found = append(files, o), append(found, some...)
	}
	if len(files) == 0 {
		return nil
	}
	if err := p.refresh(files); err != nil {
		return err
	}
	walked := make(map[*ninja.Edge]bool)
	for _, d := range found {
		if st := p.edge(d.Edge); st.ready || st.want == notPlanned {
			continue
		}
		for _, in := range d.Inputs {
			if err := p.addNeeded(in, d.Edge.Outputs[0], walked); err != nil {
				return err
			}
		}
	}
	for _, n := range files {
		for _, out := range n.Out {
			if p.edge(out).want != notPlanned {
				walked[out] = true
			}
		}
	}
	return p.maybeReadyAll(walked)
}

func (p *plan) maybeReadyAll(edges map[*ninja.Edge]bool) error {
	sorted := make([]*ninja.Edge, 0, len(edges))
	for e := range edges {
		sorted = append(sorted, e)
	}
	slices.SortFunc(sorted, func(a, b *ninja.Edge) int { return a.ID - b.ID })
	for _, e := range sorted {
		if err := p.maybeReady(e); err != nil {
			return err
		}
	}
	return nil
}

// refresh scans again what depends on dyndep files that were loaded now.
func (p *plan) refresh(files []*ninja.Node) error {
	var dependents []*ninja.Node
	seen := make(map[*ninja.Node]bool)
	var unmark func(n *ninja.Node)
	unmark = func(n *ninja.Node) {
		for _, e := range n.Out {
			st := p.edge(e)
			if st.want == notPlanned || st.mark == unvisited {
				continue
			}
			st.mark = unvisited
			for _, o := range e.Outputs {
				if !seen[o] {
					seen[o] = true
					dependents = append(dependents, o)
					unmark(o)
				}
			}
		}
	}
	for _, n := range files {
		unmark(n)
	}
	for _, n := range dependents {
		validations, err := p.target(n)
		if err != nil {
			return err
		}
		if err := p.addValidations(validations); err != nil {
			return err
		}
		if p.node(n).dirty && p.edge(n.In).want == wantNothing {
			p.wantEdge(n.In)
		}
	}
	return nil
}

// queue orders edges: the longest chain first, then as in the manifest.
type queue struct {
	scan  *scan
	edges []*ninja.Edge
	depth int // of the pool whose edges wait here
}

func (q *queue) add(e *ninja.Edge) { heap.Push(q, e) }

func (q *queue) Len() int { return len(q.edges) }
func (q *queue) Less(i, j int) bool {
	a, b := q.edges[i], q.edges[j]
	if wa, wb := q.scan.edge(a).weight, q.scan.edge(b).weight; wa != wb {
		return wa > wb
	}
	return a.ID < b.ID
}
func (q *queue) Swap(i, j int) { q.edges[i], q.edges[j] = q.edges[j], q.edges[i] }
func (q *queue) Push(x any)    { q.edges = append(q.edges, x.(*ninja.Edge)) }
func (q *queue) Pop() any {
	last := q.edges[len(q.edges)-1]
	q.edges = q.edges[:len(q.edges)-1]
	return last
}
