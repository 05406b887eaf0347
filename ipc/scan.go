package ipc

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// eachMember calls f for each member of the JSON object in text, in order; value is the
// text of its value. It checks the grammar of the object itself; the values are checked
// when they are decoded.
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
