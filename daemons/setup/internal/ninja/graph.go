package ninja

import (
	"cmp"
	"errors"
	"slices"
)

// Graph is a build: what is made of what, and how.
type Graph struct {
	Nodes    []*Node  // in the order in which they were first named
	Edges    []*Edge  // in the order of the manifest
	Defaults []*Node  // of the default statements
	Files    []string // the manifest and what it included, in the order of reading

	top   *Scope
	nodes map[string]*Node
	pools map[string]*Pool
}

// Node is a file, or a name that stands for other nodes.
type Node struct {
	Path          string
	ID            int     // its position in Graph.Nodes
	In            *Edge   // makes it; nil for a source
	Out           []*Edge // that have it as an input
	ValidationOf  []*Edge
	InManifest    bool // false if only deps or a dyndep file name it: missing is no error then
	DyndepPending bool // a dyndep file that was not loaded yet
}

// Edge is one command, or a phony rule.
type Edge struct {
	ID          int // its position in Graph.Edges
	Rule        *Rule
	Pool        *Pool
	Inputs      []*Node // explicit, implicit, order-only
	ImplicitIn  int
	OrderOnly   int
	Outputs     []*Node // explicit, implicit
	ImplicitOut int
	Validations []*Node
	Dyndep      *Node // says more of the edge once it is made
	Cycle       error // a variable of the rule leads to itself: the edge cannot be run

	scope  *Scope
	restat bool // a dyndep file says so
}

// Pool limits how many of its edges run at the same time.
type Pool struct {
	Name  string
	Depth int // 0 is no limit
}

// ConsolePool is the name of the pool whose edges have the terminal for themselves.
const ConsolePool = "console"

func newGraph() *Graph {
	g := &Graph{
		nodes: make(map[string]*Node),
		pools: map[string]*Pool{"": {}, ConsolePool: {Name: ConsolePool, Depth: 1}},
	}
	phony := &Rule{Name: "phony"}
	g.top = &Scope{rules: map[string]*Rule{phony.Name: phony}}
	return g
}

// Variable returns the value of a variable of the top file, such as builddir.
func (g *Graph) Variable(name string) string { return g.top.lookup(name) }

// Rules returns the rules of the top file, sorted by name; phony is one.
func (g *Graph) Rules() []*Rule {
	var all []*Rule
	for _, r := range g.top.rules {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Rule) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the node of a canonical path, or nil.
func (g *Graph) Lookup(path string) *Node { return g.nodes[path] }

// Node returns the node of a canonical path, and makes it if there is none.
func (g *Graph) Node(path string) *Node {
	if n := g.nodes[path]; n != nil {
		return n
	}
	n := &Node{Path: path, ID: len(g.Nodes)}
	g.add(n)
	return n
}

func (g *Graph) add(n *Node) {
	g.nodes[n.Path] = n
	g.Nodes = append(g.Nodes, n)
}

// ErrNoRoots says that every output is an input of something.
var ErrNoRoots = errors.New("could not determine root nodes of build graph")

// Roots are the outputs that no edge has as an input.
func (g *Graph) Roots() ([]*Node, error) {
	var roots []*Node
	for _, e := range g.Edges {
		for _, o := range e.Outputs {
			if len(o.Out) == 0 {
				roots = append(roots, o)
			}
		}
	}
	if len(g.Edges) > 0 && len(roots) == 0 {
		return nil, ErrNoRoots
	}
	return roots, nil
}

// DefaultNodes are what is built if nothing is asked for: the defaults, else the roots.
func (g *Graph) DefaultNodes() ([]*Node, error) {
	if len(g.Defaults) > 0 {
		return g.Defaults, nil
	}
	return g.Roots()
}

// AddInputs puts implicit inputs that were discovered before the order-only ones.
func (e *Edge) AddInputs(nodes []*Node) {
	at := len(e.Inputs) - e.OrderOnly
	e.Inputs = slices.Insert(e.Inputs, at, nodes...)
	e.ImplicitIn += len(nodes)
	for _, n := range nodes {
		n.Out = append(n.Out, e)
	}
}

// Explicit are the inputs that $in stands for.
func (e *Edge) Explicit() []*Node { return e.Inputs[:len(e.Inputs)-e.ImplicitIn-e.OrderOnly] }

// Regular are the inputs that make the edge dirty: all but the order-only ones.
func (e *Edge) Regular() []*Node { return e.Inputs[:len(e.Inputs)-e.OrderOnly] }

// IsOrderOnly says whether the input at this position is order-only.
func (e *Edge) IsOrderOnly(i int) bool { return i >= len(e.Inputs)-e.OrderOnly }

// IsImplicit says whether the input at this position is implicit.
func (e *Edge) IsImplicit(i int) bool {
	return !e.IsOrderOnly(i) && i >= len(e.Inputs)-e.OrderOnly-e.ImplicitIn
}

// IsPhony says that the edge runs nothing.
func (e *Edge) IsPhony() bool { return e.Rule.Name == "phony" }

// UsesConsole says that the edge's command has the terminal.
func (e *Edge) UsesConsole() bool { return e.Pool.Name == ConsolePool }

// Rule returns the rule of the top file that has this name, or nil.
func (g *Graph) Rule(name string) *Rule { return g.top.rule(name) }
