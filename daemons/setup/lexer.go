package setup

import "bytes"

// token is what the lexer makes of C and C++ text.
type token struct {
	kind tokenKind
	text string // of a name, a mark, or a directive without its #
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenString // a character too
	tokenMark   // one character, or "::"
	tokenDirective
)

func (t token) is(text string) bool {
	return (t.kind == tokenMark || t.kind == tokenName) && t.text == text
}

// lexer splits C and C++ text into tokens, good enough to tell code from comments
// and strings. It is a value: a copy reads ahead.
type lexer struct {
	text  []byte
	at    int
	begun bool // something other than blanks stood on this line
}

// next returns the next token.
func (l *lexer) next() token {
	for l.at < len(l.text) {
		c := l.text[l.at]
		switch {
		case c == '\n':
			l.begun = false
			l.at++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			l.at++
		case c == '\\' && l.continued():
			l.skipContinuation()
		case l.has("//"):
			l.skipLine()
		case l.has("/*"):
			l.skipTo("*/")
		case c == '#' && !l.begun:
			return token{tokenDirective, l.directive()}
		default:
			l.begun = true
			return l.word(c)
		}
	}
	return token{}
}

func (l *lexer) word(c byte) token {
	start := l.at
	switch {
	case c == '"' || c == '\'':
		l.quoted(c)
		return token{kind: tokenString}
	case c >= '0' && c <= '9':
		for l.at < len(l.text) && (isNameByte(l.text[l.at]) || l.text[l.at] == '.' || l.text[l.at] == '\'') {
			l.at++
		}
		return token{kind: tokenNumber}
	case isNameByte(c):
		for l.at < len(l.text) && isNameByte(l.text[l.at]) {
			l.at++
		}
		name := string(l.text[start:l.at])
		if l.at < len(l.text) && (l.text[l.at] == '"' || l.text[l.at] == '\'') && isEncoding(name) {
			if name[len(name)-1] == 'R' && l.text[l.at] == '"' {
				l.raw()
			} else {
				l.quoted(l.text[l.at])
			}
			return token{kind: tokenString}
		}
		return token{tokenName, name}
	case l.has("::"):
		l.at += 2
		return token{tokenMark, "::"}
	}
	l.at++
	return token{tokenMark, string(c)}
}

// isEncoding reports whether a name right before a quote belongs to the literal.
func isEncoding(name string) bool {
	switch name {
	case "L", "u", "U", "u8", "R", "LR", "uR", "UR", "u8R":
		return true
	}
	return false
}

func (l *lexer) has(s string) bool { return bytes.HasPrefix(l.text[l.at:], []byte(s)) }

// continued reports whether the backslash here ends the line.
func (l *lexer) continued() bool {
	rest := l.text[l.at+1:]
	return len(rest) > 0 && rest[0] == '\n' || len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n'
}

func (l *lexer) skipContinuation() { l.at += bytes.IndexByte(l.text[l.at:], '\n') + 1 }

// skipLine passes the rest of the line, and the next one if it is continued.
func (l *lexer) skipLine() {
	for l.at < len(l.text) && l.text[l.at] != '\n' {
		if l.text[l.at] == '\\' && l.continued() {
			l.skipContinuation()
		} else {
			l.at++
		}
	}
}

func (l *lexer) skipTo(end string) {
	i := bytes.Index(l.text[l.at+2:], []byte(end))
	if i < 0 {
		l.at = len(l.text)
	} else {
		l.at += 2 + i + len(end)
	}
}

// quoted passes a literal; one that is not closed ends with its line.
func (l *lexer) quoted(quote byte) {
	for l.at++; l.at < len(l.text); l.at++ {
		switch l.text[l.at] {
		case quote:
			l.at++
			return
		case '\n':
			return
		case '\\':
			if l.continued() {
				l.skipContinuation()
				l.at--
			} else {
				l.at++
			}
		}
	}
	l.at = len(l.text)
}

// raw passes "delimiter(…)delimiter".
func (l *lexer) raw() {
	rest := l.text[l.at+1:]
	open := bytes.IndexByte(rest, '(')
	if open < 0 || open > 16 {
		l.quoted('"')
		return
	}
	end := append([]byte{')'}, rest[:open]...)
	end = append(end, '"')
	i := bytes.Index(rest[open:], end)
	if i < 0 {
		l.at = len(l.text)
		return
	}
	l.at += 1 + open + i + len(end)
}

// directive passes a preprocessor line and returns it without its #, comments and
// continuations.
func (l *lexer) directive() string {
	l.at++
	var line []byte
	for l.at < len(l.text) && l.text[l.at] != '\n' {
		switch c := l.text[l.at]; {
		case c == '\\' && l.continued():
			l.skipContinuation()
			line = append(line, ' ')
		case l.has("//"):
			l.skipLine()
		case l.has("/*"):
			l.skipTo("*/")
			line = append(line, ' ')
		default:
			line = append(line, c)
			l.at++
		}
	}
	return string(bytes.TrimSpace(line))
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
