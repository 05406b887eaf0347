package remotehelper

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// blobFile is a blob on its way into a folder. It gets its name, the digest in hex, when
// size and SHA-256 have been checked; until then it is a temporary file.
type blobFile struct {
	want remotewire.File
	dir  string
	file *os.File
	hash hash.Hash
	got  int64
}

func newBlobFile(dir string, want remotewire.File) (*blobFile, error) {
	file, err := os.CreateTemp(dir, ".blob.*.tmp") // 0600
	if err != nil {
		return nil, fault(remotewire.CauseLocal, "%v", err)
	}
	return &blobFile{want: want, dir: dir, file: file, hash: sha256.New()}, nil
}

// Write implements [io.Writer]. It refuses what goes beyond the size, so that a stream
// without an end is left at once.
func (b *blobFile) Write(p []byte) (int, error) {
	b.got += int64(len(p))
	if b.got > b.want.Size {
		return 0, fault(remotewire.CauseDamaged, "the blob %s is larger than its %d bytes", b.want.Digest, b.want.Size)
	}
	b.hash.Write(p)
	if _, err := b.file.Write(p); err != nil {
		return 0, fault(remotewire.CauseLocal, "%v", err)
	}
	return len(p), nil
}

// finish gives the blob its name if it is what it should be, and removes it if not, or if
// err says that its transfer failed.
func (b *blobFile) finish(err error) error {
	if err == nil {
		err = check(b.want, b.got, b.hash)
	}
	closing := b.file.Close()
	if err == nil && closing == nil {
		closing = os.Rename(b.file.Name(), filepath.Join(b.dir, b.want.Digest.String()))
	}
	if err == nil && closing != nil {
		err = fault(remotewire.CauseLocal, "%v", closing)
	}
	if err != nil {
		os.Remove(b.file.Name())
	}
	return err
}

func check(want remotewire.File, size int64, h hash.Hash) error {
	switch {
	case size != want.Size:
		return fault(remotewire.CauseDamaged, "the blob %s has %d bytes instead of %d", want.Digest, size, want.Size)
	case remotewire.Digest(h.Sum(nil)) != want.Digest:
		return fault(remotewire.CauseDamaged, "the blob %s has other content than its name says", want.Digest)
	}
	return nil
}

// receive writes what r brings as a blob into dir.
func receive(dir string, want remotewire.File, r io.Reader) error {
	b, err := newBlobFile(dir, want)
	if err != nil {
		return err
	}
	_, err = io.Copy(b, r)
	return b.finish(err)
}

// checked reads a blob of a known size into memory.
func checked(want remotewire.File, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, want.Size+1))
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(data)
	return data, check(want, int64(len(data)), h)
}

// openBlob opens the file that a blob is uploaded from.
func openBlob(f remotewire.File) (*os.File, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fault(remotewire.CauseLocal, "%v", err)
	}
	return file, nil
}

// readBlob reads a blob to upload, and checks that the file is still what it should be.
func readBlob(f remotewire.File) ([]byte, error) {
	if f.Data != nil {
		return f.Data, nil
	}
	file, err := openBlob(f)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := checked(f, file)
	return data, local(err)
}

// local says that an error comes from a file of this machine.
func local(err error) error {
	if err == nil {
		return nil
	}
	return fault(remotewire.CauseLocal, "%v", err)
}

// verifying is a file that is uploaded while it is hashed. Instead of its end it reports an
// error if the content is not what it should be.
type verifying struct {
	file io.Reader
	want remotewire.File
	hash hash.Hash
	got  int64
}

func newVerifying(file io.Reader, want remotewire.File) *verifying {
	return &verifying{file: file, want: want, hash: sha256.New()}
}

// Read implements [io.Reader].
func (v *verifying) Read(p []byte) (int, error) {
	n, err := v.file.Read(p)
	v.got += int64(n)
	v.hash.Write(p[:n])
	var at *fs.PathError
	switch {
	case err == io.EOF || v.got > v.want.Size:
		if wrong := check(v.want, v.got, v.hash); wrong != nil {
			return n, local(wrong)
		}
	case errors.As(err, &at):
		return n, local(err)
	}
	return n, err
}

// distinct returns the files with different digests and some content, each once. Nothing has
// to be transferred for an empty one.
func distinct(files []remotewire.File) (all []remotewire.File) {
	seen := map[remotewire.Digest]bool{}
	for _, f := range files {
		if !seen[f.Digest] && f.Size > 0 {
			seen[f.Digest] = true
			all = append(all, f)
		}
	}
	return all
}

// emptyFiles writes the empty blobs among files.
func emptyFiles(dir string, files []remotewire.File) error {
	for _, f := range files {
		if f.Size == 0 {
			if err := receive(dir, f, bytes.NewReader(nil)); err != nil {
				return err
			}
		}
	}
	return nil
}
