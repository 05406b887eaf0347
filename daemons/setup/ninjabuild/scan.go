package ninjabuild

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/buildlog"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/depfile"
	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/depslog"
	"github.com/RepliBuild/replibuild/ipc"
)

// nodeState is what a scan knows of a file.
type nodeState struct {
	mtime   int64 // nanoseconds; of a phony output, that of its newest input
	known   bool  // it was looked at
	visited bool  // it is a source, and dirty was decided
	exists  bool
	dirty   bool
}

// edgeState is what scan and plan know of an edge.
type edgeState struct {
	mark        mark
	depsLoaded  bool
	depsMissing bool
	ready       bool // all outputs are up to date and all that they need was built
	want        want
	weight      int // of the longest chain of commands that begins here
}

// mark tells where a scan is.
type mark uint8

const (
	unvisited mark = iota
	visiting
	visited
)

// scan decides what is out of date.
type scan struct {
	graph *ninja.Graph
	disk  disk
	log   *buildlog.Log
	deps  *depslog.Log

	nodes []nodeState // by Node.ID
	edges []edgeState // by Edge.ID
	byDep []*ninja.Node

	stack       []*ninja.Node // the way to the edge that is visited
	validations []*ninja.Node // found in this scan, to be visited later
	explain     *explainer

	doubts func(output string) ipc.Reason // see [Doubter]; nil knows nothing
}

func newScan(g *ninja.Graph, d disk, log *buildlog.Log, deps *depslog.Log, explain *explainer) *scan {
	return &scan{graph: g, disk: d, log: log, deps: deps, explain: explain,
		nodes: make([]nodeState, len(g.Nodes)), edges: make([]edgeState, len(g.Edges))}
}

func (s *scan) node(n *ninja.Node) *nodeState {
	if n.ID >= len(s.nodes) {
		s.nodes = append(s.nodes, make([]nodeState, len(s.graph.Nodes)-len(s.nodes))...)
	}
	return &s.nodes[n.ID]
}

func (s *scan) edge(e *ninja.Edge) *edgeState { return &s.edges[e.ID] }

// ready says that nothing has to be done for a node.
func (s *scan) ready(n *ninja.Node) bool { return n.In == nil || s.edge(n.In).ready }

// stat looks at a file once.
func (s *scan) stat(n *ninja.Node) error {
	st := s.node(n)
	if st.known {
		return nil
	}
	t, err := s.disk.mtime(n.Path)
	if err != nil {
		return err
	}
	st.mtime, st.exists, st.known = t, t != 0, true
	return nil
}

// target scans a node and all that it needs. It returns the validations that were met;
// they are scanned too.
func (s *scan) target(n *ninja.Node) (validations []*ninja.Node, err error) {
	queue := []*ninja.Node{n}
	for len(queue) > 0 {
		s.stack, s.validations = s.stack[:0], nil
		if err := s.visit(queue[0]); err != nil {
			return nil, err
		}
		queue = append(queue[1:], s.validations...)
		validations = append(validations, s.validations...)
	}
	return validations, nil
}

// visit decides whether a node is dirty.
func (s *scan) visit(n *ninja.Node) error {
	e := n.In
	if e == nil {
		return s.visitSource(n)
	}
	switch s.edge(e).mark {
	case visited:
		return nil
	case visiting:
		return s.cycle(n)
	}
	s.validations = append(s.validations, e.Validations...)
	s.edge(e).mark = visiting
	s.stack = append(s.stack, n)
	if err := s.visitEdge(n, e); err != nil {
		return err
	}
	s.edge(e).mark = visited
	s.stack = s.stack[:len(s.stack)-1]
	return nil
}

func (s *scan) visitSource(n *ninja.Node) error {
	if s.node(n).visited {
		return nil
	}
	if err := s.stat(n); err != nil {
		return err
	}
	st := s.node(n)
	st.dirty, st.visited = !st.exists, true
	if st.dirty {
		s.explain.note(n, "%s has no in-edge and is missing", n.Path)
	}
	return nil
}

func (s *scan) visitEdge(n *ninja.Node, e *ninja.Edge) error {
	if e.Cycle != nil {
		return e.Cycle
	}
	s.edge(e).ready, s.edge(e).depsMissing = true, false
	firstTime := !s.edge(e).depsLoaded
	s.edge(e).depsLoaded = true
	if firstTime {
		if err := s.visitDyndep(e); err != nil {
			return err
		}
	}
	for _, o := range e.Outputs {
		if err := s.stat(o); err != nil {
			return err
		}
	}
	dirty := false
	if firstTime {
		found, err := s.loadDeps(e)
		if err != nil {
			return err
		}
		if !found {
			dirty = true
			s.edge(e).depsMissing = true
		}
	}
	newest, inputDirty, err := s.visitInputs(n, e)
	if err != nil {
		return err
	}
	dirty = dirty || inputDirty || s.outputsDirty(e, newest)
	if dirty {
		for _, o := range e.Outputs {
			s.node(o).dirty = true
		}
		if !e.IsPhony() || len(e.Inputs) > 0 {
			s.edge(e).ready = false
		}
	}
	return nil
}

