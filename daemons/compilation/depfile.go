package compilation

import (
	"errors"
	"fmt"
)

// parseDepfile reads the dependency file that a compiler (-MD -MF) or linker
// (--dependency-file) wrote: one rule "target: name name …", then possibly the
// empty rules that -MP asks for. It returns the names in order, each once.
//
// Names are written for make: a space, tab or # is escaped by a backslash, $ by
// another $, and only backslashes in front of such a space are doubled
// (https://gcc.gnu.org/git/?p=gcc.git;a=blob;f=libcpp/mkdeps.cc, munge). clang writes each
// backslash of a name as a slash, which cannot be undone here, and escapes no tab. Anything
// that those rules cannot have produced is an error: a guessed list of inputs would
// make stale objects.
func parseDepfile(text []byte) ([]string, error) {
	p := depParser{text: text}
	if err := p.target(); err != nil {
		return nil, err
	}
	names, err := p.names()
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(names))
	unique := names[:0]
	for _, n := range names {
		if !known[n] {
			known[n] = true
			unique = append(unique, n)
		}
	}
	return unique, p.emptyRules(known)
}

var errDepfile = errors.New("not a dependency file")

type depParser struct {
	text []byte
	pos  int
}

// target skips to behind the colon that ends the target.
func (p *depParser) target() error {
	for ; p.pos < len(p.text); p.pos++ {
		switch p.text[p.pos] {
		case '\n', 0:
			return fmt.Errorf("%w: no target", errDepfile)
		case '\\':
			p.pos++
		case ':':
			if p.pos+1 == len(p.text) || isDepSpace(p.text[p.pos+1]) || p.continues(p.pos+1) > 0 {
				p.pos++
				return nil
			}
		}
	}
	return fmt.Errorf("%w: no target", errDepfile)
}

// names reads up to the end of the rule.
func (p *depParser) names() ([]string, error) {
	var names []string
	for {
		p.skipBlank()
		if p.pos == len(p.text) {
			return names, nil
		}
		if p.text[p.pos] == '\n' {
			p.pos++
			return names, nil
		}
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
}

// skipBlank skips spaces and continued line ends.
func (p *depParser) skipBlank() {
	for p.pos < len(p.text) {
		switch n := p.continues(p.pos); {
		case n > 0:
			p.pos += n
		case p.text[p.pos] != '\n' && isDepSpace(p.text[p.pos]):
			p.pos++
		default:
			return
		}
	}
}

// name reads one name and undoes its escapes.
func (p *depParser) name() (string, error) {
	var name []byte
	for p.pos < len(p.text) && p.continues(p.pos) == 0 {
		switch c := p.text[p.pos]; {
		case isDepSpace(c):
			return string(name), nil
		case c == 0:
			return "", fmt.Errorf("%w: NUL at offset %d", errDepfile, p.pos)
		case c == '$':
			if p.pos+1 == len(p.text) || p.text[p.pos+1] != '$' {
				return "", fmt.Errorf("%w: variable at offset %d", errDepfile, p.pos)
			}
			name = append(name, '$')
			p.pos += 2
		case c == '\\':
			name = p.backslashes(name)
		default:
			name = append(name, c)
			p.pos++
		}
	}
	return string(name), nil
}

// backslashes reads a run of them with what they escape.
func (p *depParser) backslashes(name []byte) []byte {
	n := 0
	for p.pos < len(p.text) && p.text[p.pos] == '\\' && p.continues(p.pos) == 0 {
		n++
		p.pos++
	}
	var next byte
	if p.pos < len(p.text) {
		next = p.text[p.pos]
	}
	literal, escaped := n, false
	switch next {
	case ' ', '\t':
		literal, escaped = n/2, n%2 == 1
	case '#':
		literal, escaped = n-1, true
	}
	for range literal {
		name = append(name, '\\')
	}
	if escaped {
		name = append(name, next)
		p.pos++
	}
	return name
}

// continues returns the length of a continued line end at offset i, 0 if there is
// none.
func (p *depParser) continues(i int) int {
	rest := p.text[i:]
	switch {
	case len(rest) >= 2 && rest[0] == '\\' && rest[1] == '\n':
		return 2
	case len(rest) >= 3 && rest[0] == '\\' && rest[1] == '\r' && rest[2] == '\n':
		return 3
	}
	return 0
}

// emptyRules accepts blank lines and rules "name:" for names that were listed. A
// name with a line end in it would look like something else, and is refused.
func (p *depParser) emptyRules(known map[string]bool) error {
	for {
		for p.pos < len(p.text) && isDepSpace(p.text[p.pos]) {
			p.pos++
		}
		if p.pos == len(p.text) {
			return nil
		}
		start := p.pos
		name, err := p.name()
		if err != nil {
			return err
		}
		if len(name) == 0 || name[len(name)-1] != ':' || !known[name[:len(name)-1]] {
			return fmt.Errorf("%w: unexpected text at offset %d", errDepfile, start)
		}
	}
}

func isDepSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
