package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
)

// keySchema is part of every key: a change of what goes into keys makes all old
// entries unreachable.
const keySchema = 2

// Key hashes named fields into a digest. Every name, value and count is preceded
// by its length, so two different sequences of fields never give the same bytes.
type Key struct {
	hash  hash.Hash
	trace []string
}

// NewKey starts a key of a kind ("compile", "link", …); kinds never collide.
func NewKey(kind string) *Key {
	k := &Key{hash: sha256.New()}
	k.number(keySchema)
	k.text(kind)
	k.trace = append(k.trace, "kind="+kind)
	return k
}

// Field adds a named list of values; no value and one empty value differ.
func (k *Key) Field(name string, values ...string) *Key {
	k.text(name)
	k.number(uint64(len(values)))
	for _, v := range values {
		k.text(v)
	}
	k.trace = append(k.trace, fmt.Sprintf("%s=%q", name, values))
	return k
}

// Digest adds a named digest.
func (k *Key) Digest(name string, d Digest) *Key { return k.Field(name, d.String()) }

// Sum returns the digest of all that was added.
func (k *Key) Sum() Digest { return Digest(k.hash.Sum(nil)) }

// Trace tells, a field a line, what was hashed.
func (k *Key) Trace() string { return strings.Join(k.trace, "\n") }

func (k *Key) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	k.hash.Write(b[:])
}

func (k *Key) text(s string) {
	k.number(uint64(len(s)))
	k.hash.Write([]byte(s))
}
