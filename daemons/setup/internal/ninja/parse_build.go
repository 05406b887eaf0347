package ninja

import (
	"slices"
	"strings"
)

// build reads a build statement.
func (p *parser) build() error {
	var outs, ins parts
	var err error
	if outs, err = p.outputs(); err != nil {
		return err
	}
	if err := p.expect(tokenColon); err != nil {
		return err
	}
	name, ok := p.ident()
	if !ok {
		return p.fail("expected build command name")
	}
	rule := p.scope.rule(name)
	if rule == nil {
		return p.fail("unknown build rule '" + name + "'")
	}
	if ins, err = p.inputs(); err != nil {
		return err
	}
	if err := p.expect(tokenNewline); err != nil {
		return err
	}
	scope, err := p.edgeScope()
	if err != nil {
		return err
	}
	e := p.loader.edge()
	e.Rule, e.scope, e.Pool = rule, scope, p.graph.pools[""]
	return p.fill(e, outs, ins)
}

// parts counts the paths of one side of a build statement, in the order in which they are
// written.
type parts struct{ explicit, implicit, orderOnly, validations int }

// outputs reads the paths before the colon into p.outs.
func (p *parser) outputs() (n parts, err error) {
	p.outs = p.outs[:0]
	if n.explicit, err = p.paths(&p.outs); err != nil {
		return n, err
	}
	if p.peek(tokenPipe) {
		if n.implicit, err = p.paths(&p.outs); err != nil {
			return n, err
		}
	}
	if len(p.outs) == 0 {
		return n, p.fail("expected path")
	}
	return n, nil
}

// inputs reads the paths after the rule into p.ins.
func (p *parser) inputs() (n parts, err error) {
	p.ins = p.ins[:0]
	if n.explicit, err = p.paths(&p.ins); err != nil {
		return n, err
	}
	for _, group := range []struct {
		before token
		count  *int
	}{{tokenPipe, &n.implicit}, {tokenPipe2, &n.orderOnly}, {tokenPipeAt, &n.validations}} {
		if p.peek(group.before) {
			if *group.count, err = p.paths(&p.ins); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// paths reads paths until something else comes.
func (p *parser) paths(list *[]template) (n int, err error) {
	for {
		t, err := p.path()
		if err != nil || t.empty() {
			return n, err
		}
		*list = append(*list, t)
		n++
	}
}

// edgeScope reads the indented variables of an edge. Without any, the edge has the scope
// of the file.
func (p *parser) edgeScope() (*Scope, error) {
	if !p.peek(tokenIndent) {
		return p.scope, nil
	}
	scope := &Scope{parent: p.scope, vars: make([]binding, 0, 4)}
	for {
		name, value, err := p.let()
		if err != nil {
			return nil, err
		}
		scope.set(name, value.eval(p.scope))
		if !p.peek(tokenIndent) {
			return scope, nil
		}
	}
}

// fill puts pool and paths into an edge.
func (p *parser) fill(e *Edge, outs, ins parts) error {
	if e.Rule.cyclic {
		e.Cycle = e.findCycle()
	}
	if name := e.Binding("pool"); name != "" {
		pool := p.graph.pools[name]
		if pool == nil {
			return p.fail("unknown pool name '" + name + "'")
		}
		e.Pool = pool
	}
	if err := p.fillOutputs(e, outs); err != nil {
		return err
	}
	inputs := ins.explicit + ins.implicit + ins.orderOnly
	var err error
	if e.Inputs, err = p.resolve(p.ins[:inputs], e.scope); err != nil {
		return err
	}
	if e.Validations, err = p.resolve(p.ins[inputs:], e.scope); err != nil {
		return err
	}
	e.ImplicitIn, e.OrderOnly = ins.implicit, ins.orderOnly
	p.dropSelf(e)
	return p.setDyndep(e)
}

func (p *parser) fillOutputs(e *Edge, outs parts) error {
	e.Outputs = p.list(len(p.outs))
	e.ImplicitOut = outs.implicit
	for _, t := range p.outs {
		path := t.eval(e.scope)
		if path == "" {
			return p.fail("empty path")
		}
		n := p.loader.node(Canonical(path))
		switch n.In {
		case nil:
		case e:
			return p.fail(n.Path + " is defined as an output multiple times")
		default:
			return p.fail("multiple rules generate " + n.Path)
		}
		n.In = e
		e.Outputs = append(e.Outputs, n)
	}
	return nil
}

// resolve turns paths into nodes.
func (p *parser) resolve(paths []template, scope *Scope) ([]*Node, error) {
	list := p.list(len(paths))
	for _, t := range paths {
		path := t.eval(scope)
		if path == "" {
			return nil, p.fail("empty path")
		}
		list = append(list, p.loader.node(Canonical(path)))
	}
	return list, nil
}

// dropSelf removes a phony edge's output from its inputs: CMake before 2.8.12 wrote such.
func (p *parser) dropSelf(e *Edge) {
	if p.opts.PhonyCycleFail || !e.IsPhony() || len(e.Outputs) != 1 || e.ImplicitOut > 0 || e.ImplicitIn > 0 {
		return
	}
	out := e.Outputs[0]
	if !slices.Contains(e.Inputs, out) {
		return
	}
	e.Inputs = slices.DeleteFunc(e.Inputs, func(n *Node) bool { return n == out })
	p.opts.Warn("phony target '" + out.Path + "' names itself as an input; ignoring [-w phonycycle=warn]")
}

func (p *parser) setDyndep(e *Edge) error {
	path := e.dyndepPath()
	if path == "" {
		return nil
	}
	n := p.loader.node(Canonical(path))
	n.DyndepPending = true
	e.Dyndep = n
	if !slices.Contains(e.Inputs, n) {
		return p.fail("dyndep '" + path + "' is not an input")
	}
	return nil
}

// findCycle notes whether variables of the rule can lead to themselves. An edge may cut
// such a cycle by a variable of its own, so it is no mistake of the rule.
func (r *Rule) findCycle() {
	for _, b := range r.bindings {
		if r.reaches(b.name, b.value, 0) {
			r.cyclic = true
		}
	}
}

func (r *Rule) reaches(name string, t template, depth int) bool {
	if depth > len(r.bindings) {
		return true
	}
	for _, piece := range t.pieces {
		if !piece.variable {
			continue
		}
		if next, ok := r.binding(piece.text); ok && (piece.text == name || r.reaches(name, next, depth+1)) {
			return true
		}
	}
	return false
}

// findCycle reports a variable of the edge that leads to itself.
func (e *Edge) findCycle() error {
	for _, b := range e.Rule.bindings {
		if cycle := e.follow(b.name, nil); cycle != nil {
			return FatalError("cycle in rule variables: " + strings.Join(cycle, " -> "))
		}
	}
	return nil
}

// follow returns the way from a variable to itself.
func (e *Edge) follow(name string, way []string) []string {
	if name == "in" || name == "in_newline" || name == "out" || e.scope.find(name) >= 0 {
		return nil
	}
	t, ok := e.Rule.binding(name)
	if !ok {
		return nil
	}
	if i := slices.Index(way, name); i >= 0 {
		return append(way[i:], name)
	}
	way = append(slices.Clone(way), name)
	for _, piece := range t.pieces {
		if piece.variable {
			if cycle := e.follow(piece.text, way); cycle != nil {
				return cycle
			}
		}
	}
	return nil
}