// visitDyndep loads the edge's dyndep file if that is up to date already.
func (s *scan) visitDyndep(e *ninja.Edge) error {
	d := e.Dyndep
	if d == nil || !d.DyndepPending {
		return nil
	}
	if err := s.visit(d); err != nil {
		return err
	}
	if !s.ready(d) {
		return nil
	}
	_, err := s.loadDyndep(d)
	return err
}

func (s *scan) loadDyndep(d *ninja.Node) ([]ninja.Discovery, error) {
	s.explain.note(d, "loading dyndep file '%s'", d.Path)
	return s.graph.LoadDyndep(d, s.disk.read)
}

// visitInputs visits what the edge needs. newest is the input with the latest time.
func (s *scan) visitInputs(n *ninja.Node, e *ninja.Edge) (newest *ninja.Node, dirty bool, err error) {
	// All first: an input's edge may load a dyndep file, and so get outputs that are inputs
	// of this edge.
	for _, in := range e.Inputs {
		if err := s.visit(in); err != nil {
			return nil, false, err
		}
	}
	for i, in := range e.Inputs {
		if !s.ready(in) {
			s.edge(e).ready = false
		}
		if e.IsOrderOnly(i) {
			continue
		}
		switch {
		case s.node(in).dirty:
			s.explain.note(n, "%s is dirty", in.Path)
			dirty = true
		case newest == nil || s.node(in).mtime > s.node(newest).mtime:
			newest = in
		}
	}
	return newest, dirty, nil
}

// outputsDirty decides by the state of the outputs.
func (s *scan) outputsDirty(e *ninja.Edge, newest *ninja.Node) bool {
	if e.IsPhony() {
		return s.phonyDirty(e, newest)
	}
	c := check{scan: s, edge: e, newest: newest, restat: e.Is("restat")}
	return slices.ContainsFunc(e.Outputs, c.dirty)
}

// phonyDirty: a phony edge without inputs is dirty while no such file exists. Others pass
// on the time of their newest input.
func (s *scan) phonyDirty(e *ninja.Edge, newest *ninja.Node) bool {
	for _, o := range e.Outputs {
		st := s.node(o)
		if len(e.Inputs) == 0 && len(e.Validations) == 0 && !st.exists {
			s.explain.note(o, "output %s of phony edge with no inputs doesn't exist", o.Path)
			return true
		}
		if newest != nil && !st.exists {
			st.mtime = max(st.mtime, s.node(newest).mtime)
		}
	}
	return false
}

// check asks whether outputs of one edge are out of date.
type check struct {
	*scan
	edge   *ninja.Edge
	newest *ninja.Node
	restat bool
	hash   uint64
	hashed bool
}

func (c *check) dirty(o *ninja.Node) bool {
	if !c.node(o).exists {
		c.explain.note(o, "output %s doesn't exist", o.Path)
		return true
	}
	entry := c.log.Lookup(o.Path)
	var newest int64
	if c.newest != nil {
		newest = c.node(c.newest).mtime
	}
	// A restat edge may leave its output as it was. Its entry has the time that counts.
	if mtime := c.node(o).mtime; mtime < newest && !(c.restat && entry != nil) {
		c.explain.note(o, "output %s older than most recent input %s (%d vs %d)", o.Path, c.newest.Path, mtime, newest)
		return true
	}
	generator := c.edge.Is("generator")
	switch {
	case entry == nil && generator:
		return false
	case entry == nil:
		c.explain.note(o, "command line not found in log for %s", o.Path)
		return true
	case !generator && c.commandHash() != entry.Hash:
		c.explain.note(o, "command line changed for %s", o.Path)
		return true
	case entry.Mtime < newest:
		// The output may be newer than that, written by a command that failed later.
		c.explain.note(o, "recorded mtime of %s older than most recent input %s (%d vs %d)", o.Path, c.newest.Path, entry.Mtime, newest)
		return true
	}
	return !generator && c.doubted(o)
}

// lateDoubts gives doubts that are waited for when the first output is asked about. Until
// they are there, the files that are known by then are looked at: the scan needs most of them.
func (s *scan) lateDoubts(d Doubts, made func(output string) bool) func(output string) ipc.Reason {
	known := sync.OnceValue(func() func(output string) ipc.Reason {
		s.lookAhead(d.Ready)
		return d.Answer(made)
	})
	return func(output string) ipc.Reason {
		if doubts := known(); doubts != nil {
			return doubts(output)
		}
		return ipc.Reason{}
	}
}

// lookAhead looks at files until ready is closed. What fails will fail again when the scan
// needs the file.
func (s *scan) lookAhead(ready <-chan struct{}) {
	nodes := s.graph.Nodes // those that deps adds come at their end
	for i := range len(nodes) + len(s.deps.Paths()) {
		select {
		case <-ready:
			return
		default:
		}
		if i < len(nodes) {
			_ = s.stat(nodes[i])
		} else {
			_ = s.stat(s.dep(i - len(nodes)))
		}
	}
}

