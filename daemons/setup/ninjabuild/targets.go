package ninjabuild

import (
	"errors"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

// targets are the nodes that arguments name, the defaults if there are none.
func (m *program) targets(args []string) ([]*ninja.Node, error) {
	if len(args) == 0 {
		return m.graph.DefaultNodes()
	}
	nodes := make([]*ninja.Node, 0, len(args))
	for _, arg := range args {
		n, err := m.findTarget(arg)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// findTarget finds the node of one argument. "source.cc^" is the first output that is made
// of the source.
func (m *program) findTarget(arg string) (*ninja.Node, error) {
	if arg == "" {
		return nil, errors.New("empty path")
	}
	path, ofSource := strings.CutSuffix(ninja.Canonical(arg), "^")
	n := m.graph.Lookup(path)
	if n == nil && m.buildDir != "" {
		if n = m.graph.Lookup(ninja.Canonical(m.buildDir + "/" + path)); n != nil {
			path = n.Path
		}
	}
	if n == nil && m.deps != nil && m.deps.Has(path) {
		n = m.graph.Node(path)
	}
	switch {
	case n == nil:
		return nil, m.unknownTarget(path)
	case !ofSource:
		return n, nil
	case len(n.Out) > 0:
		return n.Out[0].Outputs[0], nil
	}
	if out := m.firstReader(path); out != nil {
		return out, nil
	}
	return nil, errors.New("'" + path + "' has no out edge")
}

// firstReader is the first output whose compiler named the file.
func (m *program) firstReader(path string) *ninja.Node {
	if m.deps == nil {
		return nil
	}
	for _, out := range m.deps.Paths() {
		d := m.deps.Lookup(out)
		if d == nil {
			continue
		}
		for i := range d.Len() {
			if m.deps.Path(d.ID(i)) == path {
				return m.graph.Lookup(out)
			}
		}
	}
	return nil
}

func (m *program) unknownTarget(path string) error {
	text := "unknown target '" + path + "'"
	switch path {
	case "clean":
		text += ", did you mean 'ninja -t clean'?"
	case "help":
		text += ", did you mean 'ninja -h'?"
	default:
		known := make([]string, len(m.graph.Nodes))
		for i, n := range m.graph.Nodes {
			known[i] = n.Path
		}
		text += didYouMean(path, known...)
	}
	return errors.New(text)
}
