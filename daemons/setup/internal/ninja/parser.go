package ninja

import (
	"strconv"
	"strings"
)

// parser reads one file.
type parser struct {
	*lexer
	*loader
	scope *Scope
	depth int

	outs, ins []template // of the edge that is being read
}

// maxDepth is how deep files may include each other; more is a file that includes itself.
const maxDepth = 200

// file reads a file into a scope.
func (l *loader) file(path, text string, scope *Scope, depth int) error {
	l.graph.Files = append(l.graph.Files, path)
	p := &parser{lexer: newLexer(path, text), loader: l, scope: scope, depth: depth}
	for {
		var err error
		switch t := p.next(); t {
		case tokenPool:
			err = p.pool()
		case tokenBuild:
			err = p.build()
		case tokenRule:
			err = p.rule()
		case tokenDefault:
			err = p.defaults()
		case tokenIdent:
			p.unread()
			err = p.variable()
		case tokenInclude:
			err = p.include(p.scope)
		case tokenSubninja:
			err = p.include(&Scope{parent: p.scope})
		case tokenError:
			err = p.fail(p.describe())
		case tokenEOF:
			return nil
		case tokenNewline:
		default:
			err = p.fail("unexpected " + tokenNames[t])
		}
		if err != nil {
			return err
		}
	}
}

// let reads "name = value".
func (p *parser) let() (name string, value template, err error) {
	name, ok := p.ident()
	if !ok {
		return "", value, p.fail("expected variable name")
	}
	if err := p.expect(tokenEquals); err != nil {
		return "", value, err
	}
	value, err = p.value(false)
	return name, value, err
}

func (p *parser) variable() error {
	name, value, err := p.let()
	if err != nil {
		return err
	}
	text := value.eval(p.scope)
	if name == "ninja_required_version" {
		if err := p.checkVersion(text); err != nil {
			return err
		}
	}
	p.scope.set(name, text)
	return nil
}

func (p *parser) pool() error {
	name, ok := p.ident()
	if !ok {
		return p.fail("expected pool name")
	}
	if err := p.expect(tokenNewline); err != nil {
		return err
	}
	if p.graph.pools[name] != nil {
		return p.fail("duplicate pool '" + name + "'")
	}
	depth := -1
	for p.peek(tokenIndent) {
		key, value, err := p.let()
		if err != nil {
			return err
		}
		if key != "depth" {
			return p.fail("unexpected variable '" + key + "'")
		}
		if depth = leadingNumber(value.eval(p.scope)); depth < 0 {
			return p.fail("invalid pool depth")
		}
	}
	if depth < 0 {
		return p.fail("expected 'depth =' line")
	}
	p.graph.pools[name] = &Pool{Name: name, Depth: depth}
	return nil
}

// leadingNumber reads a number as C's atoi does: what follows it does not count, and
// without one it is 0.
func leadingNumber(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	if end < len(s) && (s[0] == '-' || s[0] == '+') {
		end++
	}
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(s[:end])
	return n
}

func (p *parser) rule() error {
	name, ok := p.ident()
	if !ok {
		return p.fail("expected rule name")
	}
	if err := p.expect(tokenNewline); err != nil {
		return err
	}
	if p.scope.rules[name] != nil {
		return p.fail("duplicate rule '" + name + "'")
	}
	r := &Rule{Name: name}
	for p.peek(tokenIndent) {
		key, value, err := p.let()
		if err != nil {
			return err
		}
		if !ruleVariables[key] {
			return p.fail("unexpected variable '" + key + "'")
		}
		r.bind(key, value)
	}
	rspfile, _ := r.binding("rspfile")
	content, _ := r.binding("rspfile_content")
	if rspfile.empty() != content.empty() {
		return p.fail("rspfile and rspfile_content need to be both specified")
	}
	if command, _ := r.binding("command"); command.empty() {
		return p.fail("expected 'command =' line")
	}
	r.findCycle()
	if p.scope.rules == nil {
		p.scope.rules = make(map[string]*Rule)
	}
	p.scope.rules[name] = r
	return nil
}

func (p *parser) defaults() error {
	t, err := p.path()
	if err != nil {
		return err
	}
	if t.empty() {
		return p.fail("expected target name")
	}
	for ; !t.empty(); t, err = p.path() {
		path := t.eval(p.scope)
		if path == "" {
			return p.fail("empty path")
		}
		n := p.graph.nodes[Canonical(path)]
		if n == nil {
			return p.fail("unknown target '" + Canonical(path) + "'")
		}
		p.graph.Defaults = append(p.graph.Defaults, n)
	}
	if err != nil {
		return err
	}
	return p.expect(tokenNewline)
}

// include reads another file into a scope.
func (p *parser) include(scope *Scope) error {
	t, err := p.path()
	if err != nil {
		return err
	}
	path := t.eval(p.scope)
	if p.depth == maxDepth {
		return p.fail("loading '" + path + "': files include each other")
	}
	text, err := p.read(path)
	if err != nil {
		return p.fail("loading '" + path + "': " + err.Error())
	}
	if err := p.loader.file(path, text, scope, p.depth+1); err != nil {
		return err
	}
	return p.expect(tokenNewline)
}
