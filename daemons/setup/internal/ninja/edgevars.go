package ninja

import "strings"

// edgeVars are the variables of an edge: $in and $out, its own, those of its rule, those of
// the file.
type edgeVars struct {
	edge *Edge
	raw  bool // paths of $in and $out as they are, not quoted for the shell
}

func (v edgeVars) lookup(name string) string {
	e := v.edge
	switch name {
	case "in":
		return v.paths(e.Explicit(), " ")
	case "in_newline":
		return v.paths(e.Explicit(), "\n")
	case "out":
		return v.paths(e.Outputs[:len(e.Outputs)-e.ImplicitOut], " ")
	case "restat":
		if e.restat {
			return "1"
		}
	}
	// An edge without variables of its own has the scope of its file, whose variables come
	// before the rule's. Real manifests depend on that.
	if i := e.scope.find(name); i >= 0 {
		return e.scope.vars[i].value
	}
	if t, ok := e.Rule.binding(name); ok {
		if e.Cycle != nil {
			return ""
		}
		return t.eval(v)
	}
	return e.scope.parent.lookup(name)
}

func (v edgeVars) paths(nodes []*Node, separator string) string {
	switch {
	case len(nodes) == 1 && v.raw:
		return nodes[0].Path
	case len(nodes) == 1:
		return ShellEscape(nodes[0].Path)
	}
	paths := make([]string, len(nodes))
	for i, n := range nodes {
		paths[i] = n.Path
		if !v.raw {
			paths[i] = ShellEscape(n.Path)
		}
	}
	return strings.Join(paths, separator)
}

// Binding returns the value of a variable for the edge.
func (e *Edge) Binding(name string) string { return edgeVars{edge: e}.lookup(name) }

// Is says whether a switch such as restat or generator is on: any text but none is.
func (e *Edge) Is(name string) bool { return e.Binding(name) != "" }

// Command is the line that a shell runs.
func (e *Edge) Command() string { return e.Binding("command") }

// HashedCommand is what the build log keeps a hash of: the command and the content of the
// response file.
func (e *Edge) HashedCommand() string {
	command := e.Command()
	if content := e.Binding("rspfile_content"); content != "" {
		command += ";rspfile=" + content
	}
	return command
}

// Depfile is the file in which the command names its inputs, "" if there is none.
func (e *Edge) Depfile() string { return edgeVars{e, true}.lookup("depfile") }

// Rspfile is the response file, "" if there is none.
func (e *Edge) Rspfile() string { return edgeVars{e, true}.lookup("rspfile") }

// dyndepPath is the dyndep file, "" if there is none.
func (e *Edge) dyndepPath() string { return edgeVars{e, true}.lookup("dyndep") }
