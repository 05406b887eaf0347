package ipc

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"unicode/utf8"
)

// encoding/json takes `Flags` for "flags", the last of two equal keys, and drops
// unknown ones. Each of these would let a request say one thing to a check and
// another to the decoder, so keys are compared here, byte by byte, before decoding.

// shape is what a request's type allows at one place.
type shape struct {
	fields map[string]*field // of a struct: the keys that it knows
	elem   *shape            // of a list or map: each element
}

// field is one key of a struct; bit tells it from the struct's other keys.
type field struct {
	*shape
	bit uint64
}

// anything allows every value whose objects repeat no key.
func anything() *shape { return &shape{} }

// shapeOf derives the shape of what encoding/json would decode into t.
func shapeOf(t reflect.Type) *shape {
	if t.Kind() == reflect.Pointer {
		return shapeOf(t.Elem())
	}
	if decodesItself(t) {
		return anything()
	}
	switch t.Kind() {
	case reflect.Struct:
		s := &shape{fields: make(map[string]*field)}
		s.addFields(t)
		return s
	case reflect.Slice, reflect.Array, reflect.Map:
		return &shape{elem: shapeOf(t.Elem())}
	}
	return anything()
}

// addFields adds the fields of struct t, and those that it gets by embedding.
func (s *shape) addFields(t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			s.addFields(f.Type)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			s.add(name, f.Type)
		}
	}
}

// add adds one key. No message has 64 fields; a test holds that.
func (s *shape) add(name string, t reflect.Type) {
	s.fields[name] = &field{shape: shapeOf(t), bit: 1 << len(s.fields)}
}

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]())
}

// keyError is a key that may not be where it is.
type keyError struct {
	path  string // of the object that holds it: "units[3]", "" for the request
	key   string
	what  string
	known *shape
}

func (e *keyError) Error() string {
	where := ""
	if e.path != "" {
		where = " in " + e.path
	}
	msg := fmt.Sprintf("%s key %q%s", e.what, e.key, where)
	if e.known != nil {
		if near := nearestKey(e.key, e.known.fields); near != "" {
			msg += fmt.Sprintf(", did you mean %q?", near)
		}
	}
	return msg
}

func (e *keyError) within(segment string) *keyError {
	if e.path != "" && e.path[0] != '[' {
		segment += "."
	}
	e.path = segment + e.path
	return e
}

// checkKeys reports the first unknown or repeated key of text, a JSON value nested
// no deeper than [maxDepth].
func checkKeys(text []byte, s *shape) error {
	c := cursor{text: text}
	if err := c.check(s); err != nil {
		return err
	}
	return nil
}

// eachMember calls f for each member of the JSON object in text, in order; value is
// the text of its value. It trusts nothing, but leaves grammar inside values to
// whoever decodes them.
func eachMember(text []byte, f func(key string, value []byte) error) error {
	c := cursor{text: text}
	return c.members(func(key string) error {
		start := c.pos
		if err := c.skip(); err != nil {
			return err
		}
		return f(key, text[start:c.pos])
	})
}

// cursor walks through JSON text.
type cursor struct {
	text []byte
	pos  int
}

var errMalformed = errors.New("malformed JSON")

// peek skips white space and returns the byte after it, 0 at the end.
func (c *cursor) peek() byte {
	for c.pos < len(c.text) && isSpace(c.text[c.pos]) {
		c.pos++
	}
	if c.pos == len(c.text) {
		return 0
	}
	return c.text[c.pos]
}

// members walks an object; f is called behind the colon and has to pass the value.
func (c *cursor) members(f func(key string) error) error {
	return c.items('{', '}', func() error {
		key, err := c.key()
		if err != nil {
			return err
		}
		if c.peek() != ':' {
			return errMalformed
		}
		c.pos++
		c.peek()
		return f(key)
	})
}

// items walks what stands between open and shut, separated by commas.
func (c *cursor) items(open, shut byte, f func() error) error {
	if c.peek() != open {
		return errMalformed
	}
	c.pos++
	if c.peek() == shut {
		c.pos++
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.pos++
		case shut:
			c.pos++
			return nil
		default:
			return errMalformed
		}
	}
}

// key passes a string and returns what it means: "\u0061" is "a".
func (c *cursor) key() (string, error) {
	if c.peek() != '"' {
		return "", errMalformed
	}
	start := c.pos
	if err := c.skip(); err != nil {
		return "", err
	}
	quoted := c.text[start:c.pos]
	if isPlain(quoted) {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", errMalformed
	}
	return s, nil
}

// isPlain reports whether a JSON string means what is written: ASCII, no escapes.
func isPlain(quoted []byte) bool {
	for _, b := range quoted {
		if b == '\\' || b < ' ' || b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// skip passes any value.
func (c *cursor) skip() error {
	var b brackets
	switch c.peek() {
	case '{', '[':
		n, done, err := b.scan(c.text[c.pos:])
		if err != nil || !done {
			return errMalformed
		}
		c.pos += n
	case '"':
		for c.pos++; c.pos < len(c.text); c.pos++ {
			switch c.text[c.pos] {
			case '\\':
				c.pos++
			case '"':
				c.pos++
				return nil
			}
		}
		return errMalformed
	default:
		start := c.pos
		for c.pos < len(c.text) && !strings.ContainsRune(",]} \t\r\n", rune(c.text[c.pos])) {
			c.pos++
		}
		if c.pos == start {
			return errMalformed
		}
	}
	return nil
}

// check passes a value and compares its keys with s.
func (c *cursor) check(s *shape) error {
	switch c.peek() {
	case '{':
		return c.checkObject(s)
	case '[':
		return c.checkList(s)
	}
	return c.skip()
}

func (c *cursor) checkObject(s *shape) error {
	if s.fields == nil {
		return c.checkMap(orAnything(s.elem))
	}
	var seen uint64
	return c.members(func(key string) error {
		f := s.fields[key]
		if f == nil {
			return &keyError{key: key, what: "unknown", known: s}
		}
		if seen&f.bit != 0 {
			return &keyError{key: key, what: "repeated"}
		}
		seen |= f.bit
		return inside(c.check(f.shape), key)
	})
}

func (c *cursor) checkMap(below *shape) error {
	seen := make(map[string]bool)
	return c.members(func(key string) error {
		if seen[key] {
			return &keyError{key: key, what: "repeated"}
		}
		seen[key] = true
		return inside(c.check(below), key)
	})
}

func (c *cursor) checkList(s *shape) error {
	below := orAnything(s.elem)
	i := -1
	return c.items('[', ']', func() error {
		i++
		if err := c.check(below); err != nil {
			return inside(err, fmt.Sprintf("[%d]", i))
		}
		return nil
	})
}

func orAnything(s *shape) *shape {
	if s == nil {
		return anything()
	}
	return s
}

func inside(err error, segment string) error {
	var k *keyError
	if errors.As(err, &k) {
		return k.within(segment)
	}
	return err
}

// nearestKey returns the key that was probably meant, "" if none is near.
func nearestKey(key string, known map[string]*field) string {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	return nearest(key, names)
}

// nearest returns the name that differs from word by the fewest edits, at most a
// third of its length, or only by case; else "".
func nearest(word string, names []string) string {
	sort.Strings(names)
	best, distance := "", 1+max(1, min(len(word), 32)/3)
	for _, name := range names {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := edits(word, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance between a and b; long words are no typing
// mistakes and count as far.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
