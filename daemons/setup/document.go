package setup

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/BurntSushi/toml"
	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/internal/tomlvalue"
)

// configFile is the project's file, in its root.
const configFile = "replibuild.toml"

// document is one TOML file with the place of everything in it.
type document struct {
	name   string // as people are told
	tree   map[string]any
	places tomlplace.Places
}

// parseDocument reads a text. After a syntax error nothing can be read, so it is the only
// mistake and the document is nil.
func parseDocument(name, text string, ps *problems) *document {
	d := &document{name: name, tree: map[string]any{}}
	if _, err := toml.Decode(text, &d.tree); err != nil {
		message, at := tomlplace.SyntaxError(text, err)
		d.places = tomlplace.Places{"": {Key: at, Value: at}}
		ps.at(location{doc: d}, "", "not valid TOML: %s", message)
		return nil
	}
	d.places = tomlplace.Locate(text)
	return d
}

func (d *document) root() node { return node{location{doc: d}, d.tree} }

// node is one value of a document.
type node struct {
	location
	value any
}

// word is a string with its place; the zero word was not written.
type word struct {
	text string
	location
}

func (w word) given() bool { return w.doc != nil }

// words is a list of strings. given is true for a list that was written, also for an
// empty one.
type words struct {
	items []word
	location
}

func (ws words) given() bool { return ws.doc != nil }

func (ws words) texts() []string {
	out := make([]string, len(ws.items))
	for i, w := range ws.items {
		out[i] = w.text
	}
	return out
}

// toggle is a truth value that may not have been written.
type toggle struct {
	value bool
	given bool
}

func (f toggle) or(other bool) bool {
	if f.given {
		return f.value
	}
	return other
}

// reader turns nodes into typed values and collects what is wrong with them.
type reader struct{ problems *problems }

// fields says how each key of a table is read.
type fields map[string]func(node)

// table reads n as a table of known keys.
func (r *reader) table(n node, known fields) {
	tree, ok := n.value.(map[string]any)
	if !ok {
		r.wrongType(n, "a table", fmt.Sprintf("write [%s] and its keys below", n.path))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		child := node{location{doc: n.doc, path: n.path.Child(key)}, tree[key]}
		if read, ok := known[key]; ok {
			read(child)
			continue
		}
		names := slices.Collect(maps.Keys(known))
		r.problems.at(child.key(), orList(key, names, "known keys"), "unknown key %s", child.path)
	}
}

// each reads n as a table whose keys are names, in the order of the file.
func (r *reader) each(n node, read func(name string, child node)) {
	tree, ok := n.value.(map[string]any)
	if !ok {
		r.wrongType(n, "a table", fmt.Sprintf("write [%s.NAME] and its keys below", n.path))
		return
	}
	children := make([]node, 0, len(tree))
	names := map[tomlplace.Path]string{}
	for key, value := range tree {
		child := node{location{doc: n.doc, path: n.path.Child(key)}, value}
		children = append(children, child)
		names[child.path] = key
	}
	sort.Slice(children, func(i, j int) bool {
		a, b := children[i].key().position(), children[j].key().position()
		if a != b {
			return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
		}
		return children[i].path < children[j].path
	})
	for _, child := range children {
		read(names[child.path], child)
	}
}

// tables reads n as a list of tables.
func (r *reader) tables(n node, read func(node)) {
	items, ok := elements(n.value)
	if !ok {
		r.wrongType(n, "a list of tables", fmt.Sprintf("write [[%s]] and its keys below", n.path))
		return
	}
	for i, item := range items {
		child := node{location{doc: n.doc, path: n.path.Item(i)}, item}
		if _, ok := item.(map[string]any); !ok {
			r.wrongType(child, "a table", fmt.Sprintf("write [[%s]] and its keys below", n.path))
			continue
		}
		read(child)
	}
}

// elements returns the elements of a list of any form.
func elements(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []map[string]any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = v[i]
		}
		return items, true
	}
	return nil, false
}

// check says what is wrong with a text, "" if nothing is.
type check func(text string) (message, suggestion string)

// word reads a string.
func (r *reader) word(into *word, checks ...check) func(node) {
	return func(n node) {
		text, ok := n.value.(string)
		if !ok {
			suggestion := ""
			switch n.value.(type) {
			case int64, float64, bool:
				suggestion = fmt.Sprintf(`write "%v"`, n.value)
			}
			r.wrongType(n, "a string", suggestion)
			return
		}
		if r.holds(n.location, text, checks) {
			*into = word{text, n.location}
		}
	}
}

// holds runs checks on a text; the first that fails is reported.
func (r *reader) holds(at location, text string, checks []check) bool {
	for _, c := range checks {
		if message, suggestion := c(text); message != "" {
			r.problems.at(at, suggestion, "%s %s", at.path, message)
			return false
		}
	}
	return true
}

// words reads a list of strings.
func (r *reader) words(into *words, checks ...check) func(node) {
	return func(n node) {
		items, ok := n.value.([]any)
		if !ok {
			suggestion := ""
			if s, isText := n.value.(string); isText {
				suggestion = fmt.Sprintf("write [%q]", s)
			}
			r.wrongType(n, "a list of strings", suggestion)
			return
		}
		into.items, into.location = []word{}, n.location
		for i, item := range items {
			at := location{doc: n.doc, path: n.path.Item(i)}
			text, ok := item.(string)
			if !ok {
				r.wrongType(node{at, item}, "a string", "")
			} else if r.holds(at, text, checks) {
				into.items = append(into.items, word{text, at})
			}
		}
	}
}

// toggle reads true or false.
func (r *reader) toggle(into *toggle) func(node) {
	return func(n node) {
		value, ok := n.value.(bool)
		if !ok {
			r.wrongType(n, "true or false", "")
			return
		}
		*into = toggle{value, true}
	}
}

// number reads a whole number of at most most.
func (r *reader) number(into *int, most int64) func(node) {
	return func(n node) {
		value, ok := n.value.(int64)
		switch {
		case !ok:
			r.wrongType(n, "a whole number", "")
		case value < 0 || value > most:
			r.problems.at(n.location, "", "%s is %d, which is not between 0 and %d", n.path, value, most)
		default:
			*into = int(value)
		}
	}
}

func (r *reader) wrongType(n node, want, suggestion string) {
	r.problems.at(n.location, suggestion, "%s wants %s, not %s", n.path, want, tomlvalue.Describe(n.value))
}
