package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/RepliBuild/replibuild/internal/editdistance"
	"github.com/RepliBuild/replibuild/ipc"
)

// parse reads text as the configuration at path and returns every mistake, in the order
// of the file. After a syntax error nothing can be read, so it is the only mistake.
func parse(path, text string) (Config, []ipc.Problem) {
	c := Default()
	p := &parser{path: path, lines: strings.Split(text, "\n"), known: map[string]setting{}, ports: map[int64]string{}}
	for _, s := range c.settings() {
		p.known[s.key] = s
		p.order = append(p.order, s.key)
	}
	tree := map[string]toml.Primitive{}
	md, err := toml.Decode(text, &tree)
	if err != nil {
		return c, []ipc.Problem{syntaxProblem(path, err)}
	}
	p.md = md
	p.table("", tree)
	sort.SliceStable(p.problems, func(i, j int) bool { return p.problems[i].Line < p.problems[j].Line })
	return c, p.problems
}

func syntaxProblem(path string, err error) ipc.Problem {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return ipc.Problem{File: path, Message: err.Error()}
	}
	return ipc.Problem{File: path, Line: pe.Position.Line, Column: max(pe.Position.Col, 1), Message: "not valid TOML: " + pe.Message}
}

// parser walks the decoded tables and collects what is wrong.
type parser struct {
	path     string
	lines    []string
	md       toml.MetaData
	known    map[string]setting
	order    []string         // keys of known, as documented
	ports    map[int64]string // the key that has set a port already
	problems []ipc.Problem
}

// table looks at one table; prefix is its dotted name with a dot after it, "" for
// the whole file.
func (p *parser) table(prefix string, tree map[string]toml.Primitive) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key, node := prefix+name, tree[name]
		_, isKey := p.known[key]
		switch {
		case isKey:
			p.value(key, node)
		case p.isTable(key):
			inner, ok := p.tree(node)
			if !ok {
				p.report(node, "", fmt.Sprintf("%s is a table of settings, not a value", key), fmt.Sprintf("write [%s] and its keys below", key))
				continue
			}
			p.table(key+".", inner)
		default:
			p.report(node, name, "unknown key "+key, p.nearest(key))
		}
	}
}

func (p *parser) value(key string, node toml.Primitive) {
	var v any
	if err := p.md.PrimitiveDecode(node, &v); err != nil {
		p.report(node, "", err.Error(), "")
		return
	}
	if message, suggestion := p.known[key].set(v); message != "" {
		p.report(node, "", message, suggestion)
		return
	}
	if port, ok := v.(int64); ok && lastPart(key) == "port" {
		if other := p.ports[port]; other != "" {
			p.report(node, "", fmt.Sprintf("%s is %d, and so is %s", key, port, other), "give every daemon a port of its own")
			return
		}
		p.ports[port] = key
	}
}

// tree returns the members of a table; ok is false for any other value. (The decoder
// reads a number into a map without an error, as an empty one.)
func (p *parser) tree(node toml.Primitive) (inner map[string]toml.Primitive, ok bool) {
	var v any
	if err := p.md.PrimitiveDecode(node, &v); err != nil {
		return nil, false
	}
	if _, ok := v.(map[string]any); !ok {
		return nil, false
	}
	return inner, p.md.PrimitiveDecode(node, &inner) == nil
}

func (p *parser) isTable(key string) bool {
	return slices.ContainsFunc(p.order, func(k string) bool { return strings.HasPrefix(k, key+".") })
}

// report adds a problem where node stands; with a key, where that key stands before
// it on the line.
func (p *parser) report(node toml.Primitive, key, message, suggestion string) {
	at := p.position(node)
	if key != "" && at.Line > 0 && at.Line <= len(p.lines) {
		if i := strings.Index(p.lines[at.Line-1], key); i >= 0 {
			at.Col = i + 1
		}
	}
	p.problems = append(p.problems, ipc.Problem{
		File: p.path, Line: at.Line, Column: at.Col, Message: message, Suggestion: suggestion,
	})
}

// position asks the decoder where a value stands: it says so only in the error of a
// value that refuses to be decoded.
func (p *parser) position(node toml.Primitive) toml.Position {
	var pe toml.ParseError
	errors.As(p.md.PrimitiveDecode(node, refuser{}), &pe)
	if pe.Position.Line > 0 {
		return p.openingQuote(pe.Position)
	}
	// A table that is only implied by the names of others ([a.b] implies a).
	if inner, ok := p.tree(node); ok {
		for _, name := range slices.Sorted(maps.Keys(inner)) {
			if at := p.position(inner[name]); at.Line > 0 {
				return at
			}
		}
	}
	return toml.Position{Line: 1, Col: 1}
}

// openingQuote moves the position of a string, which the decoder counts from behind
// its opening quotes, to the first of them.
func (p *parser) openingQuote(at toml.Position) toml.Position {
	if at.Line > len(p.lines) {
		return at
	}
	line := p.lines[at.Line-1]
	for n := 0; n < 3 && at.Col > 1 && at.Col-2 < len(line) && strings.IndexByte(`"'`, line[at.Col-2]) >= 0; n++ {
		at.Col--
	}
	return at
}

type refuser struct{}

func (refuser) UnmarshalTOML(any) error { return errors.New("refused") }

// nearest suggests what an unknown key was meant to be: the known key with the
// fewest different letters, or the one of another table with the same last part.
func (p *parser) nearest(key string) string {
	best, least := "", 1+len(key)/3
	tables := []string{"daemons", "security"}
	for _, name := range ipc.DaemonNames() {
		tables = append(tables, "daemons."+name)
	}
	for _, k := range append(tables, p.order...) {
		d := editdistance.Levenshtein(key, k)
		if lastPart(k) == lastPart(key) {
			d = min(d, 1)
		}
		if d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "`replibuild config show` lists all keys"
	}
	return "did you mean " + best + "?"
}
