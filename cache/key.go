package cache

import (
	"encoding/binary"
	"slices"
)

// keySchema is part of every key: a change of what goes into keys makes all old
// entries unreachable.
const keySchema = 3

// Key hashes named fields into a digest. Every name, value and count is preceded
// by its length, so two different sequences of fields never give the same bytes.
type Key struct{ buf []byte }

// NewKey starts a key of a kind ("compile", "link", …); kinds never collide.
func NewKey(kind string) *Key {
	k := &Key{}
	k.number(keySchema)
	k.add(kind)
	return k
}

// Field adds a named list of values; no value and one empty value differ.
func (k *Key) Field(name string, values ...string) *Key {
	size := 16 + len(name)
	for _, v := range values {
		size += 8 + len(v)
	}
	k.buf = slices.Grow(k.buf, size) // thousands of names
	k.add(name)
	k.number(uint64(len(values)))
	for _, v := range values {
		k.add(v)
	}
	return k
}

// Digest adds a named digest.
func (k *Key) Digest(name string, d Digest) *Key { return k.Field(name, d.String()) }

// Sum returns the digest of all that was added.
func (k *Key) Sum() Digest { return HashBytes(k.buf) }

func (k *Key) number(n uint64) { k.buf = binary.LittleEndian.AppendUint64(k.buf, n) }

func (k *Key) add(s string) {
	k.number(uint64(len(s)))
	k.buf = append(k.buf, s...)
}
