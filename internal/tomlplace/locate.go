// Package tomlplace says where the values of a TOML text stand, for messages about mistakes.
// The TOML library tells the place of a syntax error, but not of a key, of a list's element
// or of one of several [[tables]].
package tomlplace

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Path names a value: the keys that lead to it, each after a NUL, and positions
// in lists after a \x01. "" is the document.
type Path string

// Child is the path of a key in the table p.
func (p Path) Child(key string) Path { return p + "\x00" + Path(key) }

// Item is the path of element i, counted from 0, of the list p.
func (p Path) Item(i int) Path { return p + "\x01" + Path(strconv.Itoa(i)) }

// parent is the table or list that contains p.
func (p Path) parent() Path { return p[:max(strings.LastIndexAny(string(p), "\x00\x01"), 0)] }

// String writes p as people do: targets.math.sources[1].
func (p Path) String() string {
	var b strings.Builder
	rest := string(p)
	for rest != "" {
		kind := rest[0]
		end := strings.IndexAny(rest[1:], "\x00\x01") + 1
		if end == 0 {
			end = len(rest)
		}
		name := rest[1:end]
		switch {
		case kind == 1:
			b.WriteString("[" + name + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(QuotedKey(name))
		}
		rest = rest[end:]
	}
	return b.String()
}

// QuotedKey writes a key as TOML wants it.
func QuotedKey(key string) string {
	bare := func(r rune) bool {
		return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if key != "" && strings.TrimLeftFunc(key, bare) == "" {
		return key
	}
	return strconv.Quote(key)
}

// Position counts lines and columns (in bytes, as the TOML library does) from 1.
type Position struct{ Line, Column int }

// Mark is where a key and its value begin. A table has the place of its header.
type Mark struct{ Key, Value Position }

// Places are the marks of a document, by path.
type Places map[Path]Mark

// Nearest is the mark of a path, or of the nearest table or list around it that has one.
// The zero Mark is nowhere.
func (m Places) Nearest(p Path) Mark {
	for {
		if mark, ok := m[p]; ok || p == "" {
			return mark
		}
		p = p.parent()
	}
}

// SyntaxError says what is wrong with a text that the TOML library refused with err, and
// where. The library's own line is that of the next one for a mistake at the end of a line.
func SyntaxError(text string, err error) (message string, at Position) {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return err.Error(), Position{}
	}
	before := text[:max(0, min(pe.Position.Start, len(text)))]
	return pe.Message, Position{strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')}
}

// Locate returns the place of every key, table and list element of a text that the TOML
// library accepts: it finds where things are, not whether they are right. Where several
// headers add to one table, the first counts.
func Locate(text string) Places {
	l := &locator{text: text, line: 1, marks: Places{}, counts: map[Path]int{}}
	table := Path("")
	for l.skipBlank(); l.at < len(l.text); l.skipBlank() {
		before := l.at
		if l.peek() == '[' {
			table = l.header()
		} else {
			l.pair(table)
		}
		if l.at == before {
			break // not TOML
		}
	}
	return l.marks
}

type locator struct {
	text      string
	at        int
	line      int
	lineStart int
	marks     Places
	counts    map[Path]int // elements of each [[table]] so far
}

func (l *locator) peek() byte {
	if l.at < len(l.text) {
		return l.text[l.at]
	}
	return 0
}

// advance passes n bytes and counts lines.
func (l *locator) advance(n int) {
	for range min(n, len(l.text)-l.at) {
		if l.text[l.at] == '\n' {
			l.line++
			l.lineStart = l.at + 1
		}
		l.at++
	}
}

func (l *locator) here() Position { return Position{l.line, l.at - l.lineStart + 1} }

func (l *locator) add(p Path, key, value Position) {
	if _, known := l.marks[p]; !known {
		l.marks[p] = Mark{key, value}
	}
}

// skipSpace passes blanks on a line.
func (l *locator) skipSpace() {
	for c := l.peek(); c == ' ' || c == '\t'; c = l.peek() {
		l.at++
	}
}

// skipBlank passes blanks, ends of lines and comments.
func (l *locator) skipBlank() {
	for l.at < len(l.text) {
		switch l.peek() {
		case ' ', '\t', '\r', '\n':
			l.advance(1)
		case '#':
			end := strings.IndexByte(l.text[l.at:], '\n')
			if end < 0 {
				end = len(l.text) - l.at
			}
			l.at += end
		case 0xEF: // a byte order mark is allowed at the start
			if l.at != 0 || !strings.HasPrefix(l.text, "\xEF\xBB\xBF") {
				return
			}
			l.at += 3
			l.lineStart = 3
		default:
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the table that follows.
func (l *locator) header() Path {
	start := l.here()
	l.at++
	list := l.peek() == '['
	if list {
		l.at++
	}
	table := Path("")
	keys, _ := l.keys()
	for i, key := range keys {
		table = table.Child(key)
		last := i == len(keys)-1
		l.add(table, start, start)
		switch {
		case last && list:
			l.counts[table]++
			table = table.Item(l.counts[table] - 1)
			l.add(table, start, start)
		case l.counts[table] > 0:
			table = table.Item(l.counts[table] - 1)
		}
	}
	for c := l.peek(); c == ']' || c == ' ' || c == '\t'; c = l.peek() {
		l.at++
	}
	return table
}

// keys reads a dotted key and the place of each part.
func (l *locator) keys() (keys []string, places []Position) {
	for {
		l.skipSpace()
		place := l.here()
		keys, places = append(keys, l.key()), append(places, place)
		l.skipSpace()
		if l.peek() != '.' {
			return keys, places
		}
		l.at++
	}
}

func (l *locator) key() string {
	if c := l.peek(); c == '"' || c == '\'' {
		return l.quoted()
	}
	start := l.at
	for l.at < len(l.text) && !strings.ContainsRune(" \t\r\n.=]#,{}[\"'", rune(l.text[l.at])) {
		l.at++
	}
	return l.text[start:l.at]
}

// pair reads key = value into table.
func (l *locator) pair(table Path) {
	keys, places := l.keys()
	p := table
	for i, key := range keys {
		p = p.Child(key)
		if i < len(keys)-1 {
			l.add(p, places[i], places[i])
		}
	}
	l.skipSpace()
	if l.peek() != '=' {
		return
	}
	l.at++
	l.skipSpace()
	l.add(p, places[len(places)-1], l.here())
	l.value(p)
}

// value passes one value and notes what is inside.
func (l *locator) value(p Path) {
	switch l.peek() {
	case '"', '\'':
		l.quoted()
	case '[':
		l.list(p)
	case '{':
		l.inline(p)
	default:
		for l.at < len(l.text) && !strings.ContainsRune(",]}#\r\n", rune(l.text[l.at])) {
			l.at++
		}
	}
}

func (l *locator) list(p Path) {
	l.at++
	for i := 0; ; i++ {
		l.skipBlank()
		if c := l.peek(); c == ']' || c == 0 {
			l.advance(1)
			return
		}
		before := l.at
		place := l.here()
		l.add(p.Item(i), place, place)
		l.value(p.Item(i))
		l.skipBlank()
		if l.peek() == ',' {
			l.at++
		}
		if l.at == before {
			return
		}
	}
}

func (l *locator) inline(p Path) {
	l.at++
	for {
		l.skipBlank()
		if c := l.peek(); c == '}' || c == 0 {
			l.advance(1)
			return
		}
		before := l.at
		l.pair(p)
		l.skipBlank()
		if l.peek() == ',' {
			l.at++
		}
		if l.at == before {
			return
		}
	}
}

// quoted passes a string of any of the four kinds and returns what it means.
func (l *locator) quoted() string {
	quote := l.text[l.at : l.at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(l.text[l.at:], triple) {
		l.at += 3
		return l.until(triple, quote == `"`)
	}
	l.at++
	return l.until(quote, quote == `"`)
}

// until passes the text up to the closing quotes and returns it, escapes resolved.
func (l *locator) until(end string, escapes bool) string {
	var b strings.Builder
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case escapes && rest[0] == '\\' && len(rest) > 1:
			r, n := unescape(rest)
			b.WriteString(r)
			l.advance(n)
		case strings.HasPrefix(rest, end):
			// Up to two quotes may stand right before the closing three.
			n := len(end)
			for n == 3 && n < 5 && strings.HasPrefix(rest[n-2:], end) {
				b.WriteByte(end[0])
				rest = rest[1:]
				l.at++
			}
			l.at += n
			return b.String()
		default:
			b.WriteByte(rest[0])
			l.advance(1)
		}
	}
	return b.String()
}

// unescape reads one escape and returns what it means and how long it is.
func unescape(s string) (string, int) {
	simple := map[byte]string{'b': "\b", 't': "\t", 'n': "\n", 'f': "\f", 'r': "\r", 'e': "\x1b"}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	if digits > 0 && len(s) >= 2+digits {
		if n, err := strconv.ParseUint(s[2:2+digits], 16, 32); err == nil && utf8.ValidRune(rune(n)) {
			return string(rune(n)), 2 + digits
		}
	}
	if r, ok := simple[s[1]]; ok {
		return r, 2
	}
	return s[1:2], 2
}
