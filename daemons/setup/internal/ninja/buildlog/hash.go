package buildlog

import (
	"encoding/binary"
	"math/bits"
)

// HashCommand is the hash of a command in a log of this version.
func (l *Log) HashCommand(command string) uint64 {
	if l.version >= 7 {
		return rapid(command)
	}
	return murmur(command)
}

// murmur is MurmurHash64A with the seed that ninja uses.
func murmur(s string) uint64 {
	const (
		seed = 0xDECAFBADDECAFBAD
		m    = 0xc6a4a7935bd1e995
		r    = 47
	)
	h := uint64(seed) ^ uint64(len(s))*m
	data := []byte(s)
	for len(data) >= 8 {
		k := binary.LittleEndian.Uint64(data) * m
		k ^= k >> r
		h = (h ^ k*m) * m
		data = data[8:]
	}
	if len(data) > 0 {
		var tail [8]byte
		copy(tail[:], data)
		h = (h ^ binary.LittleEndian.Uint64(tail[:])) * m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}

// The constants of rapidhash, version 1.
const (
	rapidSeed = 0xbdd89aa982704029
	secret0   = 0x2d358dccaa6c78a5
	secret1   = 0x8bb84b93962eacc9
	secret2   = 0x4b33a62ed433d4a3
)

// mix multiplies to 128 bits and folds them.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// rapid is rapidhash, version 1, with its own seed.
func rapid(s string) uint64 {
	data := []byte(s)
	n := uint64(len(data))
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(data[at:]) }
	seed := rapidSeed ^ mix(rapidSeed^secret0, secret1) ^ n
	var a, b uint64
	switch {
	case n > 16:
		rest := data
		if len(rest) > 48 {
			one, two := seed, seed
			for {
				seed = mix(u64(0)^secret0, u64(8)^seed)
				one = mix(u64(16)^secret1, u64(24)^one)
				two = mix(u64(32)^secret2, u64(40)^two)
				data = data[48:]
				if len(data) < 48 {
					break
				}
			}
			seed ^= one ^ two
		}
		if len(data) > 16 {
			seed = mix(u64(0)^secret2, u64(8)^seed^secret1)
			if len(data) > 32 {
				seed = mix(u64(16)^secret2, u64(24)^seed)
			}
		}
		end := len(rest)
		a = binary.LittleEndian.Uint64(rest[end-16:])
		b = binary.LittleEndian.Uint64(rest[end-8:])
	case n >= 4:
		u32 := func(at uint64) uint64 { return uint64(binary.LittleEndian.Uint32(data[at:])) }
		last := n - 4
		delta := (n & 24) >> (n >> 3)
		a = u32(0)<<32 | u32(last)
		b = u32(delta)<<32 | u32(last-delta)
	case n > 0:
		a = uint64(data[0])<<56 | uint64(data[n>>1])<<32 | uint64(data[n-1])
	}
	hi, lo := bits.Mul64(a^secret1, b^seed)
	return mix(lo^secret0^n, hi^secret1)
}
