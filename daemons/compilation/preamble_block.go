package compilation

import (
	"bytes"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// leadingIncludes returns the length of the block of includes with which a source
// begins: up to the end of the line of its last #include that stands outside of all
// conditionals, with nothing before it but directives and comments. 0 means that
// there is no such block.
//
// It reads as phases 2 to 4 of translation do, and where it is in doubt the block
// ends before the doubt: at a token that belongs to no directive, a directive that
// changes how the rest is read (#line, #import, #include_next, most of #pragma), a
// raw string, a character literal, a trigraph, a NUL, a carriage return of its own.
// A shorter block is slower, never wrong.
func leadingIncludes(text []byte) int {
	l := blockLexer{text: readable(text)}
	if bytes.HasPrefix(l.text, byteOrderMark) {
		l.pos = len(byteOrderMark)
	}
	for l.blank(true) && l.directive() {
	}
	return l.end
}

// byteOrderMark is passed over by compilers at the beginning of a source only.
var byteOrderMark = []byte("\xef\xbb\xbf")

// readable cuts a text before the first line with something that is not read here.
func readable(text []byte) []byte {
	cut := len(text)
	for _, odd := range []string{"\x00", "??/", "??="} {
		if i := bytes.Index(text[:cut], []byte(odd)); i >= 0 {
			cut = i
		}
	}
	for i := 0; i < cut; i++ {
		if text[i] == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			cut = i
		}
	}
	if cut == len(text) {
		return text
	}
	return text[:bytes.LastIndexByte(text[:cut], '\n')+1]
}

// blockLexer reads directives and comments. Its methods return false where the block
// cannot go on.
type blockLexer struct {
	text   []byte
	pos    int
	depth  int // of conditionals
	pushed int // states of diagnostics, by #pragma
	end    int // of the block so far
}

// peek returns the character at pos behind continued line ends, 0 at the end.
func (l *blockLexer) peek() byte {
	for l.pos < len(l.text) {
		n := l.continued()
		if n == 0 {
			return l.text[l.pos]
		}
		l.pos += n
	}
	return 0
}

// continued returns the length of a continued line end at pos: a backslash, blanks
// that compilers pass over with a warning, and the line end.
func (l *blockLexer) continued() int {
	rest := l.text[l.pos:]
	if rest[0] != '\\' {
		return 0
	}
	after := bytes.TrimLeft(rest[1:], " \t\f\v\r")
	if len(after) == 0 || after[0] != '\n' {
		return 0
	}
	return len(rest) - len(after) + 1
}

// next takes the character that peek returns.
func (l *blockLexer) next() byte {
	c := l.peek()
	if l.pos < len(l.text) {
		l.pos++
	}
	return c
}

// blank skips blanks and comments, and line ends if lines is set. It returns false
// for a comment without an end.
func (l *blockLexer) blank(lines bool) bool {
	for {
		switch c := l.peek(); {
		case c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r' || c == '\n' && lines:
			l.pos++
		case c == '/':
			comment, ok := l.comment()
			if !ok || !comment {
				return ok
			}
		default:
			return true
		}
	}
}

// comment skips a comment, if there is one.
func (l *blockLexer) comment() (there, ok bool) {
	start := l.pos
	l.next()
	switch l.peek() {
	case '/':
		for c := l.peek(); c != '\n' && c != 0; c = l.peek() {
			l.next()
		}
		return true, true
	case '*':
		l.next()
		for star := false; ; {
			c := l.next()
			if c == 0 || star && c == '/' {
				return true, c != 0
			}
			star = c == '*'
		}
	}
	l.pos = start
	return false, true
}

// directive reads one directive up to the end of its line.
func (l *blockLexer) directive() bool {
	if l.peek() != '#' {
		return false
	}
	l.next()
	if !l.blank(false) {
		return false
	}
	name := l.word()
	if !l.blank(false) {
		return false
	}
	ok := l.take(name)
	if ok && name == "include" && l.depth == 0 && l.pushed == 0 {
		l.end = l.pos
	}
	return ok
}

func (l *blockLexer) word() string {
	var w []byte
	for snapshot.IsWordByte(l.peek()) {
		w = append(w, l.next())
	}
	return string(w)
}

// take reads what follows the name of a directive.
func (l *blockLexer) take(name string) bool {
	switch name {
	case "include":
		return l.header() && l.line()
	case "if", "ifdef", "ifndef":
		l.depth++
		return l.line()
	case "elif", "else", "elifdef", "elifndef":
		return l.depth > 0 && l.line()
	case "endif":
		l.depth--
		return l.depth >= 0 && l.line()
	case "define", "undef", "":
		return l.line()
	case "error", "warning":
		return l.depth > 0 && l.line()
	case "pragma":
		return l.pragma() && l.line()
	}
	return false
}

// header reads the <name> or "name" of an include; that of a macro is left to line.
func (l *blockLexer) header() bool {
	end := byte('"')
	switch l.peek() {
	case '<':
		end = '>'
	case '"':
	default:
		return snapshot.IsWordByte(l.peek())
	}
	l.next()
	for {
		switch l.next() {
		case end:
			return true
		case '\n', 0:
			return false
		}
	}
}

// pragma accepts what opens and closes a state of diagnostics, and a change within.
func (l *blockLexer) pragma() bool {
	var words [3]string
	for i := range words {
		words[i] = l.word()
		if !l.blank(false) {
			return false
		}
	}
	if words[0] != "GCC" && words[0] != "clang" || words[1] != "diagnostic" || l.depth > 0 {
		return false
	}
	switch words[2] {
	case "push":
		l.pushed++
		return true
	case "pop":
		l.pushed--
		return l.pushed >= 0
	}
	return l.pushed > 0
}

// line reads the rest of a directive. One at the end of the text has no line end,
// and more may follow that is not seen here.
func (l *blockLexer) line() bool {
	last := byte(0)
	for {
		if !l.blank(false) {
			return false
		}
		c := l.next()
		switch {
		case c == '\n':
			return true
		case c == 0 || c == '\'' || c == '"' && (last == 'R' || !l.literal()):
			return false
		}
		last = c
	}
}

// literal reads a string behind its opening quote.
func (l *blockLexer) literal() bool {
	for {
		switch l.next() {
		case '"':
			return true
		case '\\':
			l.next()
		case '\n', 0:
			return false
		}
	}
}
