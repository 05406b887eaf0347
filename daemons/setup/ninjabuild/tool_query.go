package ninjabuild

import (
	"errors"
	"slices"
	"strconv"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

func query(m *program, args []string) error {
	if len(args) == 0 {
		return errors.New("expected a target to query")
	}
	for _, arg := range args {
		n, err := m.findTarget(arg)
		if err != nil {
			return err
		}
		m.queryNode(n)
	}
	return nil
}

func (m *program) queryNode(n *ninja.Node) {
	m.printf("%s:\n", n.Path)
	if e := n.In; e != nil {
		m.loadDyndep(e)
		m.printf("  input: %s\n", e.Rule.Name)
		for i, in := range e.Inputs {
			label := ""
			if e.IsImplicit(i) {
				label = "| "
			} else if e.IsOrderOnly(i) {
				label = "|| "
			}
			m.printf("    %s%s\n", label, in.Path)
		}
		m.printNodes("  validations:", e.Validations)
	}
	m.printf("  outputs:\n")
	for _, e := range n.Out {
		m.printNodes("", e.Outputs)
	}
	for i, e := range n.ValidationOf {
		if i == 0 {
			m.printf("  validation for:\n")
		}
		m.printNodes("", e.Outputs)
	}
}

// printNodes lists nodes below a title, nothing if there is none.
func (m *program) printNodes(title string, nodes []*ninja.Node) {
	if title != "" && len(nodes) > 0 {
		m.printf("%s\n", title)
	}
	for _, n := range nodes {
		m.printf("    %s\n", n.Path)
	}
}

// loadDyndep loads the dyndep file of an edge, if it is there.
func (m *program) loadDyndep(e *ninja.Edge) {
	if e.Dyndep == nil || !e.Dyndep.DyndepPending {
		return
	}
	if _, err := m.graph.LoadDyndep(e.Dyndep, m.disk.read); err != nil {
		m.warn(err.Error() + "\n")
	}
}

func listTargets(m *program, args []string) error {
	mode, arg := "depth", ""
	if len(args) > 0 {
		mode = args[0]
	}
	if len(args) > 1 {
		arg = args[1]
	}
	switch mode {
	case "rule":
		m.targetsOfRule(arg)
		return nil
	case "all":
		for _, e := range m.graph.Edges {
			for _, o := range e.Outputs {
				m.printf("%s: %s\n", o.Path, e.Rule.Name)
			}
		}
		return nil
	case "depth":
		depth := 1
		if len(args) > 1 {
			depth, _ = strconv.Atoi(arg)
		}
		roots, err := m.graph.Roots()
		if err != nil {
			return err
		}
		m.targetTree(roots, depth, "")
		return nil
	}
	return errors.New("unknown target tool mode '" + mode + "'" + didYouMean(mode, "rule", "depth", "all"))
}

// targetsOfRule lists the outputs of a rule, or all sources.
func (m *program) targetsOfRule(rule string) {
	var paths []string
	for _, e := range m.graph.Edges {
		if rule == "" {
			for _, in := range e.Inputs {
				if in.In == nil {
					m.printf("%s\n", in.Path)
				}
			}
		} else if e.Rule.Name == rule {
			for _, o := range e.Outputs {
				paths = append(paths, o.Path)
			}
		}
	}
	slices.Sort(paths)
	for _, p := range slices.Compact(paths) {
		m.printf("%s\n", p)
	}
}

// targetTree lists nodes and what they are made of; depth 0 is all of it.
func (m *program) targetTree(nodes []*ninja.Node, depth int, indent string) {
	for _, n := range nodes {
		if n.In == nil {
			m.printf("%s%s\n", indent, n.Path)
			continue
		}
		m.printf("%s%s: %s\n", indent, n.Path, n.In.Rule.Name)
		if depth > 1 || depth <= 0 {
			m.targetTree(n.In.Inputs, depth-1, indent+"  ")
		}
	}
}

func deps(m *program, args []string) error {
	paths := []string{}
	if len(args) == 0 {
		for _, path := range m.deps.Paths() {
			if m.liveDeps(path) {
				paths = append(paths, path)
			}
		}
	} else {
		nodes, err := m.targets(args)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			paths = append(paths, n.Path)
		}
	}
	for _, path := range paths {
		m.depsOf(path)
	}
	return nil
}

func (m *program) depsOf(path string) {
	d := m.deps.Lookup(path)
	if d == nil {
		m.printf("%s: deps not found\n", path)
		return
	}
	mtime, err := m.disk.mtime(path)
	if err != nil {
		m.fail(err)
	}
	state := "VALID"
	if mtime == 0 || mtime > d.Mtime {
		state = "STALE"
	}
	m.printf("%s: #deps %d, deps mtime %d (%s)\n", path, d.Len(), d.Mtime, state)
	for i := range d.Len() {
		m.printf("    %s\n", m.deps.Path(d.ID(i)))
	}
	m.printf("\n")
}
