package ipc

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/RepliBuild/replibuild/internal/editdistance"
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
	return c.check(s)
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
	return editdistance.Nearest(key, names)
}
