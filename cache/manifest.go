package cache

import (
	"encoding/binary"
	"slices"
)

// maxSets bounds the input sets of one manifest; the one that matched longest ago
// goes first. Switching between a few branches needs a handful.
const maxSets = 16

// encodeManifest writes sets with every string once: a count of strings, the
// strings, then each set as indices into them. Numbers are varints.
func encodeManifest(sets []InputSet) []byte {
	e := encoder{index: make(map[string]uint64)}
	e.number(uint64(len(sets)))
	for _, s := range sets {
		e.digest(s.Action)
		e.number(uint64(len(s.Inputs)))
		for _, in := range s.Inputs {
			e.text(in.Path)
			e.digest(in.Digest)
		}
		e.number(uint64(len(s.Misses)))
		for _, m := range s.Misses {
			e.text(m.Dir)
			e.number(uint64(len(m.Names)))
			for _, n := range m.Names {
				e.text(n)
			}
		}
		e.number(uint64(len(s.Listings)))
		for _, l := range s.Listings {
			e.text(l.Dir)
			e.text(l.Match)
			e.text(l.Digest)
		}
	}
	return append(e.table(), e.body...)
}

// decodeManifest reads what encodeManifest wrote; ok is false for anything else.
func decodeManifest(b []byte) (sets []InputSet, ok bool) {
	d := decoder{rest: b}
	d.table()
	for range d.count(sha256Size) {
		s := InputSet{Action: d.digest()}
		for range d.count(1 + sha256Size) {
			s.Inputs = append(s.Inputs, Input{d.text(), d.digest()})
		}
		for range d.count(2) {
			m := Miss{Dir: d.text()}
			for range d.count(1) {
				m.Names = append(m.Names, d.text())
			}
			s.Misses = append(s.Misses, m)
		}
		for range d.count(3) {
			s.Listings = append(s.Listings, Listing{d.text(), d.text(), d.text()})
		}
		sets = append(sets, s)
	}
	return sets, !d.bad && len(d.rest) == 0
}

const sha256Size = len(Digest{})

type encoder struct {
	body    []byte
	strings []string
	index   map[string]uint64
}

func (e *encoder) number(n uint64) { e.body = binary.AppendUvarint(e.body, n) }
func (e *encoder) digest(d Digest) { e.body = append(e.body, d[:]...) }

func (e *encoder) text(s string) {
	i, known := e.index[s]
	if !known {
		i = uint64(len(e.strings))
		e.index[s] = i
		e.strings = append(e.strings, s)
	}
	e.number(i)
}

func (e *encoder) table() []byte {
	b := binary.AppendUvarint(nil, uint64(len(e.strings)))
	for _, s := range e.strings {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// decoder reads as long as nothing is wrong; after that it returns zeros.
type decoder struct {
	rest    []byte
	strings []string
	bad     bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// count reads how many things of at least size bytes follow; a number that is too large
// for the rest of the file is damage, and is never used for an allocation.
func (d *decoder) count(size int) int {
	n := d.number()
	if n > uint64(len(d.rest)/size) {
		d.bad, d.rest = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) digest() (out Digest) {
	copy(out[:], d.bytes(sha256Size))
	return out
}

func (d *decoder) table() {
	for range d.count(1) {
		d.strings = append(d.strings, string(d.bytes(d.count(1))))
	}
}

func (d *decoder) text() string {
	i := d.number()
	if i >= uint64(len(d.strings)) {
		d.bad, d.rest = true, nil
		return ""
	}
	return d.strings[i]
}

// EncodeSet writes one set in the form of the store's files; equal sets have equal bytes.
func EncodeSet(s InputSet) []byte { return encodeManifest([]InputSet{s}) }

// DecodeSet reads what [EncodeSet] wrote; ok is false for anything else. Whatever the bytes
// are, it takes memory in proportion to their number only.
func DecodeSet(b []byte) (s InputSet, ok bool) {
	sets, ok := decodeManifest(b)
	if !ok || len(sets) != 1 {
		return InputSet{}, false
	}
	return sets[0], true
}

// withSet returns sets with s first, an equal one or one of the same action
// replaced, the oldest beyond maxSets dropped.
func withSet(sets []InputSet, s InputSet) []InputSet {
	sets = slices.DeleteFunc(slices.Clone(sets), func(old InputSet) bool { return old.Action == s.Action })
	sets = slices.Insert(sets, 0, s)
	return sets[:min(len(sets), maxSets)]
}
