package userconfig

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/RepliBuild/replibuild/internal/editdistance"
	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/internal/tomlvalue"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// parse reads text as the file at path and returns every mistake, in the order of the file.
// After a syntax error nothing can be read, so it is the only mistake.
func parse(path, text string) (Config, []ipc.Problem) {
	c := Default()
	tree := map[string]any{}
	if _, err := toml.Decode(text, &tree); err != nil {
		message, at := tomlplace.SyntaxError(text, err)
		return c, []ipc.Problem{{File: path, Line: at.Line, Column: at.Column, Message: "not valid TOML: " + message}}
	}
	p := &parser{path: path, places: tomlplace.Locate(text)}
	p.table("", tree, fields{
		"cache":   func(at tomlplace.Path, v any) { p.table(at, v, p.cache(&c.Cache)) },
		"remotes": func(at tomlplace.Path, v any) { c.Remotes = p.remotes(at, v) },
	})
	sort.SliceStable(p.problems, func(i, j int) bool {
		a, b := p.problems[i], p.problems[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return c, p.problems
}

// The largest numbers: sizes in bytes and durations in nanoseconds fit an int64.
const (
	maxMB      = 1 << 30
	maxSeconds = 10 * 365 * 24 * 3600
)

func (p *parser) cache(c *Cache) fields {
	return fields{
		"shared":      p.toggle(&c.Shared),
		"shared_size": p.number(&c.SharedSize, maxMB),
		"shared_ttl":  p.number(&c.SharedTTL, maxSeconds),
	}
}

func (p *parser) remote(r *Remote) fields {
	return fields{
		"projects": p.words(&r.Projects, folder),
		"default":  p.toggle(&r.Default),
		"upload":   p.toggle(&r.Upload),
		"execute":  p.toggle(&r.Execute),
		"headers":  p.headers(&r.Headers),
		"tls_ca":   p.word(&r.TLSCA, absolute),
		"tls_cert": p.word(&r.TLSCert, absolute),
		"tls_key":  p.word(&r.TLSKey, absolute),
		"instance": p.word(&r.Instance, remotecache.CheckInstance),
	}
}

// remotes reads [remotes], whose keys are URLs.
func (p *parser) remotes(at tomlplace.Path, v any) (all []Remote) {
	tree, ok := v.(map[string]any)
	if !ok {
		p.wrongType(at, v, "a table", `write [remotes."grpc://HOST:PORT"] and its keys below`)
		return nil
	}
	urls := slices.Collect(maps.Keys(tree))
	line := func(url string) tomlplace.Position { return p.places.Nearest(at.Child(url)).Key }
	slices.SortFunc(urls, func(a, b string) int {
		if d := line(a).Line - line(b).Line; d != 0 {
			return d
		}
		return line(a).Column - line(b).Column
	})
	for _, url := range urls {
		r := Remote{}
		if origin, err := remotecache.Origin(url); err != nil {
			p.report(line(url), "remotes."+tomlplace.QuotedKey(url)+": "+err.Error(), `write [remotes."grpc://HOST:PORT"]`)
		} else {
			r.URL = origin
		}
		p.table(at.Child(url), tree[url], p.remote(&r))
		p.checkRemote(at.Child(url), r, all)
		all = append(all, r)
	}
	return all
}

// checkRemote looks for mistakes that concern several keys.
func (p *parser) checkRemote(at tomlplace.Path, r Remote, before []Remote) {
	key := p.places.Nearest(at).Key
	same := func(o Remote) bool { return o.URL == r.URL && r.URL != "" }
	switch {
	case slices.ContainsFunc(before, same):
		p.report(key, at.String()+" names the same server as a table before it", "leave out one of the two")
	case (r.TLSCert == "") != (r.TLSKey == ""):
		p.report(key, at.String()+" has only one of tls_cert and tls_key", "a client's certificate needs both")
	case r.Default && slices.ContainsFunc(before, func(o Remote) bool { return o.Default && overlap(o.Projects, r.Projects) }):
		p.report(key, at.String()+" is the default of projects that have another default already", "set default in one of the two")
	case len(r.Projects) == 0 && (r.Default || r.Upload || r.Execute):
		p.report(key, at.String()+" allows no project", `write projects = ["*"], or the folders of the projects`)
	}
}

// overlap reports whether some project may be in both lists.
func overlap(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == "*" || y == "*" || beneath(x, y) || beneath(y, x) {
				return true
			}
		}
	}
	return false
}

func folder(text string) (message, suggestion string) {
	if text == "*" {
		return "", ""
	}
	return absolute(text)
}

func absolute(text string) (message, suggestion string) {
	if !filepath.IsAbs(text) {
		return fmt.Sprintf("is %q, which is not an absolute path", text), "the file serves all projects: write the path from the root folder"
	}
	return "", ""
}

// parser walks the decoded tables and collects what is wrong.
type parser struct {
	path     string
	places   tomlplace.Places
	problems []ipc.Problem
}

// fields says how each key of a table is read.
type fields map[string]func(at tomlplace.Path, v any)

// check says what is wrong with a text, "" if nothing is.
type check func(text string) (message, suggestion string)

func (p *parser) report(at tomlplace.Position, message, suggestion string) {
	p.problems = append(p.problems, ipc.Problem{File: p.path, Line: at.Line, Column: at.Column, Message: message, Suggestion: suggestion})
}

func (p *parser) wrongType(at tomlplace.Path, v any, want, suggestion string) {
	p.report(p.places.Nearest(at).Value, fmt.Sprintf("%s wants %s, not %s", at, want, tomlvalue.Describe(v)), suggestion)
}

// table reads v as a table of known keys.
func (p *parser) table(at tomlplace.Path, v any, known fields) {
	tree, ok := v.(map[string]any)
	if !ok {
		p.wrongType(at, v, "a table", fmt.Sprintf("write [%s] and its keys below", at))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		child := at.Child(key)
		if read, ok := known[key]; ok {
			read(child, tree[key])
			continue
		}
		names := slices.Sorted(maps.Keys(known))
		suggestion := "known keys: " + strings.Join(names, ", ")
		if near := editdistance.Nearest(key, names); near != "" {
			suggestion = "did you mean " + near + "?"
		}
		p.report(p.places.Nearest(child).Key, "unknown key "+child.String(), suggestion)
	}
}

func (p *parser) toggle(into *bool) func(tomlplace.Path, any) {
	return func(at tomlplace.Path, v any) {
		value, ok := v.(bool)
		if !ok {
			p.wrongType(at, v, "true or false", "")
			return
		}
		*into = value
	}
}

// number reads a whole number from 0 to most.
func (p *parser) number(into *int, most int64) func(tomlplace.Path, any) {
	return func(at tomlplace.Path, v any) {
		value, ok := v.(int64)
		switch {
		case !ok:
			p.wrongType(at, v, "a whole number", "")
		case value < 0 || value > most:
			p.report(p.places.Nearest(at).Value, fmt.Sprintf("%s is %d, which is not between 0 and %d", at, value, most), "")
		default:
			*into = int(value)
		}
	}
}

func (p *parser) word(into *string, valid check) func(tomlplace.Path, any) {
	return func(at tomlplace.Path, v any) {
		text, ok := v.(string)
		if !ok {
			p.wrongType(at, v, "a string", "")
			return
		}
		if message, suggestion := valid(text); message != "" {
			p.report(p.places.Nearest(at).Value, at.String()+" "+message, suggestion)
			return
		}
		*into = text
	}
}

func (p *parser) words(into *[]string, valid check) func(tomlplace.Path, any) {
	return func(at tomlplace.Path, v any) {
		items, ok := v.([]any)
		if !ok {
			p.wrongType(at, v, "a list of strings", "")
			return
		}
		*into = make([]string, len(items))
		for i, item := range items {
			p.word(&(*into)[i], valid)(at.Item(i), item)
		}
	}
}

// headers reads a table of header fields. Their values are secrets: no message has them.
func (p *parser) headers(into *map[string]string) func(tomlplace.Path, any) {
	return func(at tomlplace.Path, v any) {
		tree, ok := v.(map[string]any)
		if !ok {
			p.wrongType(at, "", "a table", `write headers = { authorization = "Bearer TOKEN" }`)
			return
		}
		*into = map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(tree)) {
			value, ok := tree[name].(string)
			if message := remotecache.CheckHeader(name, value); !ok || message != "" {
				if !ok {
					message = "is not a string"
				}
				p.report(p.places.Nearest(at.Child(name)).Key, at.Child(name).String()+" "+message, "")
				continue
			}
			(*into)[name] = value
		}
	}
}
