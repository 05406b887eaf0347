package ninjabuild

import (
	"errors"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

// cleaner removes files, each once.
type cleaner struct {
	*program
	removed map[string]bool
	seen    map[*ninja.Node]bool
	count   int
	failed  bool
}

// clean removes what the build makes.
func clean(m *program, args []string) error {
	generators, byRule := false, false
	rest, err := m.toolFlags(flagSpec{letters: "hgr"}, args, `usage: ninja -t clean [options] [targets]

options:
  -g     also clean files marked as ninja generator output
  -r     interpret targets as a list of rules to clean instead
`, func(letter rune, _ string) {
		generators = generators || letter == 'g'
		byRule = byRule || letter == 'r'
	})
	if err != nil {
		return err
	}
	if byRule && len(rest) == 0 {
		return errors.New("expected a rule to clean")
	}
	c := m.cleaner()
	switch {
	case byRule:
		for _, name := range rest {
			c.rule(name)
		}
	case len(rest) > 0:
		for _, name := range rest {
			c.target(name)
		}
	default:
		for _, e := range m.graph.Edges {
			if !e.IsPhony() && (generators || !e.Is("generator")) {
				c.outputs(e)
			}
		}
	}
	return c.end()
}

// cleanDead removes what an earlier manifest made and this one does not name.
func cleanDead(m *program, _ []string) error {
	c := m.cleaner()
	for _, path := range m.deps.Paths() {
		m.graph.Node(path) // what only the deps log names is not dead if an edge reads it
	}
	for _, entry := range m.log.Entries() {
		if n := m.graph.Lookup(entry.Output); n == nil || n.In == nil && len(n.Out) == 0 {
			c.remove(entry.Output)
		}
	}
	return c.end()
}

// cleaner begins to clean. Dyndep files are loaded before they go.
func (m *program) cleaner() *cleaner {
	m.printf("Cleaning...")
	if m.cleansVerbosely() {
		m.printf("\n")
	} else {
		m.printf(" ")
	}
	for _, e := range m.graph.Edges {
		if e.Dyndep != nil && e.Dyndep.DyndepPending {
			m.graph.LoadDyndep(e.Dyndep, m.disk.read) // as much as can be known is cleaned
		}
	}
	return &cleaner{program: m, removed: make(map[string]bool), seen: make(map[*ninja.Node]bool)}
}

// cleansVerbosely says that each file is named.
func (m *program) cleansVerbosely() bool { return m.opts.verbosity == complete || m.opts.dryRun }

func (c *cleaner) end() error {
	c.printf("%d files.\n", c.count)
	if c.failed {
		return exitNow(exitFailure)
	}
	return nil
}

func (c *cleaner) remove(path string) {
	if path == "" || c.removed[path] {
		return
	}
	c.removed[path] = true
	var gone bool
	var err error
	if c.opts.dryRun {
		var t int64
		t, err = c.disk.mtime(path)
		gone = t == 0
	} else {
		gone, err = c.disk.remove(path)
	}
	switch {
	case err != nil:
		c.problem(err)
	case !gone:
		c.count++
		if c.cleansVerbosely() {
			c.printf("Remove %s\n", path)
		}
	}
}

func (c *cleaner) problem(err error) {
	c.fail(err)
	c.failed = true
}

// outputs removes what an edge makes.
func (c *cleaner) outputs(e *ninja.Edge) {
	for _, o := range e.Outputs {
		c.remove(o.Path)
	}
	c.besides(e)
}

// besides removes what an edge leaves beside its outputs.
func (c *cleaner) besides(e *ninja.Edge) {
	c.remove(e.Depfile())
	c.remove(e.Rspfile())
}

func (c *cleaner) rule(name string) {
	if c.graph.Rule(name) == nil {
		c.problem(errors.New("unknown rule '" + name + "'"))
		return
	}
	if c.cleansVerbosely() {
		c.printf("Rule %s\n", name)
	}
	for _, e := range c.graph.Edges {
		if e.Rule.Name == name {
			c.outputs(e)
		}
	}
}

func (c *cleaner) target(name string) {
	if name == "" {
		c.problem(errors.New("failed to canonicalize '': empty path"))
		return
	}
	n := c.graph.Lookup(ninja.Canonical(name))
	if n == nil {
		c.problem(errors.New("unknown target '" + ninja.Canonical(name) + "'"))
		return
	}
	if c.cleansVerbosely() {
		c.printf("Target %s\n", n.Path)
	}
	c.node(n)
}

// node removes a node and what it is made of. Other outputs of its edge stay, as with ninja.
func (c *cleaner) node(n *ninja.Node) {
	if c.seen[n] {
		return
	}
	c.seen[n] = true
	if n.In == nil {
		return
	}
	if !n.In.IsPhony() {
		c.remove(n.Path)
		c.besides(n.In)
	}
	for _, in := range n.In.Inputs {
		c.node(in)
	}
}
