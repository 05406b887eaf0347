package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// Digest is a SHA-256, the hash that remote caches speak.
type Digest [sha256.Size]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	if err == nil {
		*d = parsed
	}
	return err
}

// ParseDigest reads what String wrote.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("digest %q: want %d hexadecimal digits", s, hex.EncodedLen(len(d)))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", s, err)
	}
	return d, nil
}

// HashBytes returns the digest of b.
func HashBytes(b []byte) Digest { return sha256.Sum256(b) }

// HashFile returns the digest and the size of a file's content.
func HashFile(path string) (Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return Digest{}, 0, err
	}
	defer f.Close()
	return hashFrom(f)
}

// HashOpen returns the digest of an open file's content, and leaves the file at its
// beginning.
func HashOpen(f *os.File) (Digest, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Digest{}, fmt.Errorf("hash %s: %w", f.Name(), err)
	}
	d, _, err := hashFrom(f)
	if err != nil {
		return Digest{}, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return d, err
}

func hashFrom(f *os.File) (Digest, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Digest{}, 0, fmt.Errorf("hash %s: %w", f.Name(), err)
	}
	return Digest(h.Sum(nil)), n, nil
}
