package ninja

import "strings"

// token is a kind of word of the language.
type token int

const (
	tokenError token = iota
	tokenBuild
	tokenColon
	tokenDefault
	tokenEquals
	tokenIdent
	tokenInclude
	tokenIndent
	tokenNewline
	tokenPipe
	tokenPipeAt
	tokenPipe2
	tokenPool
	tokenRule
	tokenSubninja
	tokenEOF
)

// tokenNames are the words for tokens in messages.
var tokenNames = [...]string{
	tokenError: "lexing error", tokenBuild: "'build'", tokenColon: "':'", tokenDefault: "'default'",
	tokenEquals: "'='", tokenIdent: "identifier", tokenInclude: "'include'", tokenIndent: "indent",
	tokenNewline: "newline", tokenPipe: "'|'", tokenPipeAt: "'|@'", tokenPipe2: "'||'",
	tokenPool: "'pool'", tokenRule: "'rule'", tokenSubninja: "'subninja'", tokenEOF: "eof",
}

// keyword returns the token of a word.
func keyword(word string) token {
	switch word {
	case "build":
		return tokenBuild
	case "pool":
		return tokenPool
	case "rule":
		return tokenRule
	case "default":
		return tokenDefault
	case "include":
		return tokenInclude
	case "subninja":
		return tokenSubninja
	}
	return tokenIdent
}

// lexer splits one file into tokens, names and values. The text ends with a zero byte, so
// reading the next byte needs no bounds check.
type lexer struct {
	file string
	text string
	pos  int // the next byte
	last int // where the last token began: the place of a mistake

	building templateBuilder // the value that is being read
}

func newLexer(file, text string) *lexer {
	if !strings.HasSuffix(text, "\x00") {
		text += "\x00"
	}
	return &lexer{file: file, text: text}
}

// Classes of bytes.
const (
	isName       = 1 << iota // may be in a name
	isSimpleName             // may be in a name without braces: no dot
	endsPath                 // is no plain text of a path
	endsValue                // is no plain text of a value
)

// class tells the classes of each byte.
var class = func() (c [256]uint8) {
	for b := range c {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '-':
			c[b] = isName | isSimpleName
		case b == '.':
			c[b] = isName
		case b == '$', b == '\r', b == '\n', b == 0:
			c[b] = endsPath | endsValue
		case b == ' ', b == ':', b == '|':
			c[b] = endsPath
		}
	}
	return c
}()

// next reads a token and the spaces after it.
func (l *lexer) next() token {
	for {
		start := l.pos
		p := start
		for l.text[p] == ' ' {
			p++
		}
		switch l.text[p] {
		case '#':
			if end := l.endOfComment(p); end > 0 {
				l.pos = end
				continue
			}
		case '\n':
			return l.take(start, p+1, tokenNewline)
		case '\r':
			if l.text[p+1] == '\n' {
				return l.take(start, p+2, tokenNewline)
			}
		}
		if p > start {
			return l.take(start, p, tokenIndent)
		}
		return l.word(start)
	}
}

// endOfComment returns the position after the comment's line, 0 if the file ends in it.
func (l *lexer) endOfComment(p int) int {
	end := strings.IndexByte(l.text[p:], '\n')
	if end < 0 || strings.IndexByte(l.text[p:p+end], 0) >= 0 {
		return 0
	}
	return p + end + 1
}

// word reads a token that begins with something other than a space.
func (l *lexer) word(start int) token {
	switch l.text[start] {
	case '=':
		return l.take(start, start+1, tokenEquals)
	case ':':
		return l.take(start, start+1, tokenColon)
	case '|':
		switch l.text[start+1] {
		case '@':
			return l.take(start, start+2, tokenPipeAt)
		case '|':
			return l.take(start, start+2, tokenPipe2)
		}
		return l.take(start, start+1, tokenPipe)
	case 0:
		return l.take(start, start+1, tokenEOF)
	}
	end := start
	for class[l.text[end]]&isName != 0 {
		end++
	}
	if end == start {
		return l.take(start, start+1, tokenError)
	}
	return l.take(start, end, keyword(l.text[start:end]))
}

