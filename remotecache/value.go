package remotecache

import (
	"encoding/hex"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// Key names a value: a SHA-256 of all that the value depends on, made by the caller.
type Key [32]byte

// String is the key in hex.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// File is one file of a value.
type File struct {
	Name       string   // unique in the value; a relative path with forward slashes
	Digest     [32]byte // SHA-256 of the content
	Size       int64    // bytes
	Executable bool
	Contents   []byte // the content where a look-up brought it along, already checked; else nil
}

// Hex is the digest in hex: the name that [Client.Fetch] gives the file.
func (f File) Hex() string { return hex.EncodeToString(f.Digest[:]) }

// Value is what a key stands for.
type Value struct {
	Files []File
	Meta  []byte // bytes of the caller's that come with each look-up; at most [MaxMeta]
}

// MaxMeta is how many bytes Meta may have. A value with more is not stored.
const MaxMeta = 1 << 20

// size is the sum of the sizes of the files in bytes.
func size(files []File) (sum int64) {
	for _, f := range files {
		sum += f.Size
	}
	return sum
}

// largest is the size of the largest file in bytes.
func largest(files []File) (most int64) {
	for _, f := range files {
		most = max(most, f.Size)
	}
	return most
}

func toWire(files []File) []remotewire.File {
	all := make([]remotewire.File, len(files))
	for i, f := range files {
		all[i] = remotewire.File{Name: f.Name, Digest: f.Digest, Size: f.Size, Executable: f.Executable}
	}
	return all
}

// fromWire is the value that a look-up found.
func fromWire(r remotewire.Reply, body []byte) (*Value, error) {
	contents, err := remotewire.Contents(r.Files, body)
	if err != nil {
		return nil, err
	}
	v := &Value{Meta: r.Meta, Files: make([]File, len(r.Files))}
	for i, f := range r.Files {
		v.Files[i] = File{Name: f.Name, Digest: f.Digest, Size: f.Size, Executable: f.Executable, Contents: contents[i]}
	}
	return v, nil
}
