// Package depfile reads the files in which gcc and clang name what a compile has read.
//
// They look like rules of make, with each compiler's own way to escape: a backslash before a
// space, '#' or ':', two '$' for one. Other backslashes are part of the name.
package depfile

import (
	"errors"
	"slices"
	"strings"
)

// Rule is what a depfile says: the outputs before the colon and the inputs after it, each
// once, in the order of the file.
type Rule struct {
	Outputs, Inputs []string
}

var (
	errNoColon = errors.New("expected ':' in depfile")
	errNested  = errors.New("inputs may not also have inputs")
)

// Parse reads a depfile.
func Parse(text string) (Rule, error) {
	p := &parser{text: text, targets: true, inputs: make(map[string]bool)}
	for p.pos < len(text) {
		if err := p.add(p.name()); err != nil {
			return Rule{}, err
		}
	}
	if !p.targetSeen && !p.empty() {
		return Rule{}, errNoColon
	}
	return p.rule, nil
}

type parser struct {
	text       string
	pos        int
	rule       Rule
	inputs     map[string]bool
	targets    bool // left of the colon
	targetSeen bool
	poisoned   bool // the rule is about a file that is an input: it may not have inputs
	newline    bool // the last name was the last of its line
}

func (p *parser) empty() bool { return len(p.rule.Outputs)+len(p.rule.Inputs) == 0 }

// add adds a name to the outputs or the inputs.
func (p *parser) add(name string) error {
	dependency := !p.targets
	if rest, ok := strings.CutSuffix(name, ":"); ok {
		name = rest
		p.targets, p.targetSeen = false, true
	}
	switch {
	case name == "":
	case dependency && !p.inputs[name]:
		if p.poisoned {
			return errNested
		}
		p.inputs[name] = true
		p.rule.Inputs = append(p.rule.Inputs, name)
	case dependency:
	case p.inputs[name]:
		p.poisoned = true
	case !slices.Contains(p.rule.Outputs, name):
		p.rule.Outputs = append(p.rule.Outputs, name)
	}
	if p.newline {
		p.targets, p.poisoned = true, false
	}
	return nil
}

// plain are the bytes without a special meaning.
var plain = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+?\"'&,/_:.~()}{%=@[]!-") {
		set[c] = true
	}
	for c := 0x80; c < 0x100; c++ {
		set[c] = true
	}
	return set
}()

// at returns a byte, 0 behind the end.
func (p *parser) at(i int) byte {
	if i < len(p.text) {
		return p.text[i]
	}
	return 0
}

// name reads a file's name and the byte that ends it.
func (p *parser) name() string {
	p.newline = false
	var built []byte // the name so far, if it is not as it is written
	start := p.pos
	take := func() string {
		if built == nil {
			return p.text[start:p.pos]
		}
		return string(append(built, p.text[start:p.pos]...))
	}
	// replace puts text in the place of the next n bytes.
	replace := func(n int, text string) {
		built = append(append(built, p.text[start:p.pos]...), text...)
		p.pos += n
		start = p.pos
	}
	for {
		c := p.at(p.pos)
		switch {
		case plain[c]:
			p.pos++
		case c == '$' && p.at(p.pos+1) == '$':
			replace(2, "$")
		case c == '\\':
			if skip := p.backslashes(replace); skip > 0 {
				name := take()
				p.pos += skip
				return name
			}
		default:
			name := take()
			p.end(c)
			return name
		}
	}
}

// end goes past the byte that ended a name.
func (p *parser) end(c byte) {
	p.pos++
	if c == '\n' || c == '\r' && p.at(p.pos) == '\n' {
		p.newline = true
	}
	if c == '\r' && p.newline {
		p.pos++
	}
}

// backslashes reads a run of backslashes and what they escape. Where the name ends, it
// returns how many bytes to skip.
func (p *parser) backslashes(replace func(int, string)) (skip int) {
	n := 1
	for p.at(p.pos+n) == '\\' {
		n++
	}
	next := p.at(p.pos + n)
	switch {
	case next == ' ' && n%2 == 1:
		replace(n+1, strings.Repeat(`\`, n/2)+" ")
	case next == ' ':
		p.pos += n
		return 1
	case next == '#':
		replace(n+1, strings.Repeat(`\`, n-1)+"#")
	case next == ':' && p.targetEnds(p.pos+n+1):
		p.newline = p.at(p.pos+n+1) == '\n'
		p.pos += n + 1
		return 1
	case next == ':':
		replace(n+1, strings.Repeat(`\`, n-1)+":")
	case next != 0 && next != '\r' && next != '\n':
		p.pos += n + 1
	case n > 1:
		p.pos += n
	case next == '\n':
		return 2 // the line goes on, the name does not
	case next == '\r' && p.at(p.pos+2) == '\n':
		return 3
	default:
		return 1
	}
	return 0
}

// targetEnds says that a colon before this position is the one behind a target.
func (p *parser) targetEnds(i int) bool {
	c := p.at(i)
	return i >= len(p.text) || c == 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n'
}
