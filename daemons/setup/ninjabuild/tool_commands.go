package ninjabuild

import (
	"errors"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

func commands(m *program, args []string) error {
	single := false
	rest, err := m.toolFlags(flagSpec{letters: "hs"}, args, `usage: ninja -t commands [options] [targets]

options:
  -s     only print the final command to build [target], not the whole chain
`, func(rune, string) { single = true })
	if err != nil {
		return err
	}
	nodes, err := m.targets(rest)
	if err != nil {
		return err
	}
	edges := collect(nodes)
	if single {
		edges = nil
		for _, n := range nodes {
			if n.In != nil && !slices.Contains(edges, n.In) {
				edges = append(edges, n.In)
			}
		}
	}
	for _, e := range edges {
		if e.Cycle != nil {
			return e.Cycle
		}
		if !e.IsPhony() {
			m.printf("%s\n", e.Command())
		}
	}
	return nil
}

// collect returns the edges that lead to nodes, each after those that it needs.
func collect(nodes []*ninja.Node) []*ninja.Edge {
	var edges []*ninja.Edge
	seen := make(map[*ninja.Edge]bool)
	var walk func(e *ninja.Edge)
	walk = func(e *ninja.Edge) {
		if e == nil || seen[e] {
			return
		}
		seen[e] = true
		for _, in := range e.Inputs {
			walk(in.In)
		}
		edges = append(edges, e)
	}
	for _, n := range nodes {
		walk(n.In)
	}
	return edges
}

const inputsUsage = `Usage '-t inputs [options] [targets]

List all inputs used for a set of targets, sorted in dependency order.
Note that by default, results are shell escaped, and sorted alphabetically,
and never include validation target paths.

Options:
  -h, --help          Print this message.
  -0, --print0            Use \0, instead of \n as a line terminator.
  -E, --no-shell-escape   Do not shell escape the result.
  -d, --dependency-order  Sort results by dependency order.
`

func inputs(m *program, args []string) error {
	end, escape, sorted := "\n", true, true
	spec := flagSpec{"h0Ed", []longFlag{{"help", 'h', false}, {"no-shell-escape", 'E', false}, {"print0", '0', false}, {"dependency-order", 'd', false}}}
	rest, err := m.toolFlags(spec, args, inputsUsage, func(letter rune, _ string) {
		switch letter {
		case '0':
			end = "\x00"
		case 'E':
			escape = false
		case 'd':
			sorted = false
		}
	})
	if err != nil {
		return err
	}
	nodes, err := m.targets(rest)
	if err != nil {
		return err
	}
	paths := inputsOf(nodes)
	for i, p := range paths {
		if escape {
			paths[i] = ninja.ShellEscape(p)
		}
	}
	if sorted {
		slices.Sort(paths)
	}
	for _, p := range paths {
		m.printf("%s%s", p, end)
	}
	return nil
}

const multiInputsUsage = `Usage '-t multi-inputs [options] [targets]

Print one or more sets of inputs required to build targets, sorted in dependency order.
The tool works like inputs tool but with addition of the target for each line.
The output will be a series of lines with the following elements:
<target> <delimiter> <input> <terminator>
Note that a given input may appear for several targets if it is used by more than one targets.
Options:
  -h, --help                   Print this message.
  -d  --delimiter=DELIM        Use DELIM instead of TAB for field delimiter.
  -0, --print0                 Use \0, instead of \n as a line terminator.
`

func multiInputs(m *program, args []string) error {
	end, delimiter := "\n", "\t"
	spec := flagSpec{"d:h0", []longFlag{{"help", 'h', false}, {"delimiter", 'd', true}, {"print0", '0', false}}}
	rest, err := m.toolFlags(spec, args, multiInputsUsage, func(letter rune, value string) {
		if letter == 'd' {
			delimiter = value
		} else {
			end = "\x00"
		}
	})
	if err != nil {
		return err
	}
	nodes, err := m.targets(rest)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		for _, in := range inputsOf([]*ninja.Node{n}) {
			m.printf("%s%s%s%s", n.Path, delimiter, in, end)
		}
	}
	return nil
}

