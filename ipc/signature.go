package ipc

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Signature is what stat says of a file, following links: equal signatures, taken
// a clock tick or more after the file's ctime, mean equal content (git's racy
// rule, https://git-scm.com/docs/racy-git). The zero Signature means "not there".
// On the wire it is one string of six hexadecimal numbers joined by dots.
type Signature struct {
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime int64 // ns since 1970
	Mode         uint32
}

// Exists reports whether there was a file.
func (s Signature) Exists() bool { return s != Signature{} }

// IsDir reports whether the file was a folder.
func (s Signature) IsDir() bool { return s.Exists() && isDirMode(s.Mode) }

// IsRegular reports whether the file was a regular file.
func (s Signature) IsRegular() bool { return s.Exists() && isRegularMode(s.Mode) }

// IsLink reports whether the file was a symbolic link; only [LinkSignature] meets one.
func (s Signature) IsLink() bool { return s.Exists() && isLinkMode(s.Mode) }

// MarshalText implements encoding.TextMarshaler.
func (s Signature) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 72)
	for i, v := range [...]uint64{s.Dev, s.Ino, uint64(s.Size), uint64(s.Mtime), uint64(s.Ctime), uint64(s.Mode)} {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, v, 16)
	}
	return b, nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Signature) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), ".")
	if len(parts) != 6 {
		return fmt.Errorf("signature %q: want six numbers", text)
	}
	var v [6]uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 16, 64)
		if err != nil {
			return fmt.Errorf("signature %q: %w", text, err)
		}
		v[i] = n
	}
	*s = Signature{Dev: v[0], Ino: v[1], Size: int64(v[2]), Mtime: int64(v[3]), Ctime: int64(v[4]), Mode: uint32(v[5])}
	return nil
}

// StatSignature signs the file at path, following links. A file that is not there,
// whatever the errno says (ENOENT, ENOTDIR, EACCES, ELOOP …), has the zero Signature: a
// compiler cannot find it either.
func StatSignature(path string) Signature {
	s, err := statSignature(path)
	if err != nil {
		return Signature{}
	}
	return s
}

// LinkSignature is [StatSignature] of the path itself: a symbolic link is not followed.
func LinkSignature(path string) Signature {
	s, err := linkSignature(path)
	if err != nil {
		return Signature{}
	}
	return s
}

// SignatureOf turns what os.Stat returned into a Signature.
func SignatureOf(fi fs.FileInfo) Signature { return signatureOf(fi) }
