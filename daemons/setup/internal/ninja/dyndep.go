package ninja

import "errors"

// dyndeps is what a dyndep file says of one edge.
type dyndeps struct {
	edge    *Edge
	outputs []*Node
	inputs  []*Node
	restat  bool
	used    bool
}

// Discovery is what a dyndep file added to an edge.
type Discovery struct {
	Edge   *Edge
	Inputs []*Node
}

// LoadDyndep reads a dyndep file and adds its inputs and outputs to the edges that name it.
func (g *Graph) LoadDyndep(file *Node, read ReadFile) ([]Discovery, error) {
	file.DyndepPending = false
	text, err := read(file.Path)
	if err != nil {
		return nil, errors.New("loading '" + file.Path + "': " + err.Error())
	}
	p := &dyndepParser{parser: &parser{lexer: newLexer(file.Path, text), scope: &Scope{}}, graph: g, byEdge: make(map[*Edge]*dyndeps)}
	if err := p.file(); err != nil {
		return nil, err
	}
	var found []Discovery
	for _, e := range file.Out {
		if e.Dyndep != file {
			continue
		}
		d := p.byEdge[e]
		if d == nil {
			return nil, errors.New("'" + e.Outputs[0].Path + "' not mentioned in its dyndep file '" + file.Path + "'")
		}
		d.used = true
	}
	for _, d := range p.all {
		if !d.used {
			return nil, errors.New("dyndep file '" + file.Path + "' mentions output '" + d.edge.Outputs[0].Path +
				"' whose build statement does not have a dyndep binding for the file")
		}
		if err := d.apply(); err != nil {
			return nil, err
		}
		found = append(found, Discovery{d.edge, d.inputs})
	}
	return found, nil
}

// apply adds what was found to the edge.
func (d *dyndeps) apply() error {
	e := d.edge
	e.restat = e.restat || d.restat
	for _, n := range d.outputs {
		if n.In != nil {
			return errors.New("multiple rules generate " + n.Path)
		}
		n.In = e
		e.Outputs = append(e.Outputs, n)
		e.ImplicitOut++
	}
	e.AddInputs(d.inputs)
	return nil
}

// dyndepParser reads a dyndep file. Its language is a small part of the manifest's.
type dyndepParser struct {
	*parser
	graph  *Graph
	byEdge map[*Edge]*dyndeps
	all    []*dyndeps
}

const versionExpected = "expected 'ninja_dyndep_version = ...'"

func (p *dyndepParser) file() error {
	versionSeen := false
	for {
		var err error
		switch t := p.next(); {
		case t == tokenBuild && versionSeen:
			err = p.statement()
		case t == tokenBuild, t == tokenEOF && !versionSeen:
			err = p.fail(versionExpected)
		case t == tokenIdent && !versionSeen:
			p.unread()
			versionSeen = true
			err = p.version()
		case t == tokenError:
			err = p.fail(p.describe())
		case t == tokenEOF:
			return nil
		case t == tokenNewline:
		default:
			err = p.fail("unexpected " + tokenNames[t])
		}
		if err != nil {
			return err
		}
	}
}

func (p *dyndepParser) version() error {
	name, value, err := p.let()
	if err != nil {
		return err
	}
	if name != "ninja_dyndep_version" {
		return p.fail(versionExpected)
	}
	version := value.eval(p.scope)
	if major, minor := majorMinor(version); major != 1 || minor != 0 {
		return p.fail("unsupported 'ninja_dyndep_version = " + version + "'")
	}
	return nil
}

// statement reads "build OUT | OUTS: dyndep | INS" and its restat.
func (p *dyndepParser) statement() error {
	d, err := p.edge()
	if err != nil {
		return err
	}
	outs, err := p.dyndepOutputs()
	if err != nil {
		return err
	}
	ins, err := p.dyndepInputs()
	if err != nil {
		return err
	}
	if p.peek(tokenIndent) {
		name, value, err := p.let()
		if err != nil {
			return err
		}
		if name != "restat" {
			return p.fail("binding is not 'restat'")
		}
		d.restat = value.eval(p.scope) != ""
	}
	if d.inputs, err = p.nodes(ins); err != nil {
		return err
	}
	d.outputs, err = p.nodes(outs)
	return err
}

// edge reads the first output, which tells what edge is meant.
func (p *dyndepParser) edge() (*dyndeps, error) {
	t, err := p.path()
	if err != nil {
		return nil, err
	}
	if t.empty() {
		return nil, p.fail("expected path")
	}
	path := t.eval(p.scope)
	if path == "" {
		return nil, p.fail("empty path")
	}
	path = Canonical(path)
	n := p.graph.Lookup(path)
	if n == nil || n.In == nil {
		return nil, p.fail("no build statement exists for '" + path + "'")
	}
	if p.byEdge[n.In] != nil {
		return nil, p.fail("multiple statements for '" + path + "'")
	}
	d := &dyndeps{edge: n.In}
	p.byEdge[n.In] = d
	p.all = append(p.all, d)
	return d, nil
}

func (p *dyndepParser) dyndepOutputs() (outs []template, err error) {
	if err := p.none("explicit outputs not supported"); err != nil {
		return nil, err
	}
	if p.peek(tokenPipe) {
		if _, err := p.paths(&outs); err != nil {
			return nil, err
		}
	}
	return outs, p.expect(tokenColon)
}

func (p *dyndepParser) dyndepInputs() (ins []template, err error) {
	if rule, ok := p.ident(); !ok || rule != "dyndep" {
		return nil, p.fail("expected build command name 'dyndep'")
	}
	if err := p.none("explicit inputs not supported"); err != nil {
		return nil, err
	}
	if p.peek(tokenPipe) {
		if _, err := p.paths(&ins); err != nil {
			return nil, err
		}
	}
	if p.peek(tokenPipe2) {
		return nil, p.fail("order-only inputs not supported")
	}
	return ins, p.expect(tokenNewline)
}

// none fails if the next token is a path.
func (p *dyndepParser) none(message string) error {
	t, err := p.path()
	if err == nil && !t.empty() {
		err = p.fail(message)
	}
	return err
}

func (p *dyndepParser) nodes(paths []template) ([]*Node, error) {
	var list []*Node
	for _, t := range paths {
		path := t.eval(p.scope)
		if path == "" {
			return nil, p.fail("empty path")
		}
		list = append(list, p.graph.Node(Canonical(path)))
	}
	return list, nil
}