// inputsOf lists all that nodes are made of, each once, in the order in which they are
// made. Phony outputs are left out.
func inputsOf(nodes []*ninja.Node) []string {
	var paths []string
	seen := make(map[*ninja.Node]bool)
	var walk func(n *ninja.Node)
	walk = func(n *ninja.Node) {
		if n.In == nil {
			return
		}
		for _, in := range n.In.Inputs {
			if seen[in] {
				continue
			}
			seen[in] = true
			walk(in)
			if in.In == nil || !in.In.IsPhony() {
				paths = append(paths, in.Path)
			}
		}
	}
	for _, n := range nodes {
		walk(n)
	}
	return paths
}

// compdbFlags reads the options of compdb and compdb-targets.
func (m *program) compdbFlags(args []string, usage string) (rest []string, expand bool, err error) {
	rest, err = m.toolFlags(flagSpec{letters: "hx"}, args, usage, func(rune, string) { expand = true })
	return rest, expand, err
}

func compdb(m *program, args []string) error {
	names, expand, err := m.compdbFlags(args, `usage: ninja -t compdb [options] [rules]

options:
  -x     expand @rspfile style response file invocations
`)
	if err != nil {
		return err
	}
	var edges []*ninja.Edge
	for _, e := range m.graph.Edges {
		if len(names) == 0 {
			edges = append(edges, e)
		}
		for _, name := range names {
			if e.Rule.Name == name {
				edges = append(edges, e)
			}
		}
	}
	return m.printCompdb(edges, expand)
}

const compdbTargetsUsage = `usage: ninja -t compdb [-hx] target [targets]

options:
  -h     display this help message
  -x     expand @rspfile style response file invocations
`

func compdbTargets(m *program, args []string) error {
	names, expand, err := m.compdbFlags(args, compdbTargetsUsage)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		m.fail(errors.New("compdb-targets expects the name of at least one target"))
		m.printf("%s", compdbTargetsUsage)
		return exitNow(exitFailure)
	}
	var nodes []*ninja.Node
	for _, name := range names {
		n, err := m.findTarget(name)
		if err != nil {
			return ninja.FatalError(err.Error())
		}
		if n.In == nil {
			return ninja.FatalError("'" + n.Path + "' is not a target (i.e. it is not an output of any `build` statement)")
		}
		nodes = append(nodes, n)
	}
	edges := slices.DeleteFunc(collect(nodes), (*ninja.Edge).IsPhony)
	return m.printCompdb(edges, expand)
}

// printCompdb prints an object for each edge that has an input; the first one is the source.
func (m *program) printCompdb(edges []*ninja.Edge, expand bool) error {
	folder, err := m.workingFolder()
	if err != nil {
		return err
	}
	m.printf("[")
	separator := ""
	for _, e := range edges {
		if len(e.Inputs) == 0 {
			continue
		}
		command := e.Command()
		if expand {
			command = expandRspfile(e, command)
		}
		m.printf("%s\n  {\n    \"directory\": \"%s\",\n    \"command\": \"%s\",\n    \"file\": \"%s\",\n    \"output\": \"%s\"\n  }",
			separator, jsonText(folder), jsonText(command), jsonText(e.Inputs[0].Path), jsonText(e.Outputs[0].Path))
		separator = ","
	}
	m.printf("\n]\n")
	return nil
}

// expandRspfile puts the content of the response file in the place of its name.
func expandRspfile(e *ninja.Edge, command string) string {
	path := e.Rspfile()
	at := strings.Index(command, path)
	if path == "" || at <= 0 {
		return command
	}
	content := strings.ReplaceAll(e.Binding("rspfile_content"), "\n", " ")
	for _, prefix := range []string{"@", "-f ", "--option-file="} {
		if before, ok := strings.CutSuffix(command[:at], prefix); ok {
			return before + content + command[at+len(path):]
		}
	}
	return command
}

// jsonText escapes text for a JSON string as ninja does: bytes above ASCII stay.
func jsonText(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\b':
			b.WriteString(`\b`)
		case c == '\f':
			b.WriteString(`\f`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20:
			b.WriteString(`\u00` + digits[c>>4:c>>4+1] + digits[c&15:c&15+1])
		case c == '\\' || c == '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
