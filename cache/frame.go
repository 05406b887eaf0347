package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Entry and manifest files have one frame: eight bytes of magic with the version,
// the payload's length, its SHA-256, the payload, nothing after it.
const (
	entryMagic    = "RBentry1"
	manifestMagic = "RBmanif1"
	frameHeader   = 8 + 8 + sha256.Size
	maxFrame      = 64 << 20 // diagnostics are bounded by the caller; a manifest is far smaller
)

// ErrDamaged is matched by errors that mean that a stored file has another content than
// was stored. The file has been deleted and counted; it is a miss.
var ErrDamaged = errors.New("damaged cache entry")

func frame(magic string, payload []byte) []byte {
	sum := sha256.Sum256(payload)
	b := make([]byte, 0, frameHeader+len(payload))
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(payload)))
	b = append(b, sum[:]...)
	return append(b, payload...)
}

// unframe returns the payload, or ErrDamaged.
func unframe(magic string, b []byte) ([]byte, error) {
	if len(b) < frameHeader || string(b[:8]) != magic {
		return nil, ErrDamaged
	}
	payload := b[frameHeader:]
	sum := sha256.Sum256(payload)
	if binary.LittleEndian.Uint64(b[8:]) != uint64(len(payload)) || !bytes.Equal(sum[:], b[16:frameHeader]) {
		return nil, ErrDamaged
	}
	return payload, nil
}

// errUnreadable is matched by errors that say nothing about the content: out of
// descriptors, a failing disk, no permission. It is a miss; nothing is deleted.
var errUnreadable = errors.New("cannot be read")

// readFrame reads a framed file. A file that is not there gives fs.ErrNotExist, one that
// the system does not let us read gives errUnreadable, wrong content gives ErrDamaged.
func readFrame(path, magic string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, missingOr(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFrame {
		return nil, ErrDamaged
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, missingOr(err)
	}
	return unframe(magic, b)
}

// missingOr keeps fs.ErrNotExist and makes errUnreadable of everything else.
func missingOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}
