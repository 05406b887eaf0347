package setup

import (
	"fmt"
	"sort"
	"strings"

	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/ipc"
)

// location is where something stands in a document; the zero location is nowhere.
type location struct {
	doc   *document
	path  tomlplace.Path
	asKey bool // the key is meant, not its value
}

// key is the same location, at the key instead of its value.
func (p location) key() location {
	p.asKey = true
	return p
}

// position is the line and column of p, or of the nearest table that contains it.
func (p location) position() tomlplace.Position {
	mark := p.doc.places.Nearest(p.path)
	if p.asKey {
		return mark.Key
	}
	return mark.Value
}

// problems collects mistakes.
type problems struct {
	list     []ipc.Problem
	known    map[ipc.Problem]bool
	compiler int // how many of them say that a compiler is missing
}

// at adds a mistake. A text that is in the list already is not said twice: a missing
// module that ten targets use is one mistake.
func (ps *problems) at(p location, suggestion, format string, args ...any) {
	problem := ipc.Problem{File: configFile, Message: fmt.Sprintf(format, args...), Suggestion: suggestion}
	if p.doc != nil {
		problem.File = p.doc.name
		pos := p.position()
		problem.Line, problem.Column = pos.Line, pos.Column
	}
	if ps.known == nil {
		ps.known = map[ipc.Problem]bool{}
	}
	if !ps.known[problem] {
		ps.known[problem] = true
		ps.list = append(ps.list, problem)
	}
}

// sorted returns the mistakes in the order of their files and lines, those of
// replibuild.toml first.
func (ps *problems) sorted() []ipc.Problem {
	sort.SliceStable(ps.list, func(i, j int) bool {
		a, b := ps.list[i], ps.list[j]
		switch {
		case a.File != b.File:
			return b.File != configFile && (a.File == configFile || a.File < b.File)
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return ps.list
}

// err is the error for all of them, nil if there is none.
func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	all := ps.sorted()
	e := ipc.Errorf(ipc.CodeConfig, "%s", all[0].String())
	if len(all) > 1 {
		e = ipc.Errorf(ipc.CodeConfig, "%d mistakes in the configuration, the first: %s", len(all), all[0].String())
	}
	if ps.compiler == len(all) {
		e.Code = ipc.CodeNoCompiler
	}
	e.Problems = all
	return e.WithHint("docs/configuration.md explains the keys")
}

// didYouMean suggests the nearest of some names, else lists them.
func didYouMean(word string, names []string) string {
	if near := nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// orList is didYouMean, or the list of what there is.
func orList(word string, names []string, what string) string {
	switch near := didYouMean(word, names); {
	case near != "":
		return near
	case len(names) == 0:
		return ""
	}
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	const most = 16
	if len(sorted) > most {
		sorted = append(sorted[:most], "…")
	}
	return what + ": " + strings.Join(sorted, ", ")
}
