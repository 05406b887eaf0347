package compilation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// minTick is the least age at which a file's ctime tells it from a version written
// after it: kernels before 6.13 stamp with a clock of up to 10 ms steps.
const minTick = 20 * time.Millisecond

// maxDigests bounds the memory of pairs, old versions of files among them, to some
// 50 MB; reading everything again after that costs a second.
const maxDigests = 300_000

// errNotRegular is returned for what has no content of its own: folders, pipes,
// devices, and files that are not there.
var errNotRegular = errors.New("not a regular file")

// digests remembers which content a signature stands for, by the racy rule of git
// (https://git-scm.com/docs/racy-git): a pair is kept only if the content was read
// a tick or more after the file's last change, so that a later change must have
// given the file another signature.
type digests struct {
	tick time.Duration
	now  func() time.Time

	mu    sync.Mutex
	known map[ipc.Signature]cache.Digest
	busy  map[ipc.Signature]*hashing
}

// hashing is a file being read, for all who ask for it meanwhile.
type hashing struct {
	done   chan struct{}
	digest cache.Digest
	sig    ipc.Signature
	err    error
}

func newDigests(tick time.Duration, now func() time.Time) *digests {
	return &digests{
		tick: max(tick, minTick), now: now,
		known: make(map[ipc.Signature]cache.Digest), busy: make(map[ipc.Signature]*hashing),
	}
}

// of returns the digest of the file at path, which had signature sig when it was
// last looked at, and the signature that the digest belongs to: another one if the
// file has changed since.
func (d *digests) of(path string, sig ipc.Signature) (cache.Digest, ipc.Signature, error) {
	if !sig.IsRegular() {
		return cache.Digest{}, sig, errNotRegular
	}
	d.mu.Lock()
	if known, ok := d.known[sig]; ok {
		d.mu.Unlock()
		return known, sig, nil
	}
	if other := d.busy[sig]; other != nil {
		d.mu.Unlock()
		<-other.done
		return other.digest, other.sig, other.err
	}
	h := &hashing{done: make(chan struct{})}
	d.busy[sig] = h
	d.mu.Unlock()

	begin := d.now()
	h.digest, h.sig, h.err = hashFile(path)
	d.mu.Lock()
	delete(d.busy, sig)
	if h.err == nil && d.settled(h.sig, begin) {
		d.remember(h.sig, h.digest)
	}
	d.mu.Unlock()
	close(h.done)
	return h.digest, h.sig, h.err
}

// settled reports whether a file with this signature has been left alone for a tick
// at a moment. One from the future has not.
func (d *digests) settled(sig ipc.Signature, at time.Time) bool {
	return at.UnixNano()-sig.Ctime >= int64(d.tick)
}

// trust records the digest of a file that we have just written under a name that
// nobody else writes to: there is no need to wait for a tick to believe ourselves.
func (d *digests) trust(sig ipc.Signature, content cache.Digest) {
	if !sig.IsRegular() {
		return
	}
	d.mu.Lock()
	d.remember(sig, content)
	d.mu.Unlock()
}

// remember needs d.mu.
func (d *digests) remember(sig ipc.Signature, content cache.Digest) {
	if len(d.known) >= maxDigests {
		clear(d.known)
	}
	d.known[sig] = content
}

// snapshot returns a copy of what is known, for the state file.
func (d *digests) snapshot() map[ipc.Signature]cache.Digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[ipc.Signature]cache.Digest, len(d.known))
	for s, h := range d.known {
		out[s] = h
	}
	return out
}

// hashFile reads a file until it stays the same while it is read.
func hashFile(path string) (cache.Digest, ipc.Signature, error) {
	for range 3 {
		sum, sig, err := hashOnce(path)
		if err != nil || sig.Exists() {
			return sum, sig, err
		}
	}
	return cache.Digest{}, ipc.Signature{}, fmt.Errorf("%s does not stop changing", path)
}

// hashOnce returns the zero Signature if the file changed meanwhile.
func hashOnce(path string) (sum cache.Digest, sig ipc.Signature, err error) {
	f, err := openRegular(path)
	if err != nil {
		return sum, sig, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return sum, sig, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, sig, fmt.Errorf("read %s: %w", path, err)
	}
	after, err := f.Stat()
	if err != nil {
		return sum, sig, err
	}
	if ipc.SignatureOf(before) == ipc.SignatureOf(after) {
		sig = ipc.SignatureOf(after)
	}
	h.Sum(sum[:0])
	return sum, sig, nil
}

// openRegular opens a file for reading, but no pipe, which would block.
func openRegular(path string) (*os.File, error) {
	if !ipc.StatSignature(path).IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNotRegular)
	}
	return os.Open(path)
}