// doubted asks the runner about an output that is up to date by ninja's rule.
func (c *check) doubted(o *ninja.Node) bool {
	if c.doubts == nil {
		return false
	}
	why := c.doubts(o.Path).Text
	if why != "" {
		c.explain.note(o, "%s is out of date: %s", o.Path, why)
	}
	return why != ""
}

func (c *check) commandHash() uint64 {
	if !c.hashed {
		c.hash, c.hashed = c.log.HashCommand(c.edge.HashedCommand()), true
	}
	return c.hash
}

// loadDeps adds the inputs that the last run of the edge named. found is false if they are
// not known, and the edge has to run.
func (s *scan) loadDeps(e *ninja.Edge) (found bool, err error) {
	if e.Is("deps") {
		return s.loadLoggedDeps(e), nil
	}
	if path := e.Depfile(); path != "" {
		return s.loadDepfile(e, path)
	}
	return true, nil
}

func (s *scan) loadLoggedDeps(e *ninja.Edge) bool {
	out := e.Outputs[0]
	d := s.deps.Lookup(out.Path)
	if d == nil {
		s.explain.note(out, "deps for '%s' are missing", out.Path)
		return false
	}
	if mtime := s.node(out).mtime; mtime > d.Mtime {
		s.explain.note(out, "stored deps info out of date for '%s' (%d vs %d)", out.Path, d.Mtime, mtime)
		return false
	}
	inputs := make([]*ninja.Node, d.Len())
	for i := range inputs {
		inputs[i] = s.dep(d.ID(i))
	}
	e.AddInputs(inputs)
	return true
}

// dep is the node of a path in the deps log.
func (s *scan) dep(id int) *ninja.Node {
	if id >= len(s.byDep) {
		s.byDep = append(s.byDep, make([]*ninja.Node, id+1-len(s.byDep))...)
	}
	if s.byDep[id] == nil {
		s.byDep[id] = s.graph.Node(s.deps.Path(id))
	}
	return s.byDep[id]
}

func (s *scan) loadDepfile(e *ninja.Edge, path string) (found bool, err error) {
	inputs, err := readDepfile(s.disk, s.graph, e, path, s.explain)
	if inputs == nil || err != nil {
		return false, err
	}
	e.AddInputs(inputs)
	return true, nil
}

// readDepfile returns the inputs that a depfile of the edge names, nil if it cannot be
// used.
func readDepfile(d disk, g *ninja.Graph, e *ninja.Edge, path string, explain *explainer) ([]*ninja.Node, error) {
	out := e.Outputs[0]
	text, err := d.read(path)
	if err != nil && !missing(err) {
		return nil, errors.New("loading '" + path + "': " + err.Error())
	}
	if text == "" {
		explain.note(out, "depfile '%s' is missing", path)
		return nil, nil
	}
	rule, err := depfile.Parse(text)
	if err != nil {
		return nil, errors.New(path + ": " + err.Error())
	}
	if len(rule.Outputs) == 0 {
		return nil, errors.New(path + ": no outputs declared")
	}
	if first := ninja.Canonical(rule.Outputs[0]); first != out.Path {
		explain.note(out, "expected depfile '%s' to mention '%s', got '%s'", path, out.Path, first)
		return nil, nil
	}
	for _, o := range rule.Outputs[1:] {
		if !slices.ContainsFunc(e.Outputs, func(n *ninja.Node) bool { return n.Path == o }) {
			return nil, errors.New(path + ": depfile mentions '" + o + "' as an output, but no such output was declared")
		}
	}
	inputs := make([]*ninja.Node, 0, len(rule.Inputs))
	for _, in := range rule.Inputs {
		inputs = append(inputs, g.Node(ninja.Canonical(in)))
	}
	return inputs, nil
}

// cycle reports that an edge needs its own output.
func (s *scan) cycle(n *ninja.Node) error {
	start := slices.IndexFunc(s.stack, func(m *ninja.Node) bool { return m.In == n.In })
	way := s.stack[start:]
	paths := []string{n.Path} // the cycle begins with the node that ends it
	for _, m := range way[1:] {
		paths = append(paths, m.Path)
	}
	text := "dependency cycle: " + strings.Join(append(paths, n.Path), " -> ")
	if e := n.In; len(way) == 1 && e.IsPhony() && len(e.Outputs) == 1 && e.ImplicitOut == 0 && e.ImplicitIn == 0 {
		text += " [-w phonycycle=err]"
	}
	return errors.New(text)
}

// explainer collects why nodes are dirty, for -d explain. A nil one collects nothing.
type explainer struct {
	reasons map[*ninja.Node][]string
	print   func(lines []string)
}

func (x *explainer) note(n *ninja.Node, format string, args ...any) {
	if x != nil {
		x.reasons[n] = append(x.reasons[n], fmt.Sprintf(format, args...))
	}
}

// edge prints the reasons of an edge that starts or ends.
func (x *explainer) edge(e *ninja.Edge) {
	if x == nil {
		return
	}
	var lines []string
	for _, o := range e.Outputs {
		lines = append(lines, x.reasons[o]...)
	}
	if len(lines) > 0 {
		x.print(lines)
	}
}
