package config

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/RepliBuild/replibuild/internal/editdistance"
	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/ipc"
)

// parse reads text as the configuration at path and returns every mistake, in the order
// of the file. After a syntax error nothing can be read, so it is the only mistake.
func parse(path, text string) (Config, []ipc.Problem) {
	c := Default()
	p := &parser{path: path, known: map[string]setting{}, ports: map[int64]string{}}
	for _, s := range c.settings() {
		p.known[s.key] = s
		p.order = append(p.order, s.key)
	}
	tree := map[string]any{}
	if _, err := toml.Decode(text, &tree); err != nil {
		message, at := tomlplace.SyntaxError(text, err)
		return c, []ipc.Problem{{File: path, Line: at.Line, Column: at.Column, Message: "not valid TOML: " + message}}
	}
	p.places = tomlplace.Locate(text)
	p.table("", "", tree)
	sort.SliceStable(p.problems, func(i, j int) bool { return p.problems[i].Line < p.problems[j].Line })
	return c, p.problems
}

// parser walks the decoded tables and collects what is wrong.
type parser struct {
	path     string
	places   tomlplace.Places
	known    map[string]setting
	order    []string         // keys of known, as documented
	ports    map[int64]string // the key that has set a port already
	problems []ipc.Problem
}

// table looks at the table at a path; prefix is its dotted name with a dot after it, ""
// for the whole file.
func (p *parser) table(at tomlplace.Path, prefix string, tree map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key, value, at := prefix+name, tree[name], at.Child(name)
		_, isKey := p.known[key]
		switch {
		case isKey:
			p.value(at, key, value)
		case p.isTable(key):
			inner, ok := value.(map[string]any)
			if !ok {
				p.report(p.places.Nearest(at).Value, fmt.Sprintf("%s is a table of settings, not a value", key), fmt.Sprintf("write [%s] and its keys below", key))
				continue
			}
			p.table(at, key+".", inner)
		default:
			p.report(p.places.Nearest(at).Key, "unknown key "+key, p.nearest(key))
		}
	}
}

func (p *parser) value(path tomlplace.Path, key string, v any) {
	at := p.places.Nearest(path).Value
	if message, suggestion := p.known[key].set(v); message != "" {
		p.report(at, message, suggestion)
		return
	}
	if port, ok := v.(int64); ok && lastPart(key) == "port" {
		if other := p.ports[port]; other != "" {
			p.report(at, fmt.Sprintf("%s is %d, and so is %s", key, port, other), "give every daemon a port of its own")
			return
		}
		p.ports[port] = key
	}
}

func (p *parser) isTable(key string) bool {
	return slices.ContainsFunc(p.order, func(k string) bool { return strings.HasPrefix(k, key+".") })
}

func (p *parser) report(at tomlplace.Position, message, suggestion string) {
	p.problems = append(p.problems, ipc.Problem{File: p.path, Line: at.Line, Column: at.Column, Message: message, Suggestion: suggestion})
}

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
