package ninja

import "errors"

// ReadFile returns the content of a file, and an error in the words of the system, such as
// "No such file or directory".
type ReadFile func(path string) (string, error)

// Options are what the caller decides.
type Options struct {
	Version        string       // our version, for ninja_required_version
	Warn           func(string) // gets warnings; may be nil
	PhonyCycleFail bool         // a phony edge that names itself stays a cycle, and so an error
}

// FatalError is a mistake that ninja prints as "fatal" and not as "error".
type FatalError string

func (e FatalError) Error() string { return string(e) }

// Load reads a manifest and the files that it includes.
func Load(path string, read ReadFile, opts Options) (*Graph, error) {
	l := &loader{graph: newGraph(), read: read, opts: opts}
	if opts.Warn == nil {
		l.opts.Warn = func(string) {}
	}
	text, err := read(path)
	if err != nil {
		return nil, errors.New("loading '" + path + "': " + err.Error())
	}
	l.reserve(len(text))
	if err := l.file(path, text, l.graph.top, 0); err != nil {
		return nil, err
	}
	l.linkInputs()
	return l.graph, nil
}

// loader is the state of one Load.
type loader struct {
	graph *Graph
	read  ReadFile
	opts  Options

	// Nodes, edges and lists are cut from larger pieces: a manifest has hundreds of
	// thousands of them.
	nodePool []Node
	edgePool []Edge
	listPool []*Node
}

// chunk is how many nodes, edges or positions are allocated at once.
const chunk = 1024

// bytesPerNode is about how much of a manifest of CMake or Meson there is for each path, for
// the first size of the tables.
const bytesPerNode = 300

func (l *loader) reserve(size int) {
	n := size / bytesPerNode
	l.graph.nodes = make(map[string]*Node, n)
	l.graph.Nodes = make([]*Node, 0, n)
	l.graph.Edges = make([]*Edge, 0, n)
}

// node returns the node of a canonical path.
func (l *loader) node(path string) *Node {
	if n := l.graph.nodes[path]; n != nil {
		return n
	}
	if len(l.nodePool) == 0 {
		l.nodePool = make([]Node, chunk)
	}
	n := &l.nodePool[0]
	l.nodePool = l.nodePool[1:]
	n.Path, n.ID, n.InManifest = path, len(l.graph.Nodes), true
	l.graph.add(n)
	return n
}

func (l *loader) edge() *Edge {
	if len(l.edgePool) == 0 {
		l.edgePool = make([]Edge, chunk)
	}
	e := &l.edgePool[0]
	l.edgePool = l.edgePool[1:]
	e.ID = len(l.graph.Edges)
	l.graph.Edges = append(l.graph.Edges, e)
	return e
}

// list returns an empty list with room for n nodes.
func (l *loader) list(n int) []*Node {
	if n == 0 {
		return nil
	}
	if n > len(l.listPool) {
		l.listPool = make([]*Node, max(n, 4*chunk))
	}
	list := l.listPool[:0:n]
	l.listPool = l.listPool[n:]
	return list
}

// linkInputs tells every node what reads it. It counts first, so that each list is
// allocated once.
func (l *loader) linkInputs() {
	nodes := l.graph.Nodes
	counts := make([]int32, len(nodes))
	total := 0
	for _, e := range l.graph.Edges {
		for _, n := range e.Inputs {
			counts[n.ID]++
		}
		total += len(e.Inputs)
	}
	pool := make([]*Edge, total)
	for i, n := range nodes {
		c := int(counts[i])
		n.Out = pool[:0:c]
		pool = pool[c:]
	}
	for _, e := range l.graph.Edges {
		for _, n := range e.Inputs {
			n.Out = append(n.Out, e)
		}
		for _, n := range e.Validations {
			n.ValidationOf = append(n.ValidationOf, e)
		}
	}
}
