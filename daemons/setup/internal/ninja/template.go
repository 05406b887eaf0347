package ninja

import (
	"slices"
	"strings"
)

// template is text with variables, not evaluated yet.
type template struct {
	literal string  // the text if there is no variable
	pieces  []piece // nil if there is none
}

// piece is a run of plain text or the name of a variable.
type piece struct {
	text     string
	variable bool
}

// empty says that nothing was written, not even a variable.
func (t template) empty() bool { return t.literal == "" && t.pieces == nil }

// variables gives the value of a variable.
type variables interface {
	lookup(name string) string
}

// eval puts in the variables.
func (t template) eval(v variables) string {
	if t.pieces == nil {
		return t.literal
	}
	values := make([]string, 0, 16)
	for _, p := range t.pieces {
		if p.variable {
			values = append(values, v.lookup(p.text))
		} else {
			values = append(values, p.text)
		}
	}
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, "")
}

// source writes the template as a manifest has it.
func (t template) source() string {
	var b strings.Builder
	b.WriteString(t.literal)
	for _, p := range t.pieces {
		if p.variable {
			b.WriteString("${" + p.text + "}")
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// templateBuilder collects a template with escapes. It is used again for each.
type templateBuilder struct {
	escaped bool
	pending []byte // plain text since the last variable
	pieces  []piece
}

func (b *templateBuilder) reset() {
	b.escaped, b.pending, b.pieces = false, b.pending[:0], b.pieces[:0]
}

func (b *templateBuilder) text(s string) { b.pending = append(b.pending, s...) }

func (b *templateBuilder) variable(name string) {
	b.flush()
	b.pieces = append(b.pieces, piece{text: name, variable: true})
}

func (b *templateBuilder) flush() {
	if len(b.pending) > 0 {
		b.pieces = append(b.pieces, piece{text: string(b.pending)})
		b.pending = b.pending[:0]
	}
}

func (b *templateBuilder) finish() template {
	if len(b.pieces) == 0 {
		return template{literal: string(b.pending)}
	}
	b.flush()
	return template{pieces: slices.Clone(b.pieces)}
}
