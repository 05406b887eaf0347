package discovery

import (
	"encoding/binary"

	"github.com/RepliBuild/replibuild/ipc"
)

// packed is ascending numbers as differences in variable length: a million edges
// take one to two bytes each.
type packed []byte

func pack(ascending []uint32) packed {
	out := make(packed, 0, len(ascending)+len(ascending)/4+1)
	before := uint32(0)
	for _, n := range ascending {
		out = binary.AppendUvarint(out, uint64(n-before))
		before = n
	}
	return out[:len(out):len(out)]
}

// unpack appends the numbers to into.
func (p packed) unpack(into []uint32) []uint32 {
	n := uint32(0)
	for len(p) > 0 {
		d, size := binary.Uvarint(p)
		if size <= 0 {
			return into
		}
		n += uint32(d)
		into = append(into, n)
		p = p[size:]
	}
	return into
}

// maxSignature is the longest packed signature.
const maxSignature = 6 * binary.MaxVarintLen64

// appendSignature writes a signature in a form that is equal exactly for equal
// signatures.
func appendSignature(b []byte, s ipc.Signature) []byte {
	b = binary.AppendUvarint(b, s.Dev)
	b = binary.AppendUvarint(b, s.Ino)
	b = binary.AppendVarint(b, s.Size)
	b = binary.AppendVarint(b, s.Mtime)
	b = binary.AppendVarint(b, s.Ctime)
	return binary.AppendUvarint(b, uint64(s.Mode))
}

func packSignature(s ipc.Signature) string {
	var buf [maxSignature]byte
	return string(appendSignature(buf[:0], s))
}

// unpackSignature is the opposite of packSignature.
func unpackSignature(p string) (s ipc.Signature) {
	b := []byte(p)
	unsigned := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		return v
	}
	signed := func() int64 {
		v, n := binary.Varint(b)
		b = b[max(n, 0):]
		return v
	}
	s.Dev, s.Ino = unsigned(), unsigned()
	s.Size, s.Mtime, s.Ctime = signed(), signed(), signed()
	s.Mode = uint32(unsigned())
	return s
}

// nothing is the packed signature of a file that is not there.
var nothing = packSignature(ipc.Signature{})
