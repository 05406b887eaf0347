package snapshot

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// maxDigests bounds the memory of pairs, old versions of files among them, to some
// 50 MB; reading everything again after that costs a second.
const maxDigests = 300_000

// errNotRegular is returned for what has no content of its own: folders, pipes,
// devices, and files that are not there.
var errNotRegular = errors.New("not a regular file")

// HashCache remembers which content a signature stands for, by the racy rule of git
// (https://git-scm.com/docs/racy-git): a pair is kept only if the file was settled when
// its content was read, so that a later change must have given it another signature, and
// only if no process had it open for writing: writes through a mapping change the
// signature once only.
type HashCache struct {
	now func() time.Time

	mu    sync.Mutex
	known map[ipc.Signature]cache.Digest
	busy  map[ipc.Signature]*hashing
}

// content is what was read of a file.
type content struct {
	Digest cache.Digest
	Sig    ipc.Signature // that the digest belongs to
	doubt  string        // why another content may have the same signature
}

// hashing is a file being read, for all who ask for it meanwhile.
type hashing struct {
	done chan struct{}
	content
	err error
}

// NewHashCache makes an empty one; now is the clock.
func NewHashCache(now func() time.Time) *HashCache {
	return &HashCache{now: now, known: make(map[ipc.Signature]cache.Digest), busy: make(map[ipc.Signature]*hashing)}
}

// Hash returns the content of the file at path, which had signature sig when it was last
// looked at. The content has another signature if the file has changed since.
func (d *HashCache) Hash(path string, sig ipc.Signature) (content, error) {
	if !sig.IsRegular() {
		return content{Sig: sig}, errNotRegular
	}
	d.mu.Lock()
	if known, ok := d.known[sig]; ok {
		d.mu.Unlock()
		return content{Digest: known, Sig: sig}, nil
	}
	if other := d.busy[sig]; other != nil {
		d.mu.Unlock()
		<-other.done
		return other.content, other.err
	}
	h := &hashing{done: make(chan struct{})}
	d.busy[sig] = h
	d.mu.Unlock()

	begin := d.now()
	h.content, h.err = HashFile(path)
	var disks stamps.Disks // asked about one file
	settled := disks.IsSettled(path, h.Sig, begin.UnixNano())
	if !settled && disks.IsCoarse(path, h.Sig) {
		h.doubt = cmp.Or(h.doubt, tooYoung)
	}
	d.mu.Lock()
	delete(d.busy, sig)
	if h.err == nil && settled && h.doubt == "" {
		d.remember(h.Sig, h.Digest)
	}
	d.mu.Unlock()
	close(h.done)
	return h.content, h.err
}

// Reasons to doubt a content.
const (
	tooYoung     = "was changed less than two seconds before it was read, and its file system does not tell changes apart that are so close"
	beingWritten = "is open for writing"
)

// knows reports whether every file with a signature has a content.
func (d *HashCache) knows(sig ipc.Signature, want cache.Digest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	is, known := d.known[sig]
	return known && is == want
}

// Trust records the digest of a file that we have just written under a name that
// nobody else writes to: there is no need to wait for a tick to believe ourselves.
func (d *HashCache) Trust(sig ipc.Signature, content cache.Digest) {
	if !sig.IsRegular() {
		return
	}
	d.mu.Lock()
	d.remember(sig, content)
	d.mu.Unlock()
}

// remember needs d.mu.
func (d *HashCache) remember(sig ipc.Signature, content cache.Digest) {
	if len(d.known) >= maxDigests {
		clear(d.known)
	}
	d.known[sig] = content
}

// Count is how many contents are known.
func (d *HashCache) Count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.known)
}

// All returns a copy of what is known, for the state file.
func (d *HashCache) All() map[ipc.Signature]cache.Digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[ipc.Signature]cache.Digest, len(d.known))
	for s, h := range d.known {
		out[s] = h
	}
	return out
}

// HashFile reads a file until it stays the same while it is read.
func HashFile(path string) (content, error) {
	for range 3 {
		c, err := hashOnce(path)
		if err != nil || c.Sig.Exists() {
			return c, err
		}
	}
	return content{}, fmt.Errorf("%s does not stop changing", path)
}

// hashOnce returns the zero Signature if the file changed meanwhile.
func hashOnce(path string) (c content, err error) {
	f, err := openRegular(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	if stamps.IsBeingWritten(f) { // before it is read: who opens it later stamps it
		c.doubt = beingWritten
	}
	before, err := f.Stat()
	if err != nil {
		return c, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return c, fmt.Errorf("read %s: %w", path, err)
	}
	after, err := f.Stat()
	if err != nil {
		return c, err
	}
	if ipc.SignatureOf(before) == ipc.SignatureOf(after) {
		c.Sig = ipc.SignatureOf(after)
	}
	h.Sum(c.Digest[:0])
	return c, nil
}

// openRegular opens a file for reading, but no pipe, which would block.
func openRegular(path string) (*os.File, error) {
	if !ipc.StatSignature(path).IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNotRegular)
	}
	return os.Open(path)
}