// take ends a token.
func (l *lexer) take(start, end int, t token) token {
	l.last, l.pos = start, end
	switch t {
	case tokenEOF:
		l.pos = start // the end stays the end
	case tokenNewline:
	default:
		l.skipSpace()
	}
	return t
}

// peek reads a token if it is t, and else nothing.
func (l *lexer) peek(t token) bool {
	if l.next() == t {
		return true
	}
	l.unread()
	return false
}

// unread takes the last token back.
func (l *lexer) unread() { l.pos = l.last }

// skipSpace skips spaces and escaped newlines.
func (l *lexer) skipSpace() {
	for {
		switch {
		case l.text[l.pos] == ' ':
			l.pos++
		case strings.HasPrefix(l.text[l.pos:], "$\n"):
			l.pos += 2
		case strings.HasPrefix(l.text[l.pos:], "$\r\n"):
			l.pos += 3
		default:
			return
		}
	}
}

// ident reads a name.
func (l *lexer) ident() (name string, ok bool) {
	start := l.pos
	end := start
	for class[l.text[end]]&isName != 0 {
		end++
	}
	l.last = start
	if end == start {
		return "", false
	}
	l.pos = end
	l.skipSpace()
	return l.text[start:end], true
}

// path reads a path, which ends at a space, ':', '|' or newline.
func (l *lexer) path() (template, error) {
	t, err := l.value(true)
	if err == nil {
		l.skipSpace()
	}
	return t, err
}

// value reads text with variables up to the end of the line, or of the path.
func (l *lexer) value(path bool) (template, error) {
	ends := uint8(endsValue)
	if path {
		ends = endsPath
	}
	start := l.pos
	b := &l.building
	b.reset()
	for {
		p := l.pos
		for class[l.text[p]]&ends == 0 {
			p++
		}
		plain := l.text[l.pos:p]
		l.pos = p
		if l.text[p] != '$' {
			return l.endOfValue(path, plain, l.text[start:p])
		}
		b.text(plain)
		if err := l.escape(b); err != nil {
			return template{}, err
		}
	}
}

// endOfValue ends a value before a byte that does not belong to it. plain is the text
// since the last escape, whole is all of it as written.
func (l *lexer) endOfValue(path bool, plain, whole string) (template, error) {
	p := l.pos
	l.last = p
	switch c := l.text[p]; {
	case c == 0:
		return template{}, l.fail("unexpected EOF")
	case c == '\r' && l.text[p+1] != '\n':
		return template{}, l.fail(l.describe())
	case path:
	case c == '\n':
		l.pos = p + 1
	default:
		l.pos = p + 2
	}
	if !l.building.escaped {
		return template{literal: whole}, nil
	}
	l.building.text(plain)
	return l.building.finish(), nil
}

// escape reads what a $ begins.
func (l *lexer) escape(b *templateBuilder) error {
	p := l.pos
	b.escaped = true
	switch c := l.text[p+1]; {
	case c == '$', c == ' ', c == ':':
		b.text(l.text[p+1 : p+2])
		l.pos = p + 2
	case c == '\n', c == '\r' && l.text[p+2] == '\n':
		l.pos = p + 2
		if c == '\r' {
			l.pos++
		}
		for l.text[l.pos] == ' ' {
			l.pos++
		}
	case c == '{' && class[l.text[p+2]]&isName != 0:
		end := p + 2
		for class[l.text[end]]&isName != 0 {
			end++
		}
		if l.text[end] != '}' {
			return l.badEscape(p)
		}
		b.variable(l.text[p+2 : end])
		l.pos = end + 1
	case class[c]&isSimpleName != 0:
		end := p + 1
		for class[l.text[end]]&isSimpleName != 0 {
			end++
		}
		b.variable(l.text[p+1 : end])
		l.pos = end
	default:
		return l.badEscape(p)
	}
	return nil
}

func (l *lexer) badEscape(p int) error {
	l.last = p
	return l.fail("bad $-escape (literal $ must be written as $$)")
}

// describe tells what is wrong with a byte that begins no token.
func (l *lexer) describe() string {
	if l.text[l.last] == '\t' {
		return "tabs are not allowed, use spaces"
	}
	return "lexing error"
}
